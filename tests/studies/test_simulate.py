"""The simulations run, and even a few of them show the effects of many."""

import math
from functools import partial

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tests.studies import simulate, simulate_families, simulate_procedures, simulate_refits
from tests.studies.simulated import Line, crossed, table

FEW = {
    "fixed": 24,
    "cross-validated": 24,
    "tests": 400,
    "family": 30,
    "selection": 10,
    "refits": 4,
    "families": 4,
    "procedures": 4,
}


@pytest.fixture(scope="module")
def measured():
    experiments = (simulate.fixed_predictions, simulate.cross_validated, simulate.tests_of_two)
    lines = [line for e in (*experiments, simulate.family, simulate.selection) for line in e(FEW)]
    return lines, {(line.what, line.patients): line for line in lines}


def test_scores_have_the_true_auc_that_coverage_is_measured_against():
    random = np.random.default_rng(0)
    patient, y = simulate._labels(random, 20_000)
    assert abs(y.mean() - simulate.EVENTS) < 0.01
    score = simulate._score(random, patient, y)
    assert abs(roc_auc_score(y, score) - simulate.TRUE_AUC) < 0.005
    noise = (score - math.sqrt(2) * norm.ppf(simulate.TRUE_AUC) * y).reshape(-1, simulate.DISCS)
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1] - simulate.CORRELATION) < 0.03


def test_intervals_over_patients_cover_most_of_the_time(measured):
    lines, _ = measured
    coverage = [line for line in lines if line.what.startswith("Coverage") and not line.what.endswith("samples")]
    assert len(coverage) == 12
    assert all(line.measured >= 0.7 for line in coverage)


def test_refits_are_scikit_learn_on_the_copies():
    random = np.random.default_rng(0)
    patient, y = simulate._labels(random, 33)
    X, _ = simulate._features(random, patient, y)
    times = random.multinomial(33, np.full(33, 1 / 33), size=3)[:, patient]
    for found, drawn in zip(simulate_refits.logistic(X, y, times), times, strict=True):
        rows = np.repeat(np.arange(len(y)), drawn)
        model = LogisticRegression(C=simulate_refits.C, tol=1e-8, max_iter=1000).fit(X[rows], y[rows])
        np.testing.assert_allclose(found, [*model.coef_[0], *model.intercept_], atol=1e-4)


def test_the_interval_over_refits_is_the_wider_one():
    found = {line.what: line for line in simulate_refits.refits(FEW) if line.patients == 75}
    usual, refit = (
        found[f"Width of that interval, {how}"].measured for how in ("percentiles of these fits", "refit, 1.96 SD")
    )
    assert usual < refit < 3 * usual


def test_tests_that_take_samples_as_independent_find_too_much(measured):
    _, found = measured
    for test in ("DeLong", "McNemar"):
        plain = found[f"Type I error, fixed predictions, plain {test}", 75].measured
        assert plain > 0.1 > found[f"Type I error, fixed predictions, clustered {test}", 75].measured


def test_step_down_finds_less_in_a_null_family(measured):
    _, found = measured
    what = f"Family error, fixed predictions, {simulate.COMPARISONS} comparisons of which 0 differ,"
    assert found[f"{what} step-down", 75].measured < found[f"{what} not adjusted", 75].measured < 0.6


def test_the_best_of_useless_cells_is_corrected_to_chance(measured):
    _, found = measured
    best = f"AUC on null labels, best of {simulate.CELLS}"
    assert found[f"{best} cells", 75].measured > 0.54
    assert abs(found[f"{best}, corrected", 75].measured - 0.5) < 0.02


def test_the_table_has_a_row_for_each_and_its_error(measured):
    lines, _ = measured
    drawn = table(lines).splitlines()
    assert len(drawn) == len(lines) + 2
    assert all(line.what in row for line, row in zip(lines, drawn[2:], strict=True))
    share = Line.of("", 1, np.array([0.0, 0, 0, 1]))
    assert share.error == pytest.approx(math.sqrt(0.25 * 0.75 / 3))


def test_procedures_are_equally_good_unless_one_is_better():
    """On many new patients both have one AUC; the second has a higher one where it is given a gain."""
    random = np.random.default_rng(0)
    for gain, apart in ((0.0, 0.0), (0.5, 0.05)):
        setting = simulate_procedures.Setting(400, 2, "linear", repeats=1, gain=gain)
        patient, y, X = simulate_procedures.drawn(random, setting, cells=2)
        rows, P = simulate_procedures.cross_validated(random, setting, patient, y, X)
        assert all(len(np.unique(rows.fold[rows.patient == one])) == 1 for one in range(10))
        first, second = (roc_auc_score(rows.y, p[:, 1]) for p in P)
        assert apart - 0.02 < second - first < apart + 0.1


def test_of_equal_procedures_the_tests_of_these_fits_find_more():
    setting = simulate_procedures.Setting(75, 2, "neighbours")
    found = list(simulate_procedures._simulated(partial(simulate_procedures._two, setting), 0, setting, 60))
    in_use, of_fits = (
        np.mean([one[f"p, {how}"] <= 0.05 for one in found]) for how in ("AUC: in use", simulate_procedures.OTHERS[1])
    )
    assert in_use < 0.15 and in_use < of_fits
    lines = [*simulate_procedures._rejected("Type I error: x", setting, found)]
    assert len(crossed("Type I error", lines).splitlines()) == 3


def test_equal_cells_are_nearly_always_all_in_the_best_set():
    setting = simulate_procedures.Setting(75, 2, "linear")
    found = list(simulate_procedures._simulated(partial(simulate_families._equal, setting), 0, setting, 6))
    assert np.mean([one["any"] for one in found]) < 0.5 < np.mean([one["any pair"] for one in found])
