"""Rates of classes against scikit-learn."""

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


RATES = {
    "sensitivity": lambda truth, called: sk.recall_score(truth, called),
    "specificity": lambda truth, called: sk.recall_score(~truth, ~called),
    "f1": lambda truth, called: sk.f1_score(truth, called),
}


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_rates_are_those_of_scikit_learn(n_classes, name):
    y, P = predictions(n_classes)
    found = getattr(per_class, name)(confusion.count(y, P.argmax(axis=1), n_classes))
    assert_allclose(found, [RATES[name](y == k, P.argmax(axis=1) == k) for k in range(n_classes)])


def test_many_tables_are_scored_at_once():
    counts = np.stack([confusion.count(*predictions(3, seed=s)[:1], predictions(3, seed=9)[1].argmax(1), 3)
                       for s in range(4)])  # fmt: skip
    for rate in (per_class.sensitivity, per_class.specificity, per_class.f1):
        assert_allclose(rate(counts), np.stack([rate(one) for one in counts]))


def test_an_absent_class_has_no_sensitivity_and_macro_f1_is_the_mean():
    y, P = np.array([0, 0, 1, 1]), np.eye(3)[[0, 1, 1, 1]]
    counts = confusion.count(y, P.argmax(axis=1), 3)
    assert_allclose(per_class.sensitivity(counts), [0.5, 1, np.nan])
    assert_allclose(per_class.specificity(counts), [1, 0.5, 1])
    expected = sk.f1_score(y, P.argmax(1), labels=range(3), average="macro", zero_division=0)
    assert_allclose(per_class.f1(counts).mean(), expected)
