"""`predict`: a fitted model on other datasets: probabilities, scores, refused patients, the ledger, wrong input."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import SimpleITK
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score
from typer.testing import CliRunner

from bench import api
from bench.models.model import ModelError, read_learnt_from
from bench.plan.known import KnownPatientError, spelling
from data import ScangridError
from data.base import DataError
from run_benchmark import app
from tests.bench.models.parts import GRID, cells_of, cut, fit, go, official, patients_of


@pytest.fixture(scope="module")
def parts(phantom, tmp_path_factory):
    """Folders: `train` with 10 patients, `rest` with the other 10, `base` with a run on `train` and a model of it."""
    base = tmp_path_factory.mktemp("parts")
    patients = patients_of(phantom)
    cut(phantom, base / "train", patients[:10])
    cut(phantom, base / "rest", patients[10:])
    folder = go(base, GRID.format(name="small", folder=base / "train", protocol="")).folder
    return {"base": base, "run": folder, "model": fit(base, folder), "tested": patients[10:], "all": patients}


@pytest.fixture
def predict(parts, tmp_path):
    """Predicts a dataset with the model, in its own folders: `predict(folder or dataset, **options)`."""
    made = iter(range(100))

    def call(data, model=None, **options):
        data = data if isinstance(data, dict) else {"spider": {"folder": str(data)}}
        where = {"out": tmp_path / f"out_{next(made)}", "store": tmp_path / "store", "device": "cpu", "jobs": 2}
        return api.predict(model or parts["model"], data, **(where | options))

    return call


def test_predictions_are_those_of_a_fold_that_trains_on_the_same_patients(parts, phantom, predict, tmp_path):
    whole = official(phantom, tmp_path / "whole", parts["tested"])
    outcome = go(tmp_path / "official", GRID.format(name="whole", folder=whole, protocol=", split: official"))
    expected = pd.read_parquet(outcome.folder / "cells" / f"{cells_of(outcome.folder)['logistic']['key']}.parquet")
    found = predict(parts["base"] / "rest")
    table = found.table.set_index("sample").loc[expected["sample"]]
    assert set(expected["patient"]) == set(parts["tested"])
    assert_allclose(table[["p_0", "p_1"]], expected[["p_0", "p_1"]], atol=1e-6)
    assert (table["called"].astype(int) == expected["p_1"].gt(0.5).astype(int).to_numpy()).all()
    assert (table["label"].astype(int).to_numpy() == expected["y"]).all()
    (score,) = found.scores.table(metrics=["auc", "f1", "balanced_accuracy"]).query("not floor").to_dict("records")
    y, p = expected["y"], expected["p_1"]
    assert score["auc"] == pytest.approx(roc_auc_score(y, p))
    assert score["f1"] == pytest.approx(f1_score(y, p > 0.5, average="macro"))
    assert score["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, p > 0.5))
    assert score["auc_low"] < score["auc"] < score["auc_high"] or score["auc"] == 1


def test_floors_are_fitted_on_the_training_rows(parts, predict):
    found = predict(parts["base"] / "rest")
    train = pd.read_parquet(parts["run"] / "samples.parquet").dropna(subset=["narrowing"])
    labels = train["narrowing"].astype(int)
    cells = found.scores.cells.set_index("heads")
    prior = found.scores.predictions(cells.loc["prior", "key"])
    assert_allclose(prior["p_1"], labels.mean())
    levels = pd.get_dummies(train["level"])
    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(levels.to_numpy(dtype=np.float32), labels)
    location = found.scores.predictions(cells.loc["location", "key"]).set_index("sample")["p_1"]
    level = found.table.set_index("sample")["level"].loc[location.index]
    new = pd.get_dummies(level).reindex(columns=levels.columns, fill_value=False)
    known = level.isin(levels.columns).to_numpy()
    assert known.sum() > 20
    assert_allclose(location[known], fitted.predict_proba(new.to_numpy(dtype=np.float32))[known, 1], atol=1e-4)
    text = (found.folder / "scores.md").read_text()
    assert "external validation" in text and "it covers the sampling of patients alone" in text
    assert "Fitted once on the 10 patients of spider (train) with a label and a scan" in text
    crossed = api.open(parts["run"]).table(metrics=["auc"])["auc"].to_numpy()
    shown = pd.read_csv(found.folder / "scores.csv").set_index("heads")["AUC cross-validated"]
    assert any(np.isclose(shown.loc["logistic"], crossed))
    assert shown.loc["prior"] == 0.5 and any(np.isclose(shown.loc["location"], crossed))


def test_a_training_patient_is_refused_by_id_and_by_pixels_under_another_id(parts, phantom, predict, tmp_path):
    with pytest.raises(
        KnownPatientError, match=r"10 of 20 patients .*: 10 have the id of .*, 10 have a scan with the pixels"
    ):
        predict(phantom)
    one = cut(phantom, tmp_path / "one", parts["all"][9:12], gradings=False, masks=False)
    for path in (one / "images").glob(f"{parts['all'][9]}_*.mha"):
        path.rename(path.with_name(path.name.replace(f"{parts['all'][9]}_", "someone_")))
    with pytest.raises(
        KnownPatientError, match=r"1 of 3 patients .*: 1 has a scan with the pixels .* \(patient someone\)\..*--exclude"
    ):
        predict(one)
    with pytest.raises(KnownPatientError, match="1 of 3"):
        predict(one, own_ids=True)
    left = predict(one, exclude_known=True)
    assert set(left.table["patient"]) == set(parts["all"][10:12])
    words = "1 patient was left out, who may be of the training data: 1 has a scan with the pixels of a training scan"
    assert f"{words} (patient someone)." in left.notes
    twin = cut(phantom, tmp_path / "twin", parts["all"][10:11], gradings=False, masks=False)
    for path in (twin / "images").glob("*.mha"):
        path.rename(path.with_name(path.name.replace(f"{parts['all'][10]}_", f"0{parts['all'][0]}_")))
    with pytest.raises(
        KnownPatientError, match=r": 1 has the id of a training patient \(0\d+\)\..* --own-ids to compare scans"
    ):
        predict(twin)
    assert len(predict(twin, own_ids=True).table) == 7
    with pytest.raises(ModelError, match="no patient is left to predict: 10 have the id"):
        predict(parts["base"] / "train", exclude_known=True)


def test_a_changed_copy_of_a_training_scan_is_refused_under_another_id(parts, phantom, predict, tmp_path):
    new = cut(phantom, tmp_path / "new", parts["all"][9:12], gradings=False, masks=False)
    for path in (new / "images").glob(f"{parts['all'][9]}_*.mha"):
        scan = SimpleITK.ReadImage(path)
        changed = SimpleITK.GetArrayFromImage(scan)[:, ::-1].astype(np.float32) * 1.4 + 30
        smaller = SimpleITK.GetImageFromArray(np.ascontiguousarray(changed[::2]))
        smaller.SetSpacing(scan.GetSpacing())
        SimpleITK.WriteImage(smaller, path.with_name(path.name.replace(f"{parts['all'][9]}_", "someone_")))
        path.unlink()
    words = r"1 has a scan that looks like a changed copy of a training scan \(patient someone, likeness 0\.\d\d\)"
    with pytest.raises(KnownPatientError, match=rf"1 of 3 .*: {words}\..*, or --near-duplicates allow to keep"):
        predict(new, own_ids=True)
    left = predict(new, exclude_known=True)
    assert set(left.table["patient"]) == set(parts["all"][10:12])
    (row,) = pd.read_csv(left.folder / "near_duplicates.csv").itertuples()
    assert (row.patient, row.outcome) == ("someone", "left out") and 0.8 <= row.likeness <= 1
    kept = predict(new, near_duplicates="allow")
    assert set(kept.table["patient"]) == {"someone", *parts["all"][10:12]}
    assert pd.read_csv(kept.folder / "near_duplicates.csv")["outcome"].tolist() == ["kept"]
    (note,) = [one for one in kept.notes if "are allowed" in one]
    assert note.startswith("1 patient has a scan that looks like a changed copy of a training scan, and is kept")
    assert "allowed: patient someone, likeness" in note
    with pytest.raises(KnownPatientError, match="10 have the id"):
        predict(phantom, near_duplicates="allow")


def test_a_model_holds_digests_and_no_ids(parts, phantom):
    learnt = read_learnt_from(parts["model"])
    assert len(learnt.patients) == 10
    scans = {path.stem for path in (parts["base"] / "train" / "images").glob("*_t2.mha")}
    assert len(learnt.scans) == len(learnt.looks) == len(scans)
    text = "".join(path.read_text() for path in parts["model"].rglob("*.json"))
    samples = pd.read_parquet(parts["run"] / "samples.parquet").index
    assert not any(f'"{sample}"' in text for sample in samples)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("P01", "p1", True),
        ("12.0", "12", True),
        ("a 7", "A7", True),
        ("100", "1", False),
        ("p10", "p1", False),
        ("0", "00", True),
        ("1.5", "15", False),
        ("9000011", "9000011", True),
    ],
)
def test_spellings_of_one_id_are_one_id(one, other, same):
    assert (spelling(one) == spelling(other)) == same


def test_the_ledger_counts_each_use_of_a_held_out_set(parts, phantom, predict, tmp_path):
    rest = parts["base"] / "rest"

    def before(found):
        return json.loads((found.folder / "scores" / "run.json").read_text())["protocol"]["external"]

    assert before(predict(rest))["uses_before"] == 0
    again = predict(rest)
    assert before(again)["uses_before"] == 0, "the same cell on the same scans is the same use"
    assert "No other cell had been scored on the patients of this external test before." in " ".join(
        (again.folder / "scores.md").read_text().split()
    )
    other = fit(parts["base"], parts["run"], "knn", f"knn_{tmp_path.name}")
    renamed = shutil.copytree(rest, tmp_path / "renamed")
    found = predict(renamed, model=other)
    assert before(found)["uses_before"] == 1, "the same scans in another folder are the same set"
    assert "The patients of this external test had been scored once before this cell was." in " ".join(
        (found.folder / "scores.md").read_text().split()
    )
    some = cut(phantom, tmp_path / "some", parts["tested"][:4])
    part = before(predict(some, model=other))
    assert (part["uses_before"], part["uses_overlapping"]) == (0, 2)
    predict(cut(phantom, tmp_path / "unlabelled", parts["tested"], gradings=False))
    entries = [json.loads(path.read_text()) for path in (tmp_path / "store" / "held_out").glob("*.json")]
    assert sorted(len(entry["uses"]) for entry in entries) == [1, 2], "a dataset without labels is no use"


def test_a_single_scan_without_gradings_and_mask_gives_a_row_for_each_disc(parts, phantom, predict, tmp_path):
    patient = parts["tested"][0]
    alone = cut(phantom, tmp_path / "alone", [patient], gradings=False)
    found = predict(alone)
    assert found.scores is None and not (found.folder / "scores").exists()
    assert any("Read without labels, as spider_scans" in note for note in found.notes)
    labelled = predict(parts["base"] / "rest").table.set_index("sample")
    same = found.table[found.table["sample"].isin(labelled.index)].set_index("sample")
    assert len(same) >= 5
    assert_allclose(same["p_1"], labelled.loc[same.index, "p_1"], rtol=1e-5)
    bare = predict(cut(phantom, tmp_path / "bare", [patient], gradings=False, masks=False))
    assert (bare.table["called"] == "").all() and bare.table["p_1"].isna().all()
    assert bare.table["reason"].str.contains("region mask does not find the sample").all()
    with pytest.raises(DataError, match="read these scans with spider, not with spider_scans"):
        predict({"spider_scans": {"folder": str(parts["base"] / "rest")}})


def test_classes_that_differ_are_named_and_not_scored(parts, phantom, predict, tmp_path):
    rest = shutil.copytree(parts["base"] / "rest", tmp_path / "rest")
    table = pd.read_csv(rest / "radiological_gradings.csv")
    table.loc[table["Patient"].astype(str).isin(parts["tested"]), "Disc narrowing"] = 1
    table.to_csv(rest / "radiological_gradings.csv", index=False)
    found = predict(rest)
    assert any("the dataset has no sample of 0" in note for note in found.notes)
    assert "the dataset has no sample of 0" in " ".join((found.folder / "scores.md").read_text().split())
    scores = pd.read_csv(found.folder / "scores.csv")
    assert "Accuracy" in scores and "AUC external" not in scores


def test_wrong_input_gives_a_line_with_the_way_out(parts, predict, tmp_path):
    (tmp_path / "empty" / "images").mkdir(parents=True)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("")
    t1 = tmp_path / "t1"
    shutil.copytree(parts["base"] / "rest", t1)
    rest = str(parts["base"] / "rest")
    wrong = {
        "no such folder: SPIDER's scans are in images": {"spider": {"folder": str(tmp_path / "nowhere")}},
        "no scan PATIENT_SEQUENCE.mha": {"spider": {"folder": str(tmp_path / "empty")}},
        "reads t2, and spider.* has the sequences t1": {"spider": {"folder": str(t1), "sequences": ["t1"]}},
        "did you mean 'spider'": {"spidr": {"folder": rest}},
        "is no field of spider: did you mean 'folder'": {"spider": {"foldr": rest}},
        "must name one dataset": {"spider": {"folder": rest}, "oai": {}},
    }
    for message, data in wrong.items():
        with pytest.raises(ScangridError, match=message):
            predict(data)
    with pytest.raises(ModelError, match="exists: name a new folder"):
        predict(rest, out=tmp_path / "taken")
    with pytest.raises(ModelError, match=r"is no model: it has no model\.json"):
        predict(rest, model=tmp_path / "empty")
    old = shutil.copytree(parts["model"], tmp_path / "old")
    about = json.loads((old / "model.json").read_text())
    (old / "model.json").write_text(json.dumps(about | {"format": 2}))
    with pytest.raises(ModelError, match="has format 2, this version reads 4: fit it again from its run"):
        predict(rest, model=old)
    (old / "model.json").write_text(json.dumps(about))
    (old / "learnt_from.json").unlink()
    with pytest.raises(ModelError, match=r"learnt_from\.json: no such file"):
        predict(rest, model=old)
    another = fit(parts["base"], parts["run"], "knn", "another")
    chain, swapped = "chain_narrowing.skops", shutil.copytree(parts["model"], tmp_path / "swapped")
    shutil.copy(another / chain, swapped / chain)
    with pytest.raises(ModelError, match=r"chain_narrowing\.skops: is not the file that was written"):
        predict(rest, model=swapped)


def test_the_command_prints_the_table_and_ends_with_2_on_wrong_input(parts, tmp_path):
    rest = parts["base"] / "rest"
    where = ["--out", str(tmp_path / "out"), "--store", str(tmp_path / "store"), "--device", "cpu"]
    done = CliRunner().invoke(app, ["predict", str(parts["model"]), "--data", f"spider: {{folder: {rest}}}", *where])
    assert done.exit_code == 0, done.output
    assert "samples of 10 patients predicted" in done.output and "external validation" in done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        ".scangrid",
        "predictions.csv",
        "excluded.csv",
        "scores",
        "scores.md",
        "scores.csv",
    }
    for text in ("spider", "spider: {folder: [", str(tmp_path)):
        done = CliRunner().invoke(app, ["predict", str(parts["model"]), "--data", text, *where])
        assert done.exit_code == 2
        assert "--data" in done.output and "Traceback" not in done.output
