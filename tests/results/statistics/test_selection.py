"""BBC-CV against scikit-learn on rows drawn and rows left out, one resample at a time."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from scipy.stats import t as student
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.metrics import METRICS
from results.statistics.selection import selection_corrected
from results.statistics.uncertainty import interval, standard_error


def study(n_cells, *, n_patients=30, n_folds=2, seed=0, signal=0.5):
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), random.integers(2, 6, n_patients))
    n = len(patient)
    y = random.integers(0, 2, n)
    cells = []
    for _ in range(n_cells):
        score = 1 / (1 + np.exp(-signal * (2 * y - 1) - random.normal(size=n)))
        cells.append(np.stack([1 - score, score], axis=1))
    return PredictedRows(patient, np.zeros(n, int), patient % n_folds, y, 2), cells


def fold_wise(y, P, fold):
    values, pairs = [], []
    for f in np.unique(fold):
        truth = y[fold == f]
        if 0 < truth.sum() < len(truth):
            values.append(roc_auc_score(truth, P[fold == f, 1]))
            pairs.append(truth.sum() * (1 - truth).sum())
    return np.average(values, weights=pairs)


SLOW = {
    "auc": (fold_wise, max),
    "f1": (lambda y, P, fold: f1_score(y, P.argmax(1), labels=[0, 1], average="macro", zero_division=0), max),
    "log_loss": (lambda y, P, fold: log_loss(y, P, labels=[0, 1]), min),
}


@pytest.mark.parametrize("name", SLOW)
def test_equals_scikit_learn_on_the_rows_of_each_resample(name):
    rows, cells = study(4)
    resamples = PatientBootstrap(30, resamples=25, seed=1)
    score, better = SLOW[name]
    expected, chosen = [], np.zeros(4)
    for counts in resamples.counts:
        inside = np.repeat(np.arange(len(rows.y)), counts[rows.patient].astype(int))
        outside = np.flatnonzero(counts[rows.patient] == 0)
        values = [score(rows.y[inside], P[inside], rows.fold[inside]) for P in cells]
        best = values.index(better(values))
        chosen[best] += 1 / 25
        expected.append(score(rows.y[outside], cells[best][outside], rows.fold[outside]))
    found = selection_corrected(resamples, METRICS[name], rows, cells)
    assert_allclose(found.value, np.mean(expected), rtol=1e-9)
    share = (resamples.counts == 0).mean()  # the patients not drawn, of all
    error = np.std(expected, ddof=1) * np.sqrt(share / (1 - share) * (1 + 2 * 1) * 30 / 29)  # one repeat, two folds
    if name == "log_loss":
        ends = np.log(found.value) + student.ppf([0.025, 0.975], 29) * error / found.value
        assert_allclose([found.low, found.high], np.exp(ends), rtol=1e-9)
    else:
        ends = logit(found.value) + student.ppf([0.025, 0.975], 29) * error / (found.value * (1 - found.value))
        assert_allclose([found.low, found.high], expit(ends), rtol=1e-9)
    assert_allclose(found.chosen, chosen, atol=1e-12)
    assert found.left_out == 0


def test_among_identical_cells_the_first_is_chosen_and_one_cell_is_not_corrected_below_itself():
    rows, (P,) = study(1, n_patients=60)
    resamples = PatientBootstrap(60, resamples=2000)
    one, three = (selection_corrected(resamples, METRICS["accuracy"], rows, [P] * k) for k in (1, 3))
    assert one.value == three.value
    assert_array_equal(three.chosen, [1, 0, 0])
    accuracy = METRICS["accuracy"](rows.y, P)
    assert_allclose(one.value, accuracy, atol=0.01)


def test_the_best_of_useless_cells_is_worth_chance():
    best, corrected = [], []
    for seed in range(20):
        rows, cells = study(12, n_patients=60, n_folds=1, seed=seed, signal=0)
        resamples = PatientBootstrap(60, resamples=100, seed=seed)
        best.append(max(METRICS["auc"](rows.y, P) for P in cells))
        corrected.append(selection_corrected(resamples, METRICS["auc"], rows, cells).value)
    assert np.mean(best) > 0.55
    assert abs(np.mean(corrected) - 0.5) < 4 * np.std(corrected, ddof=1) / np.sqrt(20)


def test_a_cell_that_is_far_better_is_hardly_corrected():
    rows, cells = study(6, n_patients=80, n_folds=1, signal=0)
    cells[4] = study(1, n_patients=80, n_folds=1, signal=1.5)[1][0]
    resamples = PatientBootstrap(80, resamples=400)
    found = selection_corrected(resamples, METRICS["auc"], rows, cells)
    assert found.chosen[4] == 1
    assert_allclose(found.value, roc_auc_score(rows.y, cells[4][:, 1]), atol=0.01)


def test_resamples_whose_rest_lacks_a_class_are_left_out_and_counted():
    """Two of 12 patients have the class: where both or none are drawn, it can't be scored or can't choose."""
    y = np.zeros(12, int)
    y[:2] = 1
    rows = PredictedRows(np.arange(12), np.zeros(12, int), np.zeros(12, int), y, 2)
    P = np.tile([0.6, 0.4], (12, 1))
    resamples = PatientBootstrap(12, resamples=500)
    for name in ("accuracy", "auc"):
        found = selection_corrected(resamples, METRICS[name], rows, [P])
        assert found.left_out == np.isin((resamples.counts[:, :2] > 0).sum(axis=1), [0, 2]).sum() > 0
    assert found.value == 0.5


def test_without_resamples_there_is_no_value_and_without_cells_an_error():
    rows, cells = study(2)
    none = PatientBootstrap(30, resamples=0)
    assert np.isnan(selection_corrected(none, METRICS["auc"], rows, cells).value)
    with pytest.raises(ValueError, match=r"cells \(0\)"):
        selection_corrected(none, METRICS["auc"], rows, [])


def test_a_perfect_choice_has_no_interval_of_zero_width():
    rows = PredictedRows(np.arange(30), np.zeros(30, int), np.zeros(30, int), np.arange(30) % 2, 2)
    perfect = np.eye(2)[rows.y]
    found = selection_corrected(PatientBootstrap(30, resamples=100), METRICS["auc"], rows, [perfect, perfect])
    exact = 0.025 ** (1 / 15)  # 15 patients of each class without an error
    assert (found.value, found.high) == (1, 1) and abs(found.low - exact) < 1e-9


def test_the_interval_of_a_lone_cell_is_that_of_the_cell():
    """Without a choice nothing is corrected: out-of-bag patients must stand for all of them."""
    rows, (P,) = study(1, n_patients=200, seed=3)
    resamples = PatientBootstrap(200, resamples=1000)
    found = selection_corrected(resamples, METRICS["auc"], rows, [P])
    own = standard_error(METRICS["auc"], rows, resamples.by_repeat(METRICS["auc"], rows, P))
    low, high = interval(METRICS["auc"], rows, fold_wise(rows.y, P, rows.fold), own)
    assert abs((found.high - found.low) / (high - low) - 1) < 0.1


def test_under_ten_patients_there_is_no_interval():
    rows, cells = study(2, n_patients=9)
    found = selection_corrected(PatientBootstrap(9, resamples=200), METRICS["accuracy"], rows, cells)
    assert np.isfinite(found.value) and np.isnan([found.low, found.high]).all()
