"""Rates of classes and thresholds against scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics as sk

from results.statistics import confusion, per_class


def predictions(n_classes, n=120, seed=0):
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n)
    P = random.dirichlet(np.ones(n_classes), n) + 0.5 * np.eye(n_classes)[y]
    return y, np.round(P / P.sum(axis=1, keepdims=True), 2)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_rates_are_those_of_scikit_learn(n_classes):
    y, P = predictions(n_classes)
    found = per_class.class_rates(y, P)
    for k in range(n_classes):
        truth, called = y == k, P.argmax(axis=1) == k
        expected = [
            truth.sum(),
            sk.recall_score(truth, called),
            sk.recall_score(~truth, ~called),
            sk.precision_score(truth, called),
            sk.precision_score(~truth, ~called),
            sk.f1_score(truth, called),
        ]
        names = ("n", "sensitivity", "specificity", "ppv", "npv", "f1")
        assert_allclose([getattr(found, name)[k] for name in names], expected)


def test_rates_at_a_threshold_are_those_of_scikit_learn():
    y, P = predictions(2)
    found = per_class.class_rates(y, P, threshold=0.3)
    assert_allclose(found.sensitivity[1], sk.recall_score(y, P[:, 1] >= 0.3))
    assert_allclose(found.ppv[1], sk.precision_score(y, P[:, 1] >= 0.3))
    assert_allclose(found.specificity[1], found.sensitivity[0])
    assert found.sensitivity[1] > per_class.class_rates(y, P).sensitivity[1]


def test_many_tables_are_scored_at_once():
    counts = np.stack([confusion.count(*predictions(3, seed=s)[:1], predictions(3, seed=9)[1].argmax(1), 3)
                       for s in range(4)])  # fmt: skip
    for rate in (per_class.sensitivity, per_class.specificity, per_class.ppv, per_class.npv, per_class.f1):
        assert_allclose(rate(counts), np.stack([rate(one) for one in counts]))


def test_an_absent_class_has_no_sensitivity_and_macro_f1_is_the_mean():
    y, P = np.array([0, 0, 1, 1]), np.eye(3)[[0, 1, 1, 1]]
    found = per_class.class_rates(y, P)
    assert_allclose(found.sensitivity, [0.5, 1, np.nan])
    assert_allclose(found.ppv, [1, 2 / 3, np.nan])
    assert_allclose(found.specificity, [1, 0.5, 1])
    assert_allclose(found.f1.mean(), sk.f1_score(y, P.argmax(1), labels=range(3), average="macro", zero_division=0))


@pytest.mark.parametrize("seed", range(5))
def test_youdens_threshold_is_the_best_of_the_roc_curve(seed):
    y, P = predictions(2, seed=seed)
    false, true, thresholds = sk.roc_curve(y, P[:, 1], drop_intermediate=False)
    found = per_class.youden_threshold(y == 1, P[:, 1])
    at = np.flatnonzero(thresholds == found)[0]
    assert_allclose((true - false)[at], (true - false).max())
    assert found == thresholds[np.flatnonzero((true - false) >= (true - false).max() - 1e-9)[0]]


@pytest.mark.parametrize("wanted", [0.1, 0.5, 0.9, 1.0])
def test_the_threshold_for_a_sensitivity_is_the_highest_that_reaches_it(wanted):
    y, P = predictions(2)
    _, true, thresholds = sk.roc_curve(y, P[:, 1], drop_intermediate=False)
    found = per_class.sensitivity_threshold(y == 1, P[:, 1], wanted)
    assert found == thresholds[true >= wanted - 1e-9].max()
    assert per_class.class_rates(y, P, threshold=found).sensitivity[1] >= wanted


def test_a_third_of_the_sensitivity_is_reached_by_one_event_of_three():
    event, p = np.array([True, True, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
    assert per_class.sensitivity_threshold(event, p, 1 / 3) == 0.9
    assert per_class.sensitivity_threshold(event, p, 2 / 3) == 0.8


def test_a_threshold_is_chosen_on_other_rows_than_it_is_applied_to():
    inner_y, inner_P = predictions(2, seed=1)
    y, P = predictions(2, seed=2)
    shifted = np.column_stack([1 - P[:, 1] / 2, P[:, 1] / 2])  # halved scores: their own best threshold is halved too
    threshold, found = per_class.rates_at_chosen_threshold(inner_y, inner_P, y, shifted)
    assert threshold == per_class.youden_threshold(inner_y == 1, inner_P[:, 1])
    assert_allclose(found.sensitivity[1], sk.recall_score(y, shifted[:, 1] >= threshold))
    threshold, found = per_class.rates_at_chosen_threshold(inner_y, inner_P, y, P, wanted_sensitivity=0.9)
    assert threshold == per_class.sensitivity_threshold(inner_y == 1, inner_P[:, 1], 0.9)
    assert_allclose(found.specificity[1], sk.recall_score(y == 0, P[:, 1] < threshold))


def test_what_can_not_be_is_an_error():
    y, P = predictions(3)
    with pytest.raises(ValueError, match="two classes, not 3"):
        per_class.class_rates(y, P, threshold=0.5)
    with pytest.raises(ValueError, match="two classes, not 3"):
        per_class.rates_at_chosen_threshold(y, P, y, P)
    with pytest.raises(ValueError, match="not 0 of 4"):
        per_class.youden_threshold(np.zeros(4, dtype=bool), np.arange(4.0))
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        per_class.sensitivity_threshold(np.arange(4) > 1, np.arange(4.0), 90)
