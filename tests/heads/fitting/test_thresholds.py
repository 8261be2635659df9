"""Thresholds chosen on inner folds, and the recalibration that undoes balanced rows."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from heads.cascade import Cascade
from heads.fitting import thresholds
from heads.knn import Knn
from heads.logistic import Logistic
from heads.own import Own
from heads.prior import Prior
from heads.svc import Svc
from preprocessing.balance.class_weight import ClassWeight
from preprocessing.balance.none import NoBalance
from preprocessing.balance.smote import Smote


def scored(n=120, seed=0):
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, n)
    return y == 1, np.round(random.normal(size=n) + y, 1)


@pytest.mark.parametrize("seed", range(5))
def test_youdens_threshold_is_the_best_of_the_roc_curve(seed):
    event, p = scored(seed=seed)
    false, true, at = sk.roc_curve(event, p, drop_intermediate=False)
    best = at[np.flatnonzero(true - false >= (true - false).max() - 1e-9)[0]]
    np.testing.assert_array_equal(p >= thresholds.youden(event, p), p >= best)


def test_without_signal_nobody_is_called():
    event = np.array([True, False, False, False])
    assert thresholds.youden(event, np.full(4, 0.25)) > 0.25
    assert thresholds.youden(event, np.array([0.1, 0.2, 0.3, 0.4])) > 0.4


@pytest.mark.parametrize("wanted", [0.1, 0.5, 0.9, 1.0])
def test_the_threshold_for_a_sensitivity_is_the_highest_that_reaches_it(wanted):
    event, p = scored()
    _, true, at = sk.roc_curve(event, p, drop_intermediate=False)
    highest = at[true >= wanted - 1e-9].max()
    np.testing.assert_array_equal(p >= thresholds.choose(f"sensitivity={wanted}", event, p), p >= highest)


def test_a_third_of_the_sensitivity_is_reached_by_one_event_of_three():
    event, p = np.array([True, True, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
    assert thresholds.at_sensitivity(event, p, 1 / 3) == pytest.approx(0.85)  # halfway to the next
    assert thresholds.at_sensitivity(event, p, 2 / 3) == pytest.approx(0.75)
    assert thresholds.at_sensitivity(event, p, 1) == pytest.approx(0.4)


def test_rounding_moves_no_row_across_a_threshold(problem):
    for seed in range(5):
        training, _, _ = problem(n=200, rates=[0.7, 0.3], apart=0.5, threshold="sensitivity=.9", seed=seed)
        fitted = Knn(neighbours=5).fit(training, seed=0)
        p = np.unique(fitted.predict_proba(training.X)[:, 1])
        assert np.abs(p - fitted.threshold).min() > 1e-10  # a double has 1e-16


def test_impossible_thresholds_are_an_error():
    with pytest.raises(ValueError, match="not 0 of 4"):
        thresholds.youden(np.zeros(4, dtype=bool), np.arange(4.0))
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        thresholds.at_sensitivity(np.arange(4) > 1, np.arange(4.0), 90)
    for rule in ("youdens", "sensitivity=90", "sensitivity=0", ".9"):
        with pytest.raises(ValueError, match="must be argmax, priors, f1, balanced_accuracy, youden or such as"):
            thresholds.wanted_sensitivity(rule)


def held_out(training, **how):
    """Probabilities of scikit-learn's logistic regression for the rows that each inner fold holds out."""
    p = np.full(len(training.y), np.nan)
    for part, rows in training.folds():
        fitted = LogisticRegression(C=0.01, max_iter=5000, tol=1e-8, **how).fit(
            training.X[part.rows], training.y[part.rows]
        )
        p[rows] = fitted.predict_proba(training.X[rows])[:, 1]
    return p


@pytest.mark.parametrize("rule", ["youden", "sensitivity=.9"])
def test_the_threshold_is_chosen_on_rows_that_the_fit_has_not_seen(problem, rule):
    training, _, _ = problem(n=200, rates=[0.8, 0.2], apart=0.5, threshold=rule)
    expected = thresholds.choose(rule, training.y == 1, held_out(training))
    fitted = Logistic().fit(training, seed=0)
    assert_allclose(fitted.threshold, expected, atol=2e-3)
    assert fitted.threshold < 0.5
    assert Prior().fit(training, seed=0).threshold is None
    with pytest.raises(ValueError, match="own: a threshold must be learnt on inner refits"):
        Own().fit(training, seed=0)


def test_a_calibrated_heads_threshold_is_one_of_calibrated_probabilities(problem):
    training, _, _ = problem(n=200, rates=[0.8, 0.2], threshold="youden")
    fitted = Svc(calibration="sigmoid").fit(training, seed=0)
    assert fitted.calibrator is not None and 0 < fitted.threshold < 1


@pytest.mark.parametrize("balance", [ClassWeight(), Smote()])
def test_balanced_rows_shift_probabilities_and_recalibration_brings_the_base_rate_back(problem, balance):
    training, test, _ = problem(n=600, rates=[0.85, 0.15], apart=0.5, balance=balance)
    fitted = Logistic().fit(training, seed=0)
    rate = training.y.mean()
    assert abs(fitted.predict_proba(test)[:, 1].mean() - rate) > 0.15
    assert fitted.recalibrated.predict_proba(test)[:, 1].mean() == pytest.approx(rate, abs=0.03)
    order = [np.argsort(one.predict_proba(test)[:, 1]) for one in (fitted, fitted.recalibrated)]
    np.testing.assert_array_equal(*order)


def test_the_recalibration_is_platts_on_held_out_real_rows(problem):
    training, test, _ = problem(n=300, rates=[0.7, 0.3], apart=0.5, balance=ClassWeight())
    p = held_out(training, class_weight="balanced")
    platt = LogisticRegression(C=1e9, max_iter=10000, tol=1e-10).fit(np.log(p / (1 - p))[:, None], training.y)
    fitted = Logistic().fit(training, seed=0)
    raw = fitted.predict_proba(test)[:, 1]
    expected = platt.predict_proba(np.log(raw / (1 - raw))[:, None])[:, 1]
    # Platt's targets lie a little inside 0 and 1, which moves probabilities by less than one in the number of events.
    assert_allclose(fitted.recalibrated.predict_proba(test)[:, 1], expected, atol=0.015)


@pytest.mark.parametrize("balance", [None, NoBalance()])
def test_real_rows_and_calibrated_heads_have_nothing_to_undo(problem, balance):
    training, _, _ = problem(balance=balance)
    assert Logistic().fit(training, seed=0).recalibrated is None
    training, _, _ = problem(balance=ClassWeight())
    assert Logistic(calibration="sigmoid").fit(training, seed=0).recalibrated is None


def test_each_stage_of_a_cascade_is_recalibrated(problem):
    training, test, _ = problem(classes=3, n=600, rates=[0.7, 0.2, 0.1], balance=ClassWeight())
    fitted = Cascade().fit(training, seed=0)
    rates = np.bincount(training.y) / len(training.y)
    assert np.abs(fitted.predict_proba(test).mean(axis=0) - rates).max() > 0.1
    assert_allclose(fitted.recalibrated.predict_proba(test).mean(axis=0), rates, atol=0.05)


def test_with_too_few_patients_for_inner_folds_the_recalibration_is_left_out_with_a_reason(problem):
    training, _, _ = problem(n=60, rates=[0.7, 0.3], balance=ClassWeight())
    groups = np.where(training.y == 1, "one", training.groups)

    fitted = Logistic().fit(replace(training, groups=groups), seed=0)
    assert fitted.recalibrated is None and "inner folds need" in fitted.chosen["not recalibrated"]
