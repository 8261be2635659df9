"""Calibration against statsmodels, scikit-learn and closed forms."""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve

from results.statistics import calibration


def outcomes(n=400, *, intercept=0.0, slope=1.0, seed=0):
    """Probabilities, and events whose true log odds are a linear function of those of the probabilities."""
    random = np.random.default_rng(seed)
    p = expit(random.normal(-1, 1.5, n))
    return random.random(n) < expit(intercept + slope * logit(p)), p


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [25, 400])
def test_the_line_is_that_of_a_glm(n, seed):
    event, p = outcomes(n, intercept=-0.5, slope=0.6, seed=seed)
    expected = sm.GLM(event.astype(float), sm.add_constant(logit(p)), family=sm.families.Binomial()).fit(tol=1e-12)
    found = calibration.line(event, p)
    assert_allclose([found.intercept, found.slope], expected.params, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_the_intercept_in_the_large_is_that_of_a_glm_with_an_offset(seed):
    event, p = outcomes(100, intercept=1.5, seed=seed)
    model = sm.GLM(event.astype(float), np.ones(100), family=sm.families.Binomial(), offset=logit(p))
    assert_allclose(calibration.intercept_in_the_large(event, p), model.fit(tol=1e-12).params[0], rtol=1e-6)


def test_a_planted_line_is_found():
    event, p = outcomes(200_000, intercept=0.4, slope=0.7)
    found = calibration.line(event, p)
    assert_allclose([found.intercept, found.slope], [0.4, 0.7], atol=0.03)  # 3 standard errors are .025


def test_two_probabilities_have_a_line_through_the_logits_of_their_rates():
    p = np.repeat([0.2, 0.6], [10, 20])
    event = np.concatenate([np.arange(10) < 4, np.arange(20) < 15])
    slope = (logit(0.75) - logit(0.4)) / (logit(0.6) - logit(0.2))
    found = calibration.line(event, p)
    assert_allclose([found.intercept, found.slope], [logit(0.4) - slope * logit(0.2), slope])


def test_extreme_probabilities_do_not_break_the_fit():
    event, p = outcomes(300, seed=3)
    p = p.copy()
    p[:2], p[2:4] = 0.0, 1.0
    event[:4] = [True, False, True, False]
    clipped = np.clip(p, np.finfo(float).eps, 1 - np.finfo(float).eps)
    expected = sm.GLM(event.astype(float), sm.add_constant(logit(clipped)), family=sm.families.Binomial()).fit()
    found = calibration.line(event, p)
    assert_allclose([found.intercept, found.slope], expected.params, rtol=1e-5)


@pytest.mark.parametrize(
    ("event", "p"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9]),  # separated
        ([1, 1, 0, 0], [0.1, 0.2, 0.7, 0.9]),  # the other way
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9]),  # but for a tie
        ([0, 1, 0, 1], [0.4, 0.4, 0.4, 0.4]),  # constant
        ([1, 1, 1, 1], [0.1, 0.2, 0.7, 0.9]),  # one outcome
    ],
)
def test_a_line_without_a_finite_solution_is_none(event, p):
    found = calibration.line(np.array(event, dtype=bool), np.array(p))
    assert np.isnan([found.intercept, found.slope]).all()


def test_one_outcome_has_no_intercept_in_the_large():
    assert np.isnan(calibration.intercept_in_the_large(np.ones(4, dtype=bool), np.full(4, 0.5)))


def test_the_curve_is_that_of_scikit_learn_where_bins_are_full():
    event, p = outcomes(250)
    observed, predicted = calibration_curve(event, p, n_bins=10, strategy="quantile")
    found = calibration.reliability(event, p)
    assert_allclose(found.observed, observed)
    assert_allclose(found.predicted, predicted)
    assert_array_equal(found.n, np.full(10, 25))


def test_the_expected_error_is_that_of_an_array_split():
    event, p = outcomes(200, intercept=1)
    parts = np.array_split(np.argsort(p), 10)
    expected = sum(len(rows) / 200 * abs(event[rows].mean() - p[rows].mean()) for rows in parts)
    assert_allclose(calibration.expected_error(event, p), expected)


def test_ties_share_a_bin_in_any_order():
    event, p = outcomes(200)
    p = np.round(p, 1)
    shuffled = np.random.default_rng(1).permutation(200)
    found, again = calibration.reliability(event, p), calibration.reliability(event[shuffled], p[shuffled])
    assert_array_equal(found.n, again.n)
    assert_allclose(found.observed, again.observed)
    constant = calibration.reliability(event, np.full(200, 0.5))
    assert_array_equal(constant.n, [200])
    assert_allclose(calibration.expected_error(event, np.full(200, 0.5)), abs(event.mean() - 0.5))


def test_the_error_of_the_most_probable_class():
    # Class 2 is the most probable with .5, and occurs in half of the rows.
    P, y = np.tile([0.3, 0.2, 0.5], (10, 1)), np.repeat([1, 2], 5)
    assert_allclose(calibration.error_of_most_probable(y, P), 0, atol=1e-12)
    assert_allclose(calibration.error_of_most_probable(np.zeros(10, dtype=int), P), 0.5)
