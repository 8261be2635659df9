"""A run folder is read as it was written, and errors name what is wrong with it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.files.whole import MARKER
from results.report.dataset_card import NUMBERS, dataset_card
from results.run_folder import ResultsError, read
from results.run_tables import read_samples

EDITS = [
    ("p_1", np.nan, "must hold probabilities from 0 to 1"),
    ("p_1", -0.5, "must hold probabilities from 0 to 1"),
    ("p_1", 0.9999, "must hold probabilities that sum to 1"),
    ("y", 2, "must hold rows with y from 0 to 1"),
    ("fold", -1, "must count repeats and folds from 0"),
    ("sample", "p00_L3/L4", "holds sample p00_L3/L4 twice in repeat 0"),
    ("sample", "p99", "sample p99 is not in samples.parquet"),
    ("patient", "p99", "sample p01_L3/L4 has patient p99, but another"),
    ("p_0", "high", "holds no predictions of 2 classes"),
    ("y", 0.5, "holds no predictions of 2 classes"),
]


def test_a_label_that_is_not_that_of_the_sample_is_refused(grid_run):
    run = read(grid_run.finish())
    path = run.folder / "cells" / "cell0.parquet"
    table = pd.read_parquet(path)
    table.loc[3, "y"] = 1 - table.loc[3, "y"]
    table.to_parquet(path, index=False)
    with pytest.raises(ResultsError, match=r"sample p01_L3/L4 has class [01], but [01] in samples\.parquet"):
        run.predictions(run.cells[0])


def test_labels_that_the_grid_merges_must_still_agree(grid_run):
    folder = grid_run.finish()
    table = pd.read_parquet(folder / "samples.parquet")
    raw = table["narrowing"].map({0: "none", 1: "some"})
    table.assign(narrowing=raw.where(np.arange(len(raw)) % 2 == 0, raw + "!")).to_parquet(folder / "samples.parquet")
    run = read(folder)
    assert len(run.predictions(run.cells[0]).y)
    path = folder / "cells" / "cell0.parquet"
    rows = pd.read_parquet(path)
    rows.loc[5, "y"] = 1 - rows.loc[5, "y"]
    rows.to_parquet(path, index=False)
    with pytest.raises(ResultsError, match=r"has class [01], but (none|some)"):
        run.predictions(run.cells[0])


JSON = {
    "run.json": [
        ("null", "should be a valid dict"),
        ("[1]", "should be a valid dict"),
        ('{"floors": 3}', "name: field required"),
        ("{", "can't be read"),
    ],
    "cells.json": [
        ("null", "should be a valid list"),
        ("[1]", "0: input should be a valid dict"),
        ('[{"key": "../../x", "axes": {}, "target": "y", "classes": ["0"], "status": "done"}]', "0.key: string should"),
        ('[{"key": "x", "axes": {}, "target": "y", "classes": [[]], "status": "done"}]', "0.classes.0"),
        ('[{"key": "x", "axes": {}, "target": "y", "classes": ["0"], "status": "won"}]', "0.status: input should be"),
        ("[" * 100000, "can't be read"),
    ],
    "provenance.json": [
        ("null", "should be a valid list"),
        ("[1]", "should be a valid dict"),
        ('[{"code": 3}]', "0.code: input should be a valid dict"),
    ],
}


@pytest.mark.parametrize(("name", "text", "why"), [(name, *one) for name, every in JSON.items() for one in every])
def test_json_of_another_shape_is_named_in_one_line(grid_run, name, text, why):
    from results.run_records import read_sessions

    folder = grid_run.finish()
    (folder / name).write_text(text)
    with pytest.raises(ResultsError, match=rf"{name}: .*{why}|{name} {why}") as found:
        read_sessions(read(folder).folder)
    assert "\n" not in str(found.value) and len(str(found.value)) < 400


def test_reads_what_was_written(grid_run):
    run = read(grid_run.finish())
    assert (run.name, run.dataset, run.targets, len(run.cells)) == ("trial", "synthetic", ["narrowing"], 10)
    assert run.cells[0].axes["encoders"] == "resnet50"
    assert [cell.head for cell in run.cells if cell.floor] == ["prior", "location"]
    predictions = run.predictions(run.cells[0])
    assert_array_equal(predictions.sample, grid_run.sample)
    assert_array_equal(predictions.y, grid_run.y)
    assert predictions.P.dtype == np.float64
    assert_allclose(predictions.P.sum(axis=1), 1)
    assert run.places[grid_run.sample[1]] == "L4/L5" and run.within == "level"


def test_the_columns_of_a_place_count_together(new_run):
    writer = new_run(locations=["condition", "side", "level"], within=["side", "level"])
    writer.add(writer.signal)
    table = pd.read_parquet(writer.folder / "samples.parquet").assign(side="left", condition="stenosis")
    table.to_parquet(writer.folder / "samples.parquet")
    run = read(writer.finish())
    assert run.within == "place"
    assert set(run.places.values()) == {"left L3/L4", "left L4/L5", "left L5/S1"}


def test_no_run_folder(tmp_path):
    with pytest.raises(ResultsError, match=r"is no run folder: it has no run\.json$"):
        read(tmp_path)
    with pytest.raises(ResultsError, match=r"nowhere is no run folder: there is no such folder$"):
        read(tmp_path / "nowhere")
    (tmp_path / "grid.yaml").write_text("name: killed")  # a run writes it before it computes, run.json when it ends
    with pytest.raises(ResultsError, match=r"is no run folder: it has no run\.json$"):
        read(tmp_path)
    (tmp_path / MARKER).touch()
    with pytest.raises(ResultsError, match=r"its run has not finished\. Wait for it .* run its grid again"):
        read(tmp_path)


def test_a_folder_of_an_earlier_version_asks_for_another_run(grid_run):
    del grid_run.about["floors"]
    with pytest.raises(ResultsError, match="was written by an earlier version: run the grid again"):
        read(grid_run.finish())


def test_nothing_done_yet(new_run):
    writer = new_run()
    writer.add(status="to do")
    writer.add(status="refused", reason="needs 90 GB")
    with pytest.raises(ResultsError, match=r"none of its 2 cells is done yet; refused: needs 90 GB"):
        read(writer.finish())


def test_a_missing_prediction_file(grid_run):
    run = read(grid_run.finish())
    (run.folder / "cells" / "cell0.parquet").unlink()
    with pytest.raises(ResultsError, match=r"cell0\.parquet is missing"):
        run.predictions(run.cells[0])


@pytest.mark.parametrize(("column", "value", "why"), EDITS)
def test_edited_predictions_are_refused_by_name(grid_run, column, value, why):
    run = read(grid_run.finish())
    path = run.folder / "cells" / "cell0.parquet"
    table = pd.read_parquet(path)
    table[column] = table[column].astype(object)
    table.loc[3, column] = value
    if isinstance(value, str) and column == "p_0":
        table[column] = table[column].astype(str)
    table.to_parquet(path, index=False)
    with pytest.raises(ResultsError, match=rf"cell0\.parquet:? {why}.*: delete it and run the grid again"):
        run.predictions(run.cells[0])


def test_a_broken_prediction_file(grid_run):
    run = read(grid_run.finish())
    (run.folder / "cells" / "cell0.parquet").write_bytes(b"PAR1 half of a file")
    with pytest.raises(ResultsError, match="holds no predictions of 2 classes"):
        run.predictions(run.cells[0])


@pytest.mark.parametrize(
    ("column", "kind", "words"),
    [("level", pa.string(), "UTF"), ("patient", pa.string(), "UTF"), ("level", pa.binary(), "level holds bytes")],
)
def test_a_text_of_samples_that_is_no_utf8_is_named(grid_run, column, kind, words):
    run = read(grid_run.finish())
    path = run.folder / "samples.parquet"
    table = pq.read_table(path)
    broken = pa.array([b"\xff", *[b"L4/L5"] * (len(table) - 1)], pa.binary()).view(kind)
    pq.write_table(table.set_column(table.column_names.index(column), column, broken), path)
    with pytest.raises(ResultsError, match=rf"samples\.parquet can't be read \(.*{words}"):
        read_samples(run.folder)


@pytest.mark.parametrize(("column", "value"), [("median", np.nan), ("median", np.inf), ("height_mm", np.inf)])
def test_a_size_or_grey_value_of_a_scan_that_is_no_number_is_named(grid_run, column, value):
    run = read(grid_run.finish())
    scans = pd.DataFrame({"study": ["1", "2"], "sequence": "t2"} | {name: [1.0, 2.0] for name in NUMBERS})
    scans.to_csv(run.folder / "fingerprint.csv", index=False)
    assert dataset_card(run).histograms
    scans.assign(**{column: [1.0, value]}).to_csv(run.folder / "fingerprint.csv", index=False)
    with pytest.raises(ResultsError, match=r"fingerprint\.csv can't be read"):
        dataset_card(run)
