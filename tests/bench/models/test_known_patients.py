"""Patients of the training data in new data: who counts as such, what messages say, and who may stay."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from bench import api
from bench.models.model import read_learnt_from
from bench.plan.known import KnownPatientError, LearntFrom, look_text
from bench.stages.looks import look
from preprocessing.regions.base import patient_digest
from tests.bench.models.parts import fit, go
from tests.bench.models.test_predict_datasets import pictures

GRID = """
name: pictures
data: {{image_table: {{table: {table}, locations: [place], labels: [grade]}}}}
targets: [grade]
sequences: [image]
encoders: [raw_pixels: {{size: 8}}]
heads: [logistic]
protocol: {{folds: 2, identical_images: exclude{protocol}}}
"""


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """A table of 8 patients, and of patient z whose pictures are those of a0; and a model."""
    base = tmp_path_factory.mktemp("known")
    table = pictures(base / "train", [f"a{i}" for i in range(8)], seed=0, labels=(0, 1), age=False)
    rows = pd.read_csv(table)
    pd.concat([rows, rows[rows["patient"] == "a0"].assign(patient="z")]).to_csv(table, index=False)
    return table, fit(base, go(base, GRID.format(table=table, protocol="")).folder)


@pytest.fixture
def predict(train, tmp_path):
    def one(table, **options):
        where = {"store": tmp_path / "store", "device": "cpu", "jobs": 1, "out": tmp_path / f"out_{table.parent.name}"}
        return api.predict(train[1], {"image_table": {"table": str(table)}}, **where | options)

    return one


def copied(folder, table, names):
    """A table of new patients, the first of whom has a brighter copy of a training picture."""
    new = pictures(folder, names, seed=5, labels=(0, 1), age=False)
    picture = cv2.imread(str(table.parent / "a3_0.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(folder / f"{names[0]}_0.png"), (picture * 0.8 + 30).astype(np.uint8))
    return new


def test_a_patient_from_whom_nothing_was_learnt_is_not_known_by_id(train, predict, tmp_path):
    learnt = read_learnt_from(train[1])
    assert learnt.patients == {patient_digest(f"a{i}") for i in range(8)}
    assert len(learnt.scans) == 16
    words = r"9 of 9 patients may be .*: 8 have the id of .* \(a0; a1; a2 and 5 more\), 9 have a scan with the pixels"
    with pytest.raises(KnownPatientError, match=words):
        predict(train[0])
    found = predict(pictures(tmp_path / "new", ["z", "b1"], seed=3, labels=(0, 1), age=False))
    assert set(found.table["patient"]) == {"z", "b1"}


def test_classes_are_those_of_the_patients_who_are_left(predict, tmp_path):
    new = pictures(tmp_path / "new", ["a1", "b1", "b2"], seed=4, labels=(0, 1), age=False)
    table = pd.read_csv(new)
    table["grade"] = (table["patient"] != "a1").astype(int)
    table.to_csv(new, index=False)
    found = predict(new, exclude_known=True)
    assert "No sample of grade with the class 0 is left: all are of patients left out." in found.notes
    assert not any("the dataset has no sample" in note for note in found.notes)
    assert "1 patient was left out, whose id or scan is, or may be, of the training data." in " ".join(
        (found.folder / "scores.md").read_text().split()
    )
    table[table["patient"] != "a1"].to_csv(new, index=False)
    plain = predict(new, out=tmp_path / "plain")
    assert "Classes of grade do not match: the dataset has no sample of 0." in plain.notes
    table.assign(grade=[0, 1, 7, 7, 7, 7]).to_csv(new, index=False)
    nothing = predict(new, exclude_known=True, out=tmp_path / "nothing")
    note = "No sample that is left has a label of grade that the model knows, so there are no scores."
    assert note in nothing.notes and nothing.scores is None


def test_an_external_test_names_both_scans_and_keeps_what_near_duplicates_allow(train, tmp_path):
    new = copied(tmp_path / "new", train[0], [f"b{i}" for i in range(4)])
    text = GRID + f"external: {{{{image_table: {{{{table: {new}}}}}}}}}\n"
    pair = r"patient b0, study \S+: like a scan of training study a3\S*, likeness \d\.\d\d"
    words = rf"1 has a scan that looks like .* \({pair}\)\..*near_duplicates: allow"
    with pytest.raises(KnownPatientError, match=f"1 of 4 patients may be .*: {words}"):
        go(tmp_path, text.format(table=train[0], protocol=""))
    ran = go(tmp_path, text.format(table=train[0], protocol=", near_duplicates: allow"))
    about = json.loads((ran.folder / "external" / "run.json").read_text())["protocol"]["external"]
    assert (about["left_out"], about["kept_alike"]) == (0, 1)
    assert any(note.endswith("is kept, since near-duplicates are allowed.") for note in about["notes"]["grade"])
    methods = api.open(ran.folder).methods()
    assert "none was found, and 1 whose scans merely look like scans of training were kept" in methods


def test_scans_merely_alike_may_stay_and_known_patients_may_not():
    rng = np.random.default_rng(0)
    scans = [rng.normal(100, 30, (1, 40, 40)).astype(np.float32) for _ in range(3)]
    texts = [look_text(look(one)) for one in (*scans, scans[2][:, ::-1] * 2 + 5)]
    learnt = LearntFrom.of(
        ["P1"], ["d1", "d3"], [texts[0], texts[2]], ids_known=True, study_of={"d1": "s1", texts[2]: "s3"}
    )
    patients = {"n1": "p01", "n2": "x", "n3": "y", "n4": "new"}
    digests = {"n1": ["d9"], "n2": ["d1"], "n3": ["d8"], "n4": ["d7"]}
    looks = {"n1": [texts[1]], "n2": [texts[0]], "n3": [texts[3]], "n4": [texts[1]]}
    found = learnt.known(patients, digests, looks, compare_ids=True)
    assert (found.by_id, [one.patient for one in found.by_scan]) == (("p01",), ["x"])
    assert found.why() == (
        "1 has the id of a training patient (p01), 1 has a scan with the pixels of a training scan "
        "(patient x, study n2: a scan of training study s1), 1 has a scan that looks like a changed copy of a training "
        "scan (patient y, study n3: like a scan of training study s3, likeness 1.00)"
    )
    out, kept = found.allowing(True)
    assert out.patients == ["p01", "x"] and [one.patient for one in kept] == ["y"]
    assert found.allowing(False) == (found, ())
    assert learnt.known(patients, digests, looks, compare_ids=False).patients == ["x", "y"]
