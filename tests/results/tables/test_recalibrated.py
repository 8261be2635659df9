"""The table of cells on balanced rows, as fitted and recalibrated, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from results import ResultsError
from results.run_folder import read
from results.tables.presets.recalibrated import recalibrated_sheets


def test_each_balanced_cell_has_two_rows(new_run):
    writer = new_run()
    key = writer.add(writer.signal, heads="svc", balance="smote")
    writer.add(writer.signal, heads="svc", balance="none")
    writer.add_floors()
    path = writer.folder / "cells" / f"{key}.parquet"
    stored = pd.read_parquet(path)
    again = stored["p_1"] ** 2  # the order stays, so the AUC does
    stored.assign(recalibrated_0=1 - again, recalibrated_1=again).to_parquet(path)
    (sheet,) = recalibrated_sheets(read(writer.finish()), resamples=50)
    assert [row.labels[-1] for row in sheet.rows] == ["as fitted", "recalibrated"]
    assert {row.labels[sheet.labels.index("balance")] for row in sheet.rows} == {"smote"}
    for row, p in zip(sheet.rows, (stored["p_1"], again), strict=True):
        called = (p > 0.5).astype(int)
        expected = [accuracy_score(stored.y, called), balanced_accuracy_score(stored.y, called)]
        expected.append(f1_score(stored.y, called, average="macro"))
        assert_allclose([score.value for score in row.scores[:3]], expected)
        assert all(score.low <= score.value <= score.high for score in row.scores)
    assert sheet.rows[0].scores[3].value == sheet.rows[1].scores[3].value
    assert sheet.rows[0].scores[2].value != sheet.rows[1].scores[2].value
    assert "Recalibration changes no AUC of these cells by 0.005 or more." in sheet.notes
    assert [row.labels[sheet.labels.index("heads")] for row in sheet.floors] == ["prior", "location"]
    assert np.isfinite(sheet.floors[0].scores[0].value)


def test_both_rows_call_the_most_probable_class_whatever_the_run_does(new_run):
    writer = new_run()
    key = writer.add(writer.signal, heads="svc", balance="smote")
    writer.add_floors()
    path = writer.folder / "cells" / f"{key}.parquet"
    stored = pd.read_parquet(path).assign(called=0)  # as a threshold that nobody reaches
    stored.assign(recalibrated_0=stored["p_0"], recalibrated_1=stored["p_1"]).to_parquet(path)
    (sheet,) = recalibrated_sheets(read(writer.finish()), resamples=0)
    as_fitted, recalibrated = ([score.value for score in row.scores] for row in sheet.rows)
    assert as_fitted == recalibrated
    assert_allclose(as_fitted[0], accuracy_score(stored.y, stored["p_1"] > 0.5))


def test_a_constant_sigmoid_loses_the_order_and_the_note_says_so(new_run):
    writer = new_run()
    key = writer.add(writer.signal, heads="svc", balance="smote")
    path = writer.folder / "cells" / f"{key}.parquet"
    pd.read_parquet(path).assign(recalibrated_0=0.5, recalibrated_1=0.5).to_parquet(path)
    (sheet,) = recalibrated_sheets(read(writer.finish()), resamples=0)
    lost = 0.5 - sheet.rows[0].scores[3].value
    assert lost < -0.1
    assert any(f"Recalibration changes the AUC by {lost:.2f}: " in note for note in sheet.notes)


def test_a_run_without_balanced_cells_is_an_error_of_one_line(grid_run):
    with pytest.raises(ResultsError, match="no cell of this run was fitted on weighted or resampled rows"):
        recalibrated_sheets(read(grid_run.finish()), resamples=0)
