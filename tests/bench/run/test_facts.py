"""`run.json` holds what results need to know about the axes and the dataset."""

import json

import pytest

from bench.grid.axes import AXES
from bench.grid.cells import Step
from bench.run.facts import source
from bench.run.files import RunFileError, read_json
from data.image_table import ImageTable
from results.methods import methods
from results.run_folder import read
from results.tables.comparisons import comparisons


def test_the_run_folder_holds_the_words_of_the_axes_and_the_column_within_which_scores_are_compared(small, go):
    folder = go(small.replace("images: [grayscale, ", "images: [").replace("balance: [none, smote]\n", "")).folder
    assert json.loads((folder / "run.json").read_text())["within"] == ["level"]
    words = read(folder).axis_words
    assert [(one.name, one.noun, one.plural, one.meaning) for one in words.values()] == [
        (axis.name, axis.noun, axis.plural, axis.meaning) for axis in AXES
    ]
    assert list(words) == read(folder).axes
    floors = {"prior": "nothing", "location": "locations", "presence": "presence"}
    assert read(folder).floors == floors | {"clinical": "clinical", "pixels": "pixels"}
    reads = {cell.head: cell.reads for cell in read(folder).cells}
    assert reads["location"] == "locations" and {reads[cell.head] for cell in read(folder).cells if not cell.floor} == {
        "embedding"
    }


def test_a_family_that_is_declared_when_cells_are_scored_says_so(small, go):
    first = "compare: [{family: {heads: logistic}, against: prior, metric: auc}]"
    second = "compare: [{family: {}, against: prior, metric: f1}, {family: {heads: logistic}, against: prior}]"
    folder = go(f"{small}\n{first}").folder
    for _ in range(2):  # to run a grid again declares nothing
        about = json.loads((folder / "run.json").read_text())
        assert [family["cells_before"] for family in about["compare"]] == [0]
        go(f"{small}\n{first}")
    scored = len(list(folder.glob("cells/*.parquet")))
    go(f"{small}\n{second}")
    run = read(folder)
    late, early = run.compare
    assert (late["metric"], late["cells_before"]) == ("f1", scored)
    assert (early["metric"], early["cells_before"]) == ("auc", 0)
    assert f"Family 1, declared after {scored} cells of the run had been scored, compared all cells" in methods(run)
    assert "Family 2 compared the cells that have heads `logistic`" in methods(run)
    notes = [" ".join(sheet.notes) for sheet in comparisons(run)]
    said = [f"declared in the grid after {scored} cells of the run had been scored;" in note for note in notes]
    assert said == [" F1 " in sheet.title for sheet in comparisons(run)] and len(set(said)) == 2


def test_a_broken_file_of_the_run_folder_is_named_with_the_way_out(tmp_path):
    broken = tmp_path / "provenance.json"
    broken.write_text('[{"finished": ')
    with pytest.raises(RunFileError, match=r"provenance\.json is broken .*: delete it, then run again"):
        read_json(broken, [])
    assert read_json(tmp_path / "run.json", {}) == {}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"image": "scan/file", "table": "a/scans.csv"}, "image_table (scans.csv)"),
        ({"table": "b.csv"}, "image_table (b.csv)"),
    ],
)
def test_captions_name_the_file_that_a_dataset_was_read_from_whatever_its_other_fields_are(fields, name):
    assert source(Step("image_table", tuple(fields.items())), ImageTable(**fields)) == name
