"""A run folder is read as it was written, and errors name what is wrong with it."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from results.run_folder import ResultsError, read


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
    assert run.within == "side x level"
    assert set(run.places.values()) == {"left L3/L4", "left L4/L5", "left L5/S1"}


def test_no_run_folder(tmp_path):
    with pytest.raises(ResultsError, match=r"is no run folder: it has no run\.json"):
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


@pytest.mark.parametrize(("column", "value"), [("p_1", np.nan), ("y", 2)])
def test_impossible_predictions(grid_run, column, value):
    run = read(grid_run.finish())
    path = run.folder / "cells" / "cell0.parquet"
    table = pd.read_parquet(path)
    table.loc[3, column] = value
    table.to_parquet(path, index=False)
    with pytest.raises(ResultsError, match="finite probabilities and y from 0 to 1"):
        run.predictions(run.cells[0])


def test_a_broken_prediction_file(grid_run):
    run = read(grid_run.finish())
    (run.folder / "cells" / "cell0.parquet").write_bytes(b"PAR1 half of a file")
    with pytest.raises(ResultsError, match="holds no predictions of 2 classes"):
        run.predictions(run.cells[0])


@pytest.mark.parametrize("name", ["run.json", "cells.json"])
def test_a_file_that_describes_no_run_is_named(grid_run, name):
    folder = grid_run.finish()
    (folder / name).write_text("null")
    with pytest.raises(ResultsError, match=r"is no run folder: run\.json or cells\.json does not describe a run"):
        read(folder)
