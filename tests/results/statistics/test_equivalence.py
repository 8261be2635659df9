"""Equivalence against the two one-sided tests of statsmodels and Student's distribution of SciPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from results.statistics.bootstrap import PredictedRows
from results.statistics.equivalence import equivalence_test
from results.statistics.uncertainty import Difference

NAN = float("nan")


def rows(n):
    """One row of each of n patients, tested by a model that was fitted elsewhere."""
    return PredictedRows(np.arange(n), np.zeros(n, int), np.zeros(n, int), np.arange(n) % 2, 2, ratio=0)


def found(value, error):
    return Difference(value, error, NAN, NAN, NAN)


@pytest.mark.parametrize("shift", [-0.045, -0.02, 0, 0.025, 0.05])
@pytest.mark.parametrize("margin", [0.03, 0.04, 0.06])
def test_agrees_with_two_one_sided_t_tests_of_paired_means(shift, margin):
    random = np.random.default_rng(0)
    a = random.normal(size=400)
    b = a - shift - random.normal(0, 0.1, 400)
    of_mean = found(np.mean(a - b), np.std(a - b, ddof=1) / 20)
    p = ttost_paired(a, b, -margin, margin)[0]
    assert equivalence_test(of_mean, rows(400), margin).equivalent == (p < 0.05)


@pytest.mark.parametrize(("value", "error", "n"), [(0.01, 0.02, 12), (-0.03, 0.01, 24), (0.2, 0.1, 300)])
def test_probabilities_and_interval_are_those_of_students_t(value, error, n):
    posterior = stats.t(n - 1, loc=value, scale=error)
    one = equivalence_test(found(value, error), rows(n), 0.02)
    assert_allclose([one.low, one.high], posterior.interval(0.9), rtol=1e-9)
    assert_allclose([one.worse, one.better], [posterior.cdf(-0.02), posterior.sf(0.02)], rtol=1e-9)
    assert_allclose(one.within, posterior.cdf(0.02) - posterior.cdf(-0.02), rtol=1e-9)
    assert_allclose(one.worse + one.within + one.better, 1, rtol=1e-12)
    turned = equivalence_test(found(value, error), rows(n), 0.02, lower_is_better=True)
    assert (turned.worse, turned.better, turned.within) == (one.better, one.worse, one.within)


def test_the_margins_are_where_the_90_percent_interval_ends():
    reach = stats.t.ppf(0.95, 49) * 0.1
    assert equivalence_test(found(0.05, 0.1), rows(50), 0.05 + reach + 1e-9).equivalent
    assert not equivalence_test(found(0.05, 0.1), rows(50), 0.05 + reach - 1e-9).equivalent
    assert not equivalence_test(found(-0.05, 0.1), rows(50), 0.05 + reach - 1e-9).equivalent


def test_a_difference_without_spread_lies_where_it_lies():
    same = equivalence_test(found(0.0, 0.0), rows(30), 0.01)
    assert same.equivalent and (same.worse, same.within, same.better) == (0, 1, 0)
    off = equivalence_test(found(0.3, 0.0), rows(30), 0.1)
    assert not off.equivalent and (off.worse, off.within, off.better) == (0, 0, 1)
    lower = equivalence_test(found(0.3, 0.0), rows(30), 0.1, lower_is_better=True)
    assert (lower.worse, lower.within, lower.better) == (1, 0, 0)


def test_without_a_standard_error_there_is_no_answer():
    assert equivalence_test(found(0.1, NAN), rows(30), 0.1) is None
    assert equivalence_test(found(NAN, 0.1), rows(30), 0.1) is None


def test_a_margin_must_be_positive():
    with pytest.raises(ValueError, match=r"margin \(0\)"):
        equivalence_test(found(0.0, 0.1), rows(10), 0)
