"""New data are read as the data of the model were: how scans are turned, and which columns are what."""

import json

import numpy as np
import pandas as pd
import pytest
import SimpleITK
from numpy.testing import assert_allclose

from bench import api
from bench.grid.file import read_data
from bench.plan.read_alike import read_alike
from data.base import DataError
from data.rsna import Rsna
from tests.bench.models.parts import go

COLUMNS = {"image": "file", "patient": "pid", "locations": ["side"], "clinical": ["age"], "labels": ["tear"]}
COLUMNS |= {"classes": {"tear": ["dry", "torn"]}, "missing": {"age": ["?"]}, "types": {"age": "number"}}
GRID = {
    "name": "volumes",
    "targets": ["tear"],
    "sequences": ["image"],
    "encoders": [{"raw_pixels": {"size": 8}}],
    "heads": ["logistic"],
    "protocol": {"folds": 2},
}


def volumes(folder, names, seed):
    """A table of volumes that are stored by axial slices; those of torn patients grow brighter along one axis."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    rows = []
    for i, name in enumerate(names):
        pixels = rng.normal(100, 20, (6, 20, 14)) + 80 * (i % 2) * np.linspace(0, 1, 20)[None, :, None]
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels.astype(np.float32)), folder / f"{name}.nii.gz")
        about = {
            "side": "left",
            "tear": ["dry", "torn"][i % 2],
            "age": "?" if i == 3 else 30 + i,
            "other": ["a", "b"][i % 2],
        }
        rows.append({"file": f"{name}.nii.gz", "pid": name} | about)
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    return str(folder / "table.csv")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A model of sagittal slices, a table of other patients, and the outcome of its grid with these as `external`."""
    base = tmp_path_factory.mktemp("volumes")
    train, new = volumes(base / "train", [f"a{i}" for i in range(8)], 0), volumes(base / "new", ["b1", "b2", "b3"], 1)
    data = {"table": train, "orientation": "sagittal"} | COLUMNS | {"labels": ["tear", "other"]}
    grid = GRID | {"data": {"image_table": data}, "external": {"image_table": {"table": new}}}
    run = go(base, json.dumps(grid)).folder
    api.fit(run, "raw_pixels, logistic", base / "model", device="cpu", jobs=1, store=base / "store")
    return base / "model", new, run


@pytest.fixture
def predict(fitted, tmp_path):
    def one(**fields):
        where = {"store": tmp_path / "store", "device": "cpu", "jobs": 1}
        data = {"image_table": {"table": fitted[1]} | fields}
        return api.predict(fitted[0], data, out=tmp_path / f"out{len(list(tmp_path.iterdir()))}", **where)

    return one


def test_scans_and_columns_are_read_as_those_of_the_model(fitted, predict):
    bare, named = predict(), predict(orientation="sagittal", **COLUMNS)
    pd.testing.assert_frame_equal(bare.table, named.table)
    assert not any("lie otherwise" in note for note in bare.notes)
    assert bare.scores is not None and set(bare.table["label"]) == {"dry", "torn"}
    turned, taken = (
        "Scans are read with orientation: sagittal, as in the model's data.",
        "are those of the model's data: ",
    )
    assert turned in bare.notes and turned not in named.notes
    assert not any(taken in note for note in named.notes)
    (note,) = [note for note in bare.notes if taken in note]
    for words in ("image: file", "patient: pid", "locations: [side]", "labels: [tear]", "missing: {age: [?]}"):
        assert words in note
    text = (bare.folder / "scores.md").read_text()
    assert turned in text and taken not in text, "a caption says what the scores depend on"


def test_the_external_test_of_a_grid_reads_its_scans_like_the_first(fitted, predict):
    outside = api.open(fitted[2] / "external")
    key = outside.cells.set_index("heads").loc["logistic", "key"]
    scored = outside.predictions(key).set_index("sample")
    assert_allclose(
        scored["p_1"], predict().table.set_index("sample").loc[scored.index, "p_torn"], rtol=1e-4, atol=1e-6
    )
    notes = json.loads((fitted[2] / "external" / "run.json").read_text())["protocol"]["external"]["notes"]["tear"]
    assert "Scans are read with orientation: sagittal, as in `data`." in notes


def test_the_plan_says_how_the_external_scans_are_read(fitted):
    text = str(api.plan(fitted[2] / "grid.yaml", store=fitted[0].parent / "store"))
    assert "external test: Scans are read with orientation: sagittal, as in `data`." in text
    assert "external test: Fields that `external` does not name are those of `data`: image: file," in text


def test_what_the_user_names_wins(predict):
    other = predict(orientation="axial", labels=[], clinical=[])
    assert other.notes[:2] == (
        "Fields that --data does not name are those of the model's data: image: file, patient: pid, locations: [side].",
        "Scans are read with orientation: axial, as --data says, but those of the model's data with orientation: "
        "sagittal.",
    )
    assert other.notes[2].startswith("image: 3 of 3 images lie otherwise in the patient than those of training: ")
    assert other.scores is None
    assert (other.table["p_torn"] - predict().table["p_torn"]).abs().max() > 1e-3


def test_columns_that_the_new_table_lacks_are_not_asked_for(fitted, predict, tmp_path):
    table = pd.read_csv(fitted[1]).drop(columns=["tear", "age"]).rename(columns={"pid": "patient"})
    for name in table["file"]:
        (tmp_path / name).symlink_to(f"{fitted[1].removesuffix('table.csv')}{name}")
    table.to_csv(tmp_path / "bare.csv", index=False)
    found = predict(table=str(tmp_path / "bare.csv"))
    assert found.notes[0].endswith("are those of the model's data: image: file, locations: [side].")
    pd.testing.assert_frame_equal(found.table, predict(labels=[]).table)


def test_a_class_that_the_model_does_not_know_is_no_error(fitted, predict, tmp_path):
    table = pd.read_csv(fitted[1]).assign(pid=["b1", "b1", "b3"], side=["left", "right", "left"])
    table["tear"] = ["torn", "ripped", "torn"]
    table["file"] = fitted[1].removesuffix("table.csv") + table["file"]
    table.to_csv(tmp_path / "odd.csv", index=False)
    found = predict(table=str(tmp_path / "odd.csv"))
    assert found.table["label"].tolist() == ["torn", "", "torn"]
    assert "classes: {tear: [dry, torn, ripped]}" in found.notes[0]
    assert not any("is taken as the finding" in note for note in found.notes), "the model knows the finding"


def test_an_error_in_a_column_that_the_user_did_not_name_says_whose_it_is(fitted, predict, tmp_path):
    pd.read_csv(fitted[1]).assign(pid="b1").to_csv(tmp_path / "odd.csv", index=False)
    with pytest.raises(DataError, match=r"lines 2 and 3 are both .*\. Fields that --data does not name are .* pid,"):
        predict(table=str(tmp_path / "odd.csv"))


def test_labels_without_a_readable_scan_are_no_scores(fitted, predict, tmp_path):
    pd.read_csv(fitted[1]).to_csv(tmp_path / "lost.csv", index=False)
    found = predict(table=str(tmp_path / "lost.csv"))
    assert found.scores is None and set(found.table["label"]) == {"dry", "torn"} and (found.table["called"] == "").all()
    assert "No labelled sample has a prediction, so there are no scores." in found.notes


def test_a_model_keeps_no_folder_and_no_labels_of_other_targets(fitted):
    about = json.loads((fitted[0] / "model.json").read_text())
    assert about["dataset_fields"] == COLUMNS | {"orientation": "sagittal"}
    (data,) = [one for one in json.loads((fitted[0] / "plugins.json").read_text())["plugins"] if one["kind"] == "data"]
    said = " ".join([data["label"], *data["given"].values(), (fitted[0] / "MODEL_CARD.md").read_text()])
    assert data["fields"] == {} and "tear" in said and "table.csv" not in said and "other]" not in said
    assert set(data["given"]) == {*COLUMNS, "orientation"}
    assert fitted[1].removesuffix("new/table.csv") not in "".join(path.read_text() for path in fitted[0].glob("*.json"))


def test_a_model_without_these_fields_says_what_it_does_not_know():
    new = read_data({"image_table": {"table": "t.csv", "suv": ["pet"]}})
    names = {"here": "--data", "known": "the model's data"}
    found = read_alike(new, like="image_table", fields=None, **names)
    assert found.step == new
    assert found.notes == (
        "The model does not say how its scans were read: name orientation in --data as in its grid.",
    )
    assert read_alike(read_data({"spider": {}}), like="spider", fields=None, **names).notes == ()


def test_another_plug_in_is_named_where_one_of_the_two_can_turn_scans():
    names = {"here": "--data", "known": "the model's data"}
    spider = read_data({"spider": {"folder": "f"}})
    found = read_alike(spider, like="image_table", fields={"orientation": "sagittal", "patient": "pid"}, **names)
    assert found.step == spider
    assert found.notes == (
        "spider reads these scans, and image_table read those of the model's data with orientation: sagittal: check "
        "that their slices lie alike.",
    )
    table = read_data({"image_table": {"table": "t.csv", "orientation": "axial"}})
    (note,) = read_alike(table, like="spider", fields={}, **names).notes
    assert note.startswith("image_table reads these scans with orientation: axial, suv: [], and spider read those of")
    assert read_alike(spider, like="spider_scans", fields={}, **names).notes == ()


def test_clinical_columns_of_rsna_are_looked_for_in_their_table(tmp_path):
    fields = {"clinical": ["age", "weight"], "types": {"age": "number", "weight": "number"}, "missing": {"sex": ["?"]}}
    assert Rsna(folder=str(tmp_path)).fitting_fields(fields, ()) == {}
    (tmp_path / "train_clinical.csv").write_text("study_id,Age,sex\n1,40,f\n")
    there = {"clinical": ["age"], "types": {"age": "number"}}
    assert Rsna(folder=str(tmp_path)).fitting_fields(fields, ()) == there
    more = Rsna(folder=str(tmp_path), clinical=("sex",)).fitting_fields(fields, ("clinical",))
    assert more["missing"] == {"sex": ["?"]}


def test_new_data_get_the_order_of_classes_that_the_model_guessed(tmp_path):
    """The table of training has 'torn' first by no rule but the alphabet's; new data do not guess again."""
    train, new = volumes(tmp_path / "train", [f"a{i}" for i in range(8)], 0), volumes(tmp_path / "new", ["b1", "b2"], 1)
    fields = {name: value for name, value in COLUMNS.items() if name != "classes"}
    run = go(tmp_path, json.dumps(GRID | {"data": {"image_table": {"table": train} | fields}})).folder
    where = {"device": "cpu", "jobs": 1, "store": tmp_path / "store"}
    api.fit(run, "raw_pixels, logistic", tmp_path / "model", **where)
    found = api.predict(tmp_path / "model", {"image_table": {"table": new}}, out=tmp_path / "out", **where)
    assert not any("is taken as the finding" in note for note in found.notes)
    assert any("classes: {tear: [dry, torn]}" in note for note in found.notes)
