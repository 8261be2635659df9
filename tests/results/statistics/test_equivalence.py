"""Equivalence against the two one-sided tests of statsmodels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from results.statistics.equivalence import equivalence_test


@pytest.mark.parametrize("shift", [-0.045, -0.02, 0, 0.025, 0.05])
def test_agrees_with_two_one_sided_t_tests_of_paired_means(shift):
    random = np.random.default_rng(0)
    a = random.normal(size=400)
    b = a - shift - random.normal(0, 0.1, 400)
    difference = a - b
    drawn = difference[random.integers(0, 400, (4000, 400))].mean(axis=1)
    p = ttost_paired(a, b, -0.04, 0.04)[0]
    assert abs(p - 0.05) > 0.01, "no case on the edge, where a bootstrap may differ"
    assert equivalence_test(drawn, 0.04).equivalent == (p < 0.05)


def test_the_interval_is_of_90_percent():
    found = equivalence_test(stats.norm.ppf(np.linspace(0.0005, 0.9995, 1000)), 1.7)
    assert_allclose([found.low, found.high], [-1.645, 1.645], atol=0.01)
    assert found.equivalent
    assert not equivalence_test(stats.norm.ppf(np.linspace(0.0005, 0.9995, 1000)), 1.6).equivalent


def test_without_draws_nothing_is_shown():
    assert not equivalence_test(np.empty(0), 0.1).equivalent


def test_a_margin_must_be_positive():
    with pytest.raises(ValueError, match=r"margin \(0\)"):
        equivalence_test(np.zeros(10), 0)
