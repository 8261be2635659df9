"""Every metric against scikit-learn, and the rules of folds and repeats against sums written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics as sk

from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS


def predictions(n_classes, *, n=400, seed=0):
    """Labels and probabilities that carry some signal; rounded, so that scores tie."""
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n)
    P = random.dirichlet(np.ones(n_classes), n) + 0.6 * np.eye(n_classes)[y] * random.random((n, 1))
    P = np.round(P / P.sum(axis=1, keepdims=True), 2) + 0.01
    return y, P / P.sum(axis=1, keepdims=True)


def one_vs_rest(score, y, P):
    """scikit-learn's binary score of class 1, or its mean over the classes."""
    if P.shape[1] == 2:
        return score(y == 1, P[:, 1])
    return np.mean([score(y == k, P[:, k]) for k in range(P.shape[1])])


INDEPENDENT = {
    "accuracy": lambda y, P: sk.accuracy_score(y, P.argmax(1)),
    "balanced_accuracy": lambda y, P: sk.balanced_accuracy_score(y, P.argmax(1)),
    "f1": lambda y, P: sk.f1_score(y, P.argmax(1), labels=range(P.shape[1]), average="macro", zero_division=0),
    "mcc": lambda y, P: sk.matthews_corrcoef(y, P.argmax(1)),
    "kappa": lambda y, P: sk.cohen_kappa_score(y, P.argmax(1), weights="quadratic", labels=range(P.shape[1])),
    "mae": lambda y, P: sk.mean_absolute_error(y, P.argmax(1)),
    "log_loss": lambda y, P: sk.log_loss(y, P, labels=range(P.shape[1])),
    "brier": lambda y, P: (
        sk.brier_score_loss(y, P[:, 1]) if P.shape[1] == 2 else ((P - np.eye(P.shape[1])[y]) ** 2).sum(1).mean()
    ),
    "auc": lambda y, P: one_vs_rest(sk.roc_auc_score, y, P),
    "average_precision": lambda y, P: one_vs_rest(sk.average_precision_score, y, P),
    "auc_thresholds": lambda y, P: np.mean(
        [sk.roc_auc_score(y > t, P[:, t + 1 :].sum(axis=1)) for t in range(P.shape[1] - 1)]
    ),
}


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("name", INDEPENDENT)
def test_equals_scikit_learn(name, n_classes):
    y, P = predictions(n_classes)
    assert_allclose(METRICS[name](y, P), INDEPENDENT[name](y, P), rtol=0, atol=1e-12)


def test_f1_counts_zero_for_a_class_that_neither_occurs_nor_is_predicted():
    y, P = np.array([0, 1, 1]), np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.7, 0.3, 0.0]])
    assert_allclose(METRICS["f1"](y, P), (2 / 3 + 2 / 3 + 0) / 3)


def test_balanced_accuracy_is_over_the_classes_that_occur():
    y, P = np.array([0, 0, 1, 1]), np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    assert_allclose(METRICS["balanced_accuracy"](y, P), (1 / 2 + 1) / 2)


def test_mcc_is_zero_and_kappa_undefined_for_one_class():
    y, P = np.zeros(4, dtype=int), np.tile([0.9, 0.1], (4, 1))
    assert METRICS["mcc"](y, P) == 0
    assert np.isnan(METRICS["kappa"](y, P))


def test_log_loss_of_a_certain_mistake_is_finite():
    y, P = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert_allclose(METRICS["log_loss"](y, P), sk.log_loss(y, P))


def test_auc_without_a_pair_is_undefined():
    assert np.isnan(METRICS["auc"](np.array([1, 1]), np.array([[0.5, 0.5], [0.2, 0.8]])))


def by_hand(score, y, P, groups):
    """The mean over tasks of scikit-learn's value of each group, weighted by its number of pairs."""
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


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    ("metric", "score"), [("auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)]
)
def test_ranks_inside_folds_and_weighs_them_by_pairs(metric, score, n_classes):
    y, P = predictions(n_classes)
    random = np.random.default_rng(1)
    repeat, fold = np.repeat([0, 1], 200), random.choice(4, 400, p=[0.4, 0.3, 0.2, 0.1])
    expected = np.mean([by_hand(score, y[repeat == r], P[repeat == r], fold[repeat == r]) for r in (0, 1)])
    assert_allclose(evaluate(METRICS[metric], y, P, repeat=repeat, fold=fold).value, expected, atol=1e-12)


def test_auc_within_location_compares_samples_of_one_fold_and_level():
    y, P = predictions(3)
    random = np.random.default_rng(2)
    fold, level = random.integers(0, 3, 400), random.integers(0, 5, 400)
    found = evaluate(METRICS["auc_within_location"], y, P, repeat=np.zeros(400, int), fold=fold, within=level)
    assert_allclose(found.value, by_hand(sk.roc_auc_score, y, P, fold * 5 + level), atol=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "f1", "mcc", "brier", "log_loss", "kappa"])
def test_pools_the_folds_of_a_repeat_and_averages_repeats(name):
    y, P = predictions(3)
    repeat, fold = np.repeat([0, 1], [150, 250]), np.arange(400) % 5
    found = evaluate(METRICS[name], y, P, repeat=repeat, fold=fold)
    repeats = [INDEPENDENT[name](y[repeat == r], P[repeat == r]) for r in (0, 1)]
    folds = [
        INDEPENDENT[name](y[at], P[at]) for r in (0, 1) for f in range(5) if (at := (repeat == r) & (fold == f)).any()
    ]
    assert_allclose(found.value, np.mean(repeats))
    assert_allclose(found.repeat_sd, np.std(repeats, ddof=1))
    assert_allclose((found.fold_mean, found.fold_sd), (np.mean(folds), np.std(folds, ddof=1)))


def test_a_fold_without_a_class_is_left_out_and_counted():
    y = np.array([0, 1, 0, 1, 0, 0])
    P = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.9, 0.1], [0.8, 0.2]])
    found = evaluate(METRICS["accuracy"], y, P, repeat=np.zeros(6, int), fold=np.array([0, 0, 1, 1, 2, 2]))
    assert found.folds_left_out == 1
    assert_allclose((found.value, found.fold_mean, found.fold_sd), (5 / 6, 0.75, np.std([1, 0.5], ddof=1)))


def test_the_prior_has_an_auc_of_exactly_one_half():
    random = np.random.default_rng(3)
    fold, y = np.arange(500) % 5, random.integers(0, 3, 500)
    P = random.dirichlet(np.ones(3), 5)[fold]
    for name in ("auc", "auc_thresholds"):
        assert evaluate(METRICS[name], y, P, repeat=np.zeros(500, int), fold=fold).value == 0.5


def test_a_score_of_the_level_alone_is_one_half_within_level():
    random = np.random.default_rng(4)
    level, fold = random.integers(0, 5, 300), np.arange(300) % 5
    y = (random.random(300) < (level + 1) / 7).astype(int)
    p = (level + 1) / 7
    P = np.column_stack([1 - p, p])
    found = evaluate(METRICS["auc_within_location"], y, P, repeat=np.zeros(300, int), fold=fold, within=level)
    assert found.value == 0.5
    assert evaluate(METRICS["auc"], y, P, repeat=np.zeros(300, int), fold=fold).value > 0.65
