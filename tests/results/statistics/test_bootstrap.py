"""The bootstrap against scikit-learn on rows that are really duplicated, and against closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics as sk

from results.statistics import bootstrap as module
from results.statistics.bootstrap import PatientBootstrap, PredictedRows, percentiles
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS
from results.statistics.metrics.accuracy import METRIC as ACCURACY
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.auc_within_location import METRIC as AUC_WITHIN_LOCATION
from results.statistics.metrics.average_precision import METRIC as AVERAGE_PRECISION
from results.statistics.ranking import patient_wins, weighted_average_precision, weighted_wins


def study(n_classes, *, n_patients=30, repeats=1, seed=0, decimals=1):
    """Rows of patients with 1 to 6 samples in 3 folds, and probabilities with ties."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), random.integers(1, 7, n_patients))
    n = len(patient)
    y, level = random.integers(0, n_classes, n), random.integers(0, 3, n)
    of_repeat = [
        PredictedRows(patient, np.full(n, r), random.permutation(n_patients)[patient] % 3, y, n_classes, level)
        for r in range(repeats)
    ]
    joined = {
        name: np.concatenate([getattr(rows, name) for rows in of_repeat])
        for name in ("patient", "repeat", "fold", "y", "within")
    }
    P = random.dirichlet(np.ones(n_classes), n * repeats) + 0.3 * np.eye(n_classes)[joined["y"]]
    P = np.round(P / P.sum(axis=1, keepdims=True), decimals) + 1e-3
    return PredictedRows(**joined, n_classes=n_classes), P / P.sum(axis=1, keepdims=True)


def sklearn_auc(y, P, groups, score=sk.roc_auc_score):
    tasks = [1] if P.shape[1] == 2 else range(P.shape[1])
    values = []
    for k in tasks:
        found, weights = [], []
        for g in np.unique(groups):
            truth, p = y[groups == g] == k, P[groups == g, k]
            if 0 < truth.sum() < len(truth):
                found.append(score(truth, p))
                weights.append(truth.sum() * (~truth).sum())
        values.append(np.average(found, weights=weights))
    return np.mean(values)


SLOW = {
    "accuracy": lambda y, P, fold, level: sk.accuracy_score(y, P.argmax(1)),
    "balanced_accuracy": lambda y, P, fold, level: sk.balanced_accuracy_score(y, P.argmax(1)),
    "f1": lambda y, P, fold, level: sk.f1_score(
        y, P.argmax(1), labels=range(P.shape[1]), average="macro", zero_division=0
    ),
    "mcc": lambda y, P, fold, level: sk.matthews_corrcoef(y, P.argmax(1)),
    "kappa": lambda y, P, fold, level: sk.cohen_kappa_score(y, P.argmax(1), weights="quadratic"),
    "mae": lambda y, P, fold, level: sk.mean_absolute_error(y, P.argmax(1)),
    "log_loss": lambda y, P, fold, level: sk.log_loss(y, P, labels=range(P.shape[1])),
    "brier": lambda y, P, fold, level: ((P - np.eye(P.shape[1])[y]) ** 2).sum(1).mean() / (2 if P.shape[1] == 2 else 1),
    "auc": lambda y, P, fold, level: sklearn_auc(y, P, fold),
    "auc_within_location": lambda y, P, fold, level: sklearn_auc(y, P, fold * 3 + level),
    "average_precision": lambda y, P, fold, level: sklearn_auc(y, P, fold, sk.average_precision_score),
}


def duplicated(rows, counts, repeat):
    """The rows of a repeat, each as often as its patient was drawn."""
    at = np.flatnonzero(rows.repeat == repeat)
    return np.repeat(at, counts[rows.patient[at]].astype(int))


def copies_apart(rows, P, at):
    """Scores of duplicated rows, as ranks: copies of a row differ if the row is tied with no other of its fold."""
    scores = np.stack([np.unique(p, return_inverse=True)[1] for p in P.T], axis=1).astype(float)
    copy = np.concatenate([np.arange(n) for n in np.unique(at, return_counts=True)[1]])
    block = rows.repeat * 10 + rows.fold
    same = (scores[:, None] == scores) & (block[:, None] == block)[:, :, None]
    return scores[at] - 1e-3 * copy[:, None] * (same.sum(axis=1) == 1)[at]


@pytest.mark.parametrize(("n_classes", "repeats"), [(2, 1), (3, 1), (3, 2)])
@pytest.mark.parametrize("name", SLOW)
def test_equals_scikit_learn_on_duplicated_rows(name, n_classes, repeats):
    rows, P = study(n_classes, repeats=repeats)
    resamples = PatientBootstrap(30, resamples=12, seed=5)
    found = resamples.draws(METRICS[name], rows, P)
    for b, counts in enumerate(resamples.counts):
        expected = []
        for r in range(repeats):
            at = duplicated(rows, counts, r)
            of_rows = copies_apart(rows, P, at) if name == "average_precision" else P[at]
            expected.append(SLOW[name](rows.y[at], of_rows, rows.fold[at], rows.within[at]))
        assert_allclose(found[b], np.mean(expected), rtol=0, atol=1e-9)


def test_with_one_sample_per_patient_sorted_rows_give_the_same(monkeypatch):
    random = np.random.default_rng(0)
    n = 300
    rows = PredictedRows(np.arange(n), np.zeros(n, int), np.arange(n) % 2, random.integers(0, 3, n), 3)
    P = np.round(random.dirichlet(np.ones(3), n), 2)
    resamples = PatientBootstrap(n, resamples=8)
    by_matrix = resamples.draws(AUC, rows, P)
    monkeypatch.setattr(module, "_many_patients", lambda *_: True)
    assert_allclose(resamples.draws(AUC, rows, P), by_matrix, rtol=0, atol=1e-12)
    at = duplicated(rows, resamples.counts[0], 0)
    assert_allclose(by_matrix[0], sklearn_auc(rows.y[at], P[at], rows.fold[at]), rtol=0, atol=1e-9)


def test_ten_thousand_samples_of_a_thousand_patients_are_exact():
    random = np.random.default_rng(8)
    patient = np.repeat(np.arange(1000), 10)
    y = random.integers(0, 3, 10_000)
    P = np.round(random.dirichlet(np.ones(3), 10_000) + 0.4 * np.eye(3)[y], 3)
    P /= P.sum(axis=1, keepdims=True)
    rows = PredictedRows(patient, np.zeros(10_000, int), patient % 5, y, 3, random.integers(0, 3, 10_000))
    resamples = PatientBootstrap(1000, resamples=400)
    for name in ("accuracy", "f1", "auc", "auc_within_location", "average_precision"):
        found = resamples.draws(METRICS[name], rows, P)
        at = duplicated(rows, resamples.counts[-1], 0)
        of_rows = P[at]
        if name == "average_precision":
            of_rows = np.column_stack([copies_apart(rows, p[:, None], at) for p in P.T])
        assert_allclose(found[-1], SLOW[name](y[at], of_rows, rows.fold[at], rows.within[at]), rtol=0, atol=1e-9)


def test_two_copies_of_a_positive_are_no_tie():
    """Two copies of a positive below a negative have the precision 1 / 2 and 2 / 3; tied, both would have 2 / 3."""
    positive, score = np.array([False, True]), np.array([0.9, 0.4])
    assert_allclose(weighted_average_precision(positive, score, np.array([[1.0, 2], [1, 1], [2, 3], [0, 2], [3, 0]])),
        [(1 / 2 + 2 / 3) / 2, 1 / 2, (1 / 3 + 2 / 4 + 3 / 5) / 3, 1, 0])  # fmt: skip
    tied = np.array([0.4, 0.4])
    assert_allclose(weighted_average_precision(positive, tied, np.array([[1.0, 2], [2, 1]])), [2 / 3, 1 / 3])


def test_wins_of_patients_are_counted_pair_by_pair():
    positive, score = np.array([True, False, True, False, False]), np.array([0.5, 0.5, 0.2, 0.1, 0.9])
    patient, level = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 0])
    assert_array_equal(patient_wins(positive, score, patient), [[0.5, 1, 0], [0, 1, 0], [0, 0, 0]])
    assert_array_equal(patient_wins(positive, score, patient, level), [[0.5, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert_array_equal(weighted_wins(positive, score, np.array([[1.0, 1, 1, 1, 1], [2, 2, 0, 0, 1]])), [2.5, 2])


def test_wins_are_the_same_in_small_tables(monkeypatch):
    rows, P = study(2)
    positive, level = rows.y == 1, rows.within
    whole = patient_wins(positive, P[:, 1], rows.patient, level)
    monkeypatch.setattr("results.statistics.ranking.TABLE", 3 * len(rows.y))
    assert_array_equal(patient_wins(positive, P[:, 1], rows.patient, level), whole)


@pytest.mark.parametrize("name", SLOW)
def test_every_patient_drawn_once_is_the_primary_value(name):
    rows, P = study(3, repeats=2)
    resamples = PatientBootstrap(30, resamples=1)
    resamples.counts = np.ones((1, 30))
    value = evaluate(METRICS[name], rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within).value
    assert_allclose(resamples.draws(METRICS[name], rows, P), [value], rtol=0, atol=1e-12)


def test_a_paired_difference_is_antisymmetric_and_zero_against_itself():
    rows, P = study(3)
    other = study(3, seed=1)[1]
    other = np.resize(other, P.shape)
    resamples = PatientBootstrap(30, resamples=50)
    difference = resamples.difference(AUC, rows, P, other)
    assert_allclose(difference, -resamples.difference(AUC, rows, other, P))
    assert_array_equal(resamples.difference(AUC, rows, P, P), 0)
    assert difference.shape == (1, 50)
    assert_allclose(difference[0], resamples.draws(AUC, rows, P) - resamples.draws(AUC, rows, other))


def test_the_standard_error_of_accuracy_is_the_binomial_one():
    random = np.random.default_rng(6)
    n = 400
    right = random.random(n) < 0.8
    y = random.integers(0, 2, n)
    P = np.eye(2)[np.where(right, y, 1 - y)]
    rows = PredictedRows(np.arange(n), np.zeros(n, int), np.zeros(n, int), y, 2)
    draws = PatientBootstrap(n, resamples=20_000).draws(ACCURACY, rows, P)
    share = right.mean()
    assert_allclose(draws.mean(), share, atol=4 * np.sqrt(share * (1 - share) / n / 20_000))
    assert_allclose(draws.std(), np.sqrt(share * (1 - share) / n), rtol=0.03)


def test_samples_of_one_patient_move_together():
    """Ten equal samples per patient carry the information of one: the error is that of patients, not of samples."""
    random = np.random.default_rng(7)
    right = np.repeat(random.random(200) < 0.7, 10)
    y = random.integers(0, 2, 2000)
    P = np.eye(2)[np.where(right, y, 1 - y)]
    rows = PredictedRows(np.repeat(np.arange(200), 10), np.zeros(2000, int), np.zeros(2000, int), y, 2)
    draws = PatientBootstrap(200, resamples=10_000).draws(ACCURACY, rows, P)
    share = right.mean()
    assert_allclose(draws.std(), np.sqrt(share * (1 - share) / 200), rtol=0.04)


def test_a_draw_without_a_class_is_left_out_and_counted():
    """One class is in 2 of 20 patients: a draw lacks it with a probability of (1 - 2 / 20)^20."""
    y = np.zeros(20, dtype=int)
    y[[0, 1]] = 1
    rows = PredictedRows(np.arange(20), np.zeros(20, int), np.zeros(20, int), y, 2)
    resamples = PatientBootstrap(20, resamples=3000)
    assert_array_equal(resamples.counts.sum(axis=1), 20)
    lacking = resamples.counts[:, :2].sum(axis=1) == 0
    assert resamples.left_out(rows) == lacking.sum()
    expected = (1 - 2 / 20) ** 20
    assert abs(resamples.left_out(rows) / 3000 - expected) < 4 * np.sqrt(expected * (1 - expected) / 3000)
    P = np.random.default_rng(1).dirichlet(np.ones(2), 20)
    for name in ("auc", "accuracy", "brier"):
        assert_array_equal(np.isnan(resamples.draws(METRICS[name], rows, P)), lacking)


def test_a_class_without_a_pair_in_one_repeat_leaves_a_draw_out_of_all_repeats():
    """In the second repeat each positive shares its fold with one negative; its pair needs both."""
    y, patient = np.array([1, 0, 0, 0]), np.arange(4)
    fold = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    rows = PredictedRows(np.tile(patient, 2), np.repeat([0, 1], 4), fold, np.tile(y, 2), 2)
    resamples = PatientBootstrap(4, resamples=300)
    drawn = resamples.counts > 0
    whole = drawn[:, 0] & drawn[:, 1]
    assert 0 < whole.sum() < 300
    assert_array_equal(resamples.whole(rows), whole)
    found = resamples.by_repeat(ACCURACY, rows, np.tile([0.4, 0.6], (8, 1)))
    assert found.shape == (2, 300)
    assert_array_equal(np.isnan(found), np.tile(~whole, (2, 1)))


def test_draws_do_not_depend_on_what_is_scored():
    few = PredictedRows(np.arange(3), np.zeros(3, int), np.zeros(3, int), np.array([0, 1, 0]), 2)
    many, P = study(2)
    counts = PatientBootstrap(30, resamples=50).counts
    resamples = PatientBootstrap(30, resamples=50)
    resamples.draws(AUC, few, np.tile([0.4, 0.6], (3, 1)))
    assert_array_equal(resamples.counts, counts)
    assert_array_equal(resamples.draws(AUC, many, P), PatientBootstrap(30, resamples=50).draws(AUC, many, P))


def test_same_seed_same_draws():
    one, same, other = (PatientBootstrap(30, resamples=20, seed=s).counts for s in (1, 1, 2))
    assert_array_equal(one, same)
    assert (one != other).any()


def test_no_resamples_no_draws():
    rows, P = study(2, repeats=3)
    resamples = PatientBootstrap(30, resamples=0)
    assert resamples.by_repeat(AUC, rows, P).shape == (3, 0) and resamples.draws(AUC, rows, P).shape == (0,)
    assert np.isnan(percentiles(resamples.draws(AUC, rows, P))).all()


def test_folds_without_a_pair_give_no_auc():
    rows = PredictedRows(np.arange(8), np.zeros(8, int), np.arange(8), np.arange(8) % 2, 2)
    P = np.tile([0.4, 0.6], (8, 1))
    resamples = PatientBootstrap(8, resamples=10)
    for metric in (AUC, AUC_WITHIN_LOCATION, AVERAGE_PRECISION):
        assert np.isnan(resamples.draws(metric, rows, P)).all()


def test_percentiles_leave_out_what_is_undefined():
    assert_allclose(percentiles(np.append(np.arange(1001.0), np.nan)), (25, 975))
