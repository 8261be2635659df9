"""Weights of the classes: the best ones on held-out rows, and those that undo priors."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import balanced_accuracy_score, f1_score

from heads.base import TrainingSet
from heads.fitting.class_weights import called, choose_weights, prior_weights
from heads.fitting.thresholds import youden
from heads.logistic import Logistic
from preprocessing.balance.class_weight import ClassWeight
from preprocessing.balance.smote import Smote

SCORES = {
    "f1": lambda y, c: f1_score(y, c, average="macro", zero_division=0),
    "balanced_accuracy": balanced_accuracy_score,
}


def problem(n=200, k=3, seed=0, digits=6):
    random = np.random.default_rng(seed)
    y = random.choice(k, p=np.array([0.75, 0.2, 0.05, 0.0])[:k] / np.sum([0.75, 0.2, 0.05, 0.0][:k]), size=n)
    odds = np.exp(1.2 * np.eye(k)[y] + np.log([0.75, 0.2, 0.05][:k]) + random.normal(size=(n, k)))
    P = np.round(odds / odds.sum(axis=1, keepdims=True), digits)
    return y, P / P.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("rule", SCORES)
@pytest.mark.parametrize("seed", range(4))
def test_no_weights_of_a_fine_grid_are_better(rule, seed):
    y, P = problem(seed=seed, digits=2 if seed % 2 else 6)  # with two digits many rows are equal
    found = SCORES[rule](y, called(P, choose_weights(rule, y, P)))
    steps = np.exp(np.linspace(-5, 5, 25))
    grid = max(SCORES[rule](y, called(P, np.array([1, a, b]))) for a, b in itertools.product(steps, steps))
    # One class after the other can stop at a local best; on such problems it is hardly below the global one.
    assert found >= grid - 0.01
    assert found > SCORES[rule](y, P.argmax(axis=1)) + 0.02


@pytest.mark.parametrize("seed", range(4))
def test_with_two_classes_balanced_accuracy_is_youdens_index(seed):
    y, P = problem(k=2, seed=seed)
    ours = called(P, choose_weights("balanced_accuracy", y, P))
    theirs = P[:, 1] >= youden(y == 1, P[:, 1])
    assert_allclose(balanced_accuracy_score(y, ours), balanced_accuracy_score(y, theirs))


def test_rows_that_give_a_class_no_chance_are_never_called_it():
    P = np.array([[1.0, 0.0], [0.9, 0.1], [0.6, 0.4], [0.0, 1.0]])
    weights = choose_weights("f1", np.array([0, 0, 1, 1]), P)
    assert_array_equal(called(P, weights), [0, 0, 1, 1])
    assert_array_equal(called(P, choose_weights("f1", np.array([1, 1, 0, 0]), P))[[0, 3]], [0, 1])


def test_priors_weigh_a_class_by_the_inverse_of_its_share():
    assert_allclose(prior_weights(np.array([0.5, 0.3, 0.2])), np.array([6, 10, 15]) / 31)


def training(rule, balance=None, seed=0):
    random = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [240, 45, 15])
    X = (np.eye(3)[y] @ random.normal(size=(3, 5)) + random.normal(size=(300, 5))).astype(np.float32)
    groups = random.permutation(np.arange(300) // 3).astype(str)
    return TrainingSet(X, y, groups, 4, balance, threshold=rule)


@pytest.mark.parametrize(
    ("balance", "priors"), [(None, [0.8, 0.15, 0.05]), (ClassWeight(), 3 * [1 / 3]), (Smote(), 3 * [1 / 3])]
)
def test_priors_are_those_that_the_fit_saw(balance, priors):
    fitted = Logistic().fit(training("priors", balance), seed=0)
    assert_allclose(fitted.weights, [*prior_weights(np.array(priors) / sum(priors)), 0])  # no training row has class 3


def test_calibrated_probabilities_have_the_real_priors():
    fitted = Logistic(calibration="sigmoid").fit(training("priors", Smote()), seed=0)
    assert_allclose(fitted.weights[:3], prior_weights(np.array([0.8, 0.15, 0.05])))


@pytest.mark.parametrize("rule", SCORES)
def test_weights_are_chosen_on_rows_that_the_fit_has_not_seen(rule):
    whole = training(rule)
    fitted = Logistic(C=10.0).fit(whole, seed=0)
    held = np.zeros((300, 3))
    for subset, rows in whole.folds():
        assert not set(whole.groups[subset.rows]) & set(whole.groups[rows])
        classifier = (
            Logistic(C=10.0).build(seed=0, threads=1, device="cpu").fit(whole.X[subset.rows], whole.y[subset.rows])
        )
        held[rows] = classifier.predict_proba(whole.X[rows])
    best = SCORES[rule](whole.y, called(held, choose_weights(rule, whole.y, held)))
    assert_allclose(SCORES[rule](whole.y, called(held, fitted.weights[:3])), best, atol=1e-6)
    # Rows that the fit has seen would give other weights.
    seen = fitted.predict_proba(whole.X)[:, :3]
    assert not np.allclose(fitted.weights[:3], choose_weights(rule, whole.y, seen))
