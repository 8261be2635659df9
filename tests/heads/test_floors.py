"""The floors: the base rate, draws from it, location and presence."""

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from bench.stages.branches import one_hot
from heads.base import TrainingSet
from heads.location import Location
from heads.pixels import Pixels
from heads.presence import Presence
from heads.prior import Prior
from heads.random import Random
from preprocessing.balance.smote import Smote

Y = np.repeat([0, 1, 2], [50, 30, 20])
GROUPS = np.random.default_rng(0).permutation(np.arange(100) // 4).astype(str)
NOTHING = np.zeros((100, 0), dtype=np.float32)


def test_prior_is_the_class_frequency_whatever_the_balance():
    fitted = Prior().fit(TrainingSet(NOTHING, Y, GROUPS, 3, Smote()), seed=0)
    assert_allclose(fitted.predict_proba(NOTHING[:7]), np.tile([0.5, 0.3, 0.2], (7, 1)))


def test_random_draws_one_class_per_row_from_the_prior():
    fitted = Random().fit(TrainingSet(NOTHING, Y, GROUPS, 3), seed=0)
    p = fitted.predict_proba(np.zeros((20_000, 0), dtype=np.float32))
    assert_array_equal(p.max(axis=1), 1)
    assert_allclose(p.mean(axis=0), [0.5, 0.3, 0.2], atol=0.02)
    assert_array_equal(fitted.predict_proba(NOTHING[:50]), p[:50])
    other = Random().fit(TrainingSet(NOTHING, Y, GROUPS, 3), seed=1)
    assert not np.array_equal(other.predict_proba(NOTHING[:50]), p[:50])


def test_location_gives_the_rate_of_each_level_up_to_its_penalty():
    level = np.random.default_rng(1).integers(3, size=3000)
    X = np.eye(3, dtype=np.float32)[level]
    y = (np.random.default_rng(2).random(3000) < np.array([0.1, 0.3, 0.6])[level]).astype(np.int64)
    fitted = Location(C=1e6).fit(TrainingSet(X, y, np.arange(3000).astype(str), 2), seed=0)
    rates = [y[level == i].mean() for i in range(3)]
    assert_allclose(fitted.predict_proba(np.eye(3, dtype=np.float32))[:, 1], rates, atol=2e-3)
    default = Location().fit(TrainingSet(X, y, np.arange(3000).astype(str), 2), seed=0)
    expected = LogisticRegression().fit(X, y).predict_proba(X)
    assert_allclose(default.predict_proba(X), expected, atol=1e-4)


def test_presence_gives_the_rate_of_each_pattern_of_sequences_up_to_its_penalty():
    rng = np.random.default_rng(1)
    X = (rng.random((4000, 2)) < 0.5).astype(np.float32)
    odds = -1 + 2 * X[:, 0] - X[:, 1]  # additive, as the logistic regression is
    y = (rng.random(4000) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    fitted = Presence(C=1e6).fit(TrainingSet(X, y, np.arange(4000).astype(str), 2, Smote()), seed=0)
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y).predict_proba(X)
    assert_allclose(fitted.predict_proba(X), expected, atol=1e-3)
    assert_allclose(fitted.predict_proba(X)[:, 1], 1 / (1 + np.exp(-odds)), atol=0.06)


def test_location_finds_an_exclusive_or_of_level_and_side():
    rng = np.random.default_rng(0)
    columns = pd.DataFrame({"level": rng.integers(5, size=400) % 2, "side": rng.integers(2, size=400)})
    odd = (columns["level"] != columns["side"]).to_numpy()
    y = (rng.random(400) < np.where(odd, 0.9, 0.1)).astype(np.int64)
    X = one_hot(columns, np.arange(200))
    fitted = Location().fit(TrainingSet(X[:200], y[:200], np.arange(200).astype(str), 2), seed=0)
    called = fitted.predict_proba(X[200:])[:, 1] > 0.5
    assert_array_equal(called, odd[200:])  # what the truth would call


def test_pixels_probabilities_are_as_good_as_their_ranks():
    """Classes far apart: every C ranks perfectly, and the smallest has probabilities near the base rate."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [90, 30])
    X = (rng.normal(size=(120, 8)) + 4 * y[:, None]).astype(np.float32)
    training = TrainingSet((X - X.mean(axis=0)) / X.std(axis=0), y, np.arange(120).astype(str), 2)
    P = Pixels().fit(training, seed=0).predict_proba(training.X)
    least = LogisticRegression(C=0.0001, max_iter=1000).fit(training.X, y).predict_proba(training.X)
    assert log_loss(y, P) < 0.05 < 0.4 < log_loss(y, least)
    assert ((P[:, 1] > 0.5) == y).all() and not (least[:, 1] > 0.5).any()
