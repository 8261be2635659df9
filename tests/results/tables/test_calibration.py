"""The calibration table against statsmodels and scikit-learn."""

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.interpolate import CubicSpline
from scipy.special import logit
from sklearn.metrics import brier_score_loss, log_loss

from results.run_folder import read
from results.tables import formats
from results.tables.latex import latex
from results.tables.presets.calibration import calibration_sheets


def expected(stored, k):
    """Slope, intercepts, expected errors, ICI, log loss and Brier of one class in one repeat."""
    y, p = (stored.y == k).to_numpy().astype(float), stored[f"p_{k}"].to_numpy()
    both = sm.GLM(y, sm.add_constant(logit(p)), family=sm.families.Binomial()).fit(tol=1e-12).params
    alone = sm.GLM(y, np.ones(len(y)), family=sm.families.Binomial(), offset=logit(p)).fit(tol=1e-12).params
    parts = np.array_split(np.argsort(p), 10)
    error = sum(len(rows) * abs(y[rows].mean() - p[rows].mean()) for rows in parts) / len(y)
    scores = [both[1], both[0], alone[0], error, error_if_calibrated(p, parts), smooth_error(y, p)]
    return np.array([*scores, log_loss(y, p), brier_score_loss(y, p)])


def error_if_calibrated(p, parts):
    """The expected distance of the number of events from its mean in each bin, from the distribution of that number."""
    expected_distance = 0.0
    for rows in parts:
        of_number = np.array([1.0])
        for one in p[rows]:
            of_number = np.convolve(of_number, [1 - one, one])
        expected_distance += of_number @ np.abs(np.arange(len(rows) + 1) - p[rows].sum())
    return expected_distance / len(p)


def smooth_error(y, p):
    """The mean distance from a logistic regression on natural cubic splines with 4 knots, linear beyond them."""
    x = logit(p)
    knots = np.quantile(x, [0.05, 0.35, 0.65, 0.95])
    columns = []
    for one in np.eye(4):
        spline = CubicSpline(knots, one, bc_type="natural")
        inside = spline(np.clip(x, knots[0], knots[-1]))
        below, above = np.minimum(x - knots[0], 0), np.maximum(x - knots[-1], 0)
        columns.append(inside + below * spline(knots[0], 1) + above * spline(knots[-1], 1))
    curve = sm.GLM(y, np.column_stack(columns), family=sm.families.Binomial()).fit(tol=1e-12)
    return np.abs(curve.fittedvalues - p).mean()


def assert_rows_agree(row, wanted):
    """All numbers but the error if calibrated are exact; that is a mean over 200 draws of outcomes."""
    found = np.array(numbers(row))
    assert_allclose(np.delete(found, 4), np.delete(wanted, 4), rtol=1e-4, atol=1e-5)
    assert_allclose(found[4], wanted[4], rtol=0.1)


def add(writer, heads="svc", noise=1.0):
    return writer.add(writer.signal + noise * writer.random.normal(size=len(writer.y)), heads=heads)


def stored(writer, key):
    return pd.read_parquet(writer.folder / "cells" / f"{key}.parquet")


def numbers(row):
    return [np.nan if score is None else score.value for score in row.scores]


def test_two_classes_have_a_row_per_cell_with_the_mean_over_repeats(new_run):
    writer = new_run(repeats=2)
    key = add(writer)
    table = stored(writer, key)
    # Another p in the other repeat, so that a pool of both would differ.
    table.loc[table.repeat == 1, "p_1"] **= 2
    table["p_0"] = 1 - table["p_1"]
    table.to_parquet(writer.folder / "cells" / f"{key}.parquet", index=False)
    (sheet,) = calibration_sheets(read(writer.finish()))
    (row,) = sheet.rows
    assert row.labels == ("svc", "1")
    assert_rows_agree(row, np.mean([expected(part, 1) for _, part in table.groupby("repeat")], axis=0))


def test_more_classes_have_a_row_each_and_one_for_all(new_run):
    writer = new_run(n_classes=3)
    table = stored(writer, add(writer))
    (sheet,) = calibration_sheets(read(writer.finish()))
    assert [row.labels[-1] for row in sheet.rows] == ["all", "0", "1", "2"]
    for k, row in enumerate(sheet.rows[1:]):
        assert_rows_agree(row, expected(table, k))
    P, y = table[["p_0", "p_1", "p_2"]].to_numpy(), table.y.to_numpy()
    parts = np.array_split(np.argsort(P.max(axis=1)), 10)
    right = P.argmax(axis=1) == y
    error = sum(len(rows) * abs(right[rows].mean() - P[rows].max(axis=1).mean()) for rows in parts) / len(y)
    brier = ((P - np.eye(3)[y]) ** 2).sum(axis=1).mean()
    of_all = numbers(sheet.rows[0])
    assert np.isnan(of_all[:3]).all()
    assert_allclose([of_all[3], *of_all[6:]], [error, log_loss(y, P), brier])
    assert_allclose(of_all[5], smooth_error(right.astype(float), P.max(axis=1)), rtol=1e-4)


def test_the_prior_has_no_slope_and_the_best_log_loss_comes_first(new_run):
    writer = new_run()
    add(writer, "bad", 3)
    add(writer, "good", 0.5)
    writer.add_floors()
    (sheet,) = calibration_sheets(read(writer.finish()))
    assert [row.labels[0] for row in sheet.rows] == ["good", "bad"]
    assert (0, 6) in sheet.best and (0, 4) not in sheet.best
    prior = next(row for row in sheet.floors if row.labels[0] == "prior")
    assert [score is None for score in prior.scores] == [True, True, True, False, False, True, False, False]


def test_every_format_can_be_drawn(grid_run):
    run = read(grid_run.finish())
    sheets = calibration_sheets(run)
    assert "Slope" in formats.text(sheets[0])
    assert r"\toprule" in latex(sheets[0])
    assert len(formats.comma_separated(sheets).splitlines()) == 1 + 8 + 2


def test_recalibrated_probabilities_have_a_row_next_to_those_of_the_fit(new_run):
    writer = new_run()
    key, plain = add(writer, heads="svc"), add(writer, heads="mlp")
    table = stored(writer, key)
    table["recalibrated_1"] = table["p_1"] ** 2
    table["recalibrated_0"] = 1 - table["recalibrated_1"]
    table.to_parquet(writer.folder / "cells" / f"{key}.parquet")
    (sheet,) = calibration_sheets(read(writer.finish()))
    rows = {row.labels: row for row in sheet.rows}
    assert set(rows) == {("svc", "as fitted", "1"), ("svc", "recalibrated", "1"), ("mlp", "as fitted", "1")}
    again = table.assign(p_1=table["recalibrated_1"], p_0=table["recalibrated_0"])
    assert_rows_agree(rows["svc", "recalibrated", "1"], expected(again, 1))
    assert_rows_agree(rows["svc", "as fitted", "1"], expected(table, 1))
    assert_rows_agree(rows["mlp", "as fitted", "1"], expected(stored(writer, plain), 1))
    assert "have two rows: as fitted, and recalibrated" in " ".join(formats.text(sheet).split())


def test_intervals_hold_the_values_and_the_slope_of_calibrated_probabilities(new_run):
    writer = new_run(n_patients=60)
    add(writer)
    (sheet,) = calibration_sheets(read(writer.finish()))
    for score in (sheet.rows[0].scores[j] for j in (0, 1, 2, 3, 5, 6, 7)):
        assert score.low < score.value < score.high
    (bare,) = calibration_sheets(read(writer.finish()), resamples=0)
    assert all(score.low is None for score in bare.rows[0].scores)
