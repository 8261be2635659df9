"""McNemar against statsmodels, and the clustered test against Student's t over patients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from results.statistics.mcnemar import clustered_mcnemar


@pytest.mark.parametrize("seed", range(3))
def test_one_sample_per_patient_is_mcnemar_of_statsmodels(seed):
    random = np.random.default_rng(seed)
    a, b = random.random(120) < 0.8, random.random(120) < 0.7
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    expected = mcnemar(table, exact=False, correction=False)
    found = clustered_mcnemar(a, b, random.permutation(120))
    assert_allclose([found.statistic, found.p_value], [expected.statistic, expected.pvalue], rtol=1e-12)
    assert_allclose(found.difference, a.mean() - b.mean(), atol=1e-12)


def test_patients_with_several_samples_follow_from_the_t_test_of_their_mean_differences():
    """With d the patients' mean differences: (sum d)^2 / sum d^2 = K t^2 / (t^2 + K - 1)."""
    random = np.random.default_rng(3)
    patient = np.repeat(np.arange(40), random.integers(1, 8, 40))
    a, b = random.random(len(patient)) < 0.8, random.random(len(patient)) < 0.6
    means = [np.mean(a[patient == p].astype(int) - b[patient == p]) for p in range(40)]
    t = stats.ttest_1samp(means, 0).statistic
    found = clustered_mcnemar(a, b, patient)
    assert_allclose(found.statistic, 40 * t**2 / (t**2 + 39), rtol=1e-12)
    assert_allclose(found.p_value, stats.chi2.sf(found.statistic, 1), rtol=1e-10)
    assert_allclose(found.difference, np.mean(means), rtol=1e-12)


def test_equal_samples_of_a_patient_count_once():
    random = np.random.default_rng(4)
    a, b = random.random(60) < 0.8, random.random(60) < 0.6
    once = clustered_mcnemar(a, b, np.arange(60))
    many = clustered_mcnemar(*(np.repeat(x, 7) for x in (a, b, np.arange(60))))
    assert_allclose([many.statistic, many.p_value], [once.statistic, once.p_value], rtol=1e-12)


def test_equal_classifications_have_p_1():
    right = np.array([True, False, True, True])
    found = clustered_mcnemar(right, right, np.array([0, 0, 1, 2]))
    assert (found.difference, found.statistic, found.p_value) == (0, 0, 1)
    balanced = clustered_mcnemar(np.array([True, False]), np.array([False, True]), np.array([5, 5]))
    assert (balanced.difference, balanced.p_value) == (0, 1)
