"""`predict` reads every kind of dataset: tables of pictures, MedMNIST, OAI, RSNA, DICOM studies without labels."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bench import api
from bench.models.model import ModelError
from bench.plan.known import KnownPatientError
from data.base import DataError
from tests.bench.models.parts import fit, go
from tests.bench.models.spines import probabilities

TABLE = """
name: pictures
data: {{image_table: {{table: {table}, patient: patient, labels: [grade]{more}}}}}
targets: [grade: {{merge: {{2: 1}}}}]
sequences: [image]
encoders: [raw_pixels: {{size: 8}}]
tables: [{tables}]
heads: [logistic]
protocol: {{folds: 3, stratify: grade}}
"""


def pictures(folder, patients, *, seed, labels=(0, 1, 2), age=True):
    """A table with two pictures of each patient, whose brightness shows the label."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    rows = []
    for i, patient in enumerate(patients):
        for n in range(2):
            label, name = labels[(i + n) % len(labels)], f"{patient}_{n}.png"
            cv2.imwrite(
                str(folder / name), (rng.normal(90 + 40 * min(label, 1), 30, (16, 16))).clip(0, 255).astype("u1")
            )
            rows.append({"image": name, "patient": patient, "place": f"p{n}", "grade": label, "age": 40 + i})
    table = pd.DataFrame(rows)
    (table if age else table.drop(columns="age")).to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


@pytest.fixture
def where(tmp_path):
    return {"store": tmp_path / "predicted_store", "device": "cpu", "jobs": 2}


def test_a_table_of_pictures_with_merged_and_unknown_labels(tmp_path, where):
    train = pictures(tmp_path / "train", [f"a{i}" for i in range(12)], seed=0)
    text = TABLE.format(table=train, more=", locations: [place]", tables="none")
    model = fit(tmp_path, go(tmp_path, text).folder)
    new = pictures(tmp_path / "new", [f"b{i}" for i in range(12)], seed=1, labels=(0, 1, 2, 3))
    data = {"image_table": {"table": str(new), "patient": "patient", "locations": ["place"], "labels": ["grade"]}}
    found = api.predict(model, data, out=tmp_path / "out", **where)
    table = found.table.merge(pd.read_csv(new).assign(sample=lambda t: t["patient"] + "_" + t["place"]), on="sample")
    grade = table["grade"].astype(int)
    assert (table["label"].astype(str) == grade.map({0: "0", 1: "1", 2: "1", 3: ""})).all()
    assert any("'3' (6 samples), which are not scored" in note for note in found.notes)
    assert found.scores.cells["heads"].tolist() == ["logistic", "prior", "location", "pixels"]
    scored = found.scores.predictions(found.scores.cells["key"][0])
    assert len(scored) == 18 and set(scored["y"]) == {0, 1}
    assert "Merged: 2 counts as 1." in " ".join(found.scores.tables().split())
    assert str(found).startswith("24 of 24 samples of 12 patients predicted: ")
    unlabelled = {"image_table": {"table": str(new), "labels": []}}
    plain = api.predict(model, unlabelled, out=tmp_path / "plain", **where)
    assert plain.scores is None and "label" not in plain.table
    assert_allclose(plain.table["p_1"], found.table["p_1"])
    nowhere = {"image_table": {"table": str(new), "patient": "patient", "sequence": "place", "labels": []}}
    with pytest.raises(ModelError, match=r"reads image, and image_table.* has the sequences p0, p1"):
        api.predict(model, nowhere, out=tmp_path / "no", **where)


def test_a_model_of_two_targets_on_the_same_images_is_that_of_each(tmp_path, where):
    train = pictures(tmp_path / "train", [f"a{i}" for i in range(12)], seed=0)
    table = pd.read_csv(train)
    table["late"] = np.random.default_rng(3).integers(0, 2, len(table))
    table.to_csv(train, index=False)
    text = TABLE.format(table=train, more=", locations: [place]", tables="none")
    text = text.replace("labels: [grade]", "labels: [grade, late]").replace("targets: [", "targets: [late, ")
    folder = go(tmp_path, text).folder
    cells = json.loads((folder / "cells.json").read_text())
    keys = {cell["target"]: cell["key"] for cell in cells if not cell["floor"]}
    new = pictures(tmp_path / "new", [f"b{i}" for i in range(4)], seed=1)
    data = {"image_table": {"table": str(new), "locations": ["place"], "labels": []}}

    said = []

    def predicted(name, cells):
        api.fit(folder, list(cells), tmp_path / name, store=tmp_path / "store", device="cpu", jobs=2)
        said.append(api.predict(tmp_path / name, data, out=tmp_path / f"by_{name}", **where))
        return said[-1].table

    both = predicted("both", keys.values())
    assert str(said[-1]).startswith("8 of 8 samples of 4 patients predicted, each for 2 targets: ")
    assert both.groupby("target").size().to_dict() == {"grade": 8, "late": 8}
    for target, key in keys.items():
        alone = predicted(target, [key])
        same = both[both["target"] == target].reset_index(drop=True)
        assert_allclose(same[["p_0", "p_1"]], alone[["p_0", "p_1"]])
        assert same["called"].astype(str).tolist() == alone["called"].astype(str).tolist()


def test_a_typing_error_in_a_clinical_column_is_not_silent(tmp_path, where):
    train = pictures(tmp_path / "train", [f"a{i}" for i in range(12)], seed=0)
    table = pd.read_csv(train)
    table.assign(sex=["F", "M"] * 12).to_csv(train, index=False)
    clinical = ", locations: [place], clinical: [age, sex]"
    text = TABLE.format(table=train, more=clinical, tables="forest_onehot: {trees: 5}")
    model = fit(tmp_path, go(tmp_path, text).folder)
    new = pictures(tmp_path / "new", ["b1", "b2"], seed=1)
    data = {"table": str(new), "patient": "patient", "locations": ["place"], "clinical": ["age", "sex"]}
    rows = pd.read_csv(new, dtype=str).assign(sex=["F", "M", "w", "M"])

    def predict(out, ages, **fields):
        rows.assign(age=ages).to_csv(new, index=False)
        return api.predict(model, {"image_table": data | fields}, out=tmp_path / out, **where)

    found = predict("right", ["40", "40", "41", "41"])
    words = "Clinical column 'sex' has words that training lacks (F, M): sample b2_p0 has 'w'."
    assert any(note.startswith(words) for note in found.notes)
    with pytest.raises(DataError, match=r"table\.csv: column 'age' holds numbers, but line 4 has '4l'"):
        predict("no", ["40", "40", "4l", "41"])
    with pytest.raises(ModelError, match="age holds numbers in training, but sample b1_p0 has 'forty'"):
        predict("no", ["forty", "fifty", "forty", "41"])
    declared = predict("declared", ["40", "40", "4l", "41"], types={"age": "number"})
    empty = predict("empty", ["40", "40", "", "41"])
    assert_allclose(declared.table["p_1"], empty.table["p_1"])
    reasons = pd.read_csv(tmp_path / "declared" / "excluded.csv")["reason"].tolist()
    assert reasons == ["line 4: age is '4l', which is no number: read as missing"]


def test_words_in_another_spelling_are_the_words_of_training(tmp_path, where):
    """New data are read as if their rows stood in the table of training; `predict` and `external` alike."""
    train = pictures(tmp_path / "train", [f"a{i}" for i in range(12)], seed=0)
    rows = pd.read_csv(train, dtype=str)
    words, yes = ["Gr\u00fcn", "Rot", "0", "Blau Grau"], {"0": "No", "1": "Yes", "2": "Yes"}
    rows.assign(colour=words * 6, grade=rows["grade"].map(yes)).to_csv(train, index=False)
    columns = ", locations: [place], clinical: [colour]"
    text = TABLE.format(table=train, more=columns, tables="forest_onehot: {trees: 5}").replace("{merge: {2: 1}}", "{}")
    new = pictures(tmp_path / "new", [f"b{i}" for i in range(8)], seed=1)
    same = pd.read_csv(new, dtype=str).assign(colour=words * 4)
    same["grade"] = same["grade"].map(yes)
    other = same.assign(
        colour=same["colour"].map(dict(zip(words, ["gru\u0308n", "ROT ", "0.0", "blau\u00a0grau"], strict=True))),
        grade=same["grade"].map({"Yes": "yes", "No": "NO"}),
    )
    data = {"table": str(new), "patient": "patient", "locations": ["place"], "clinical": ["colour"]}
    data |= {"labels": ["grade"]}
    external = f"external: {{image_table: {data}}}\n"
    tables, scores = [], []
    for name, table in (("same", same), ("other", other)):
        table.to_csv(new, index=False)
        ran = go(tmp_path, text + external)
        outside = api.open(ran.folder / "external")
        scores.append(outside.table(metrics=["auc"])["auc"].tolist())
        about = (ran.folder / "external" / "run.json").read_text()
        assert ("is read as training spells it" in about) == (name == "other")
        assert ("Labels of grade are read as training spells them" in about) == (name == "other")
        if name == "same":
            model = fit(tmp_path, ran.folder)
        found = api.predict(model, {"image_table": data}, out=tmp_path / name, **where)
        tables.append(found.table)
    pd.testing.assert_frame_equal(*tables)
    assert scores[0] == scores[1] and set(tables[0]["label"]) == {"Yes", "No"}
    assert (
        "Labels of grade are read as training spells them: 'NO' as 'No', 'yes' as 'Yes', in 16 samples." in found.notes
    )
    note = next(one for one in found.notes if "'colour' is read as training spells it" in one)
    assert "'gru\\u0308n' as 'Grün'" in note and "in 12 samples" in note  # the table itself reads 0.0 as 0
    assert not any("training lacks" in one or "do not match" in one for one in found.notes)


def test_a_clinical_column_that_a_model_reads_must_be_there(tmp_path, where):
    train = pictures(tmp_path / "train", [f"a{i}" for i in range(12)], seed=0)
    text = TABLE.format(table=train, more=", locations: [place], clinical: [age]", tables="forest_onehot: {trees: 5}")
    model = fit(tmp_path, go(tmp_path, text).folder)
    data = {"table": str(pictures(tmp_path / "new", ["b1", "b2"], seed=1, age=False)), "patient": "patient"}
    with pytest.raises(ModelError, match="grade reads the column age, which image_table"):
        api.predict(model, {"image_table": data | {"locations": ["place"]}}, out=tmp_path / "out", **where)


def test_medmnist_has_no_patients_so_only_pixels_are_compared(tmp_path, where):
    def write(name, seed):
        rng = np.random.default_rng(seed)
        arrays = {}
        for split, n in (("train", 12), ("val", 6), ("test", 6)):
            labels = np.arange(n)[:, None] % 2
            arrays[f"{split}_labels"] = labels
            images = rng.normal(100, 20, (n, 12, 12))
            images[:, :, :6] += 30 * labels[:, :, None]
            arrays[f"{split}_images"] = images.astype(np.uint8)
        np.savez(tmp_path / name, **arrays)
        return {"medmnist": {"file": str(tmp_path / name)}}

    train, new = write("train.npz", 0), write("new.npz", 1)
    grid = f"""
name: mnist
data: {{medmnist: {{file: {train["medmnist"]["file"]}}}}}
targets: [label]
sequences: [image]
encoders: [raw_pixels: {{size: 6}}]
heads: [logistic]
protocol: {{folds: 3}}
"""
    model = fit(tmp_path, go(tmp_path, grid).folder)
    found = api.predict(model, new, out=tmp_path / "out", **where)
    assert len(found.table) == 24 and found.scores.table(metrics=["auc"])["auc"].max() > 0.8
    assert "The source gives no patient ids" in (found.folder / "scores.md").read_text()
    assert "no location row" in (found.folder / "scores.md").read_text()
    with pytest.raises(KnownPatientError, match=r"24 of 24 patients .*: 24 have a scan with the pixels"):
        api.predict(model, train, out=tmp_path / "no", **where)


def test_knees_in_the_layout_of_oai(oai_phantom, tmp_path, where):
    from data.phantom import write_oai_phantom

    grid = f"""
name: knees
data: {{oai: {{folder: {oai_phantom}}}}}
targets: [oa]
sequences: [dess]
encoders: [raw_pixels: {{size: 6}}]
heads: [logistic]
protocol: {{folds: 2}}
"""
    model = fit(tmp_path, go(tmp_path, grid).folder)
    write_oai_phantom(tmp_path / "new", patients=3, seed=11, effect=1.0, size=(28, 70, 70))
    data = {"oai": {"folder": str(tmp_path / "new")}}
    found = api.predict(model, data, out=tmp_path / "out", own_ids=True, **where)
    assert len(found.table) == 6 and (found.table["reason"] == "").all()
    assert set(found.table["side"]) == {"left", "right"}


def test_dicom_studies_get_what_diagnose_gives_and_labels_of_the_same_studies_are_scored(
    fitted, spines, tmp_path, where
):
    from data.phantom import write_rsna_phantom

    model = fitted()
    new = tmp_path / "new"
    write_rsna_phantom(new, patients=3, test_patients=0, seed=9, effect=1.0, spacing=(5.0, 1.6), axial_slices=3)
    folders = sorted(path.name for path in (new / "train_images").iterdir())
    expected = probabilities(model, new, folders)
    dicom = {
        "folders": [str(new / "train_images" / name) for name in folders],
        "descriptions": str(new / "train_series_descriptions.csv"),
        "keep_names": True,
    }
    found = api.predict(model, {"dicom_study": dicom}, out=tmp_path / "out", **where)
    assert found.scores is None and len(found.table) == 15
    for study, rows in found.table.groupby("patient", sort=False):
        graded = [one for one in expected[study].findings if one.probabilities]
        P = rows[[c for c in rows if c.startswith("p_")]].to_numpy()
        assert_allclose(P, np.array([one.probabilities for one in graded]), rtol=1e-5)
        assert rows["called"].tolist() == [one.grade for one in graded]
    labelled = api.predict(model, {"rsna": {"folder": str(new)}}, out=tmp_path / "rsna", own_ids=True, **where)
    same = labelled.table.set_index("sample").loc[found.table["sample"]]
    columns = [c for c in same if c.startswith("p_")]
    assert_allclose(same[columns], found.table[columns], rtol=1e-4, atol=1e-6)
    assert labelled.scores is not None
