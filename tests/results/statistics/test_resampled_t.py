"""The corrected resampled t test against Student's test and its own formula written out."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from results.statistics.resampled_t import corrected_resampled_t, resampled_interval


def test_it_is_students_test_with_a_wider_error():
    differences = np.random.default_rng(0).normal(0.02, 0.05, 25)
    found = corrected_resampled_t(differences, 1 / 4)
    plain = stats.ttest_1samp(differences, 0).statistic
    expected = plain * math.sqrt((1 / 25) / (1 / 25 + 1 / 4))
    assert_allclose(found.t, expected, rtol=1e-12)
    assert_allclose(found.p_value, 2 * stats.t.sf(abs(expected), 24), rtol=1e-10)


def test_by_hand():
    """Differences 1, 2, 3 of three folds: mean 2, variance 1, t = 2 / sqrt(1 / 3 + 1 / 2)."""
    assert_allclose(corrected_resampled_t(np.array([1.0, 2, 3]), 0.5).t, 2 / math.sqrt(5 / 6))


def test_a_vanishing_ratio_is_students_test():
    differences = np.random.default_rng(1).normal(0.02, 0.05, 10)
    expected = stats.ttest_1samp(differences, 0)
    found = corrected_resampled_t(differences, 1e-12)
    assert_allclose([found.t, found.p_value], [expected.statistic, expected.pvalue], rtol=1e-9)


def test_differences_without_spread_or_with_a_gap():
    zero = corrected_resampled_t(np.zeros(5), 0.25)
    assert (zero.t, zero.p_value) == (0, 1)
    for differences in (np.full(7, 0.1), np.array([0.1, np.nan, 0.2])):
        found = corrected_resampled_t(differences, 0.25)
        assert math.isnan(found.t) and math.isnan(found.p_value)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"differences \(1\)"):
        corrected_resampled_t(np.array([0.1]), 0.25)
    with pytest.raises(ValueError, match=r"test_train_ratio \(0\)"):
        corrected_resampled_t(np.array([0.1, 0.2]), 0)


def test_the_interval_holds_what_the_test_does_not_reject():
    falls = np.random.default_rng(0).normal(0.1, 0.05, size=10)
    low, high = resampled_interval(falls, 0.25)
    assert corrected_resampled_t(falls - low, 0.25).p_value == pytest.approx(0.05)
    assert corrected_resampled_t(falls - high, 0.25).p_value == pytest.approx(0.05)
    with pytest.raises(ValueError, match="at least 2 folds"):
        resampled_interval(falls[:1], 0.25)
