"""Step-down max-|t| against loops and closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from results.statistics.step_down import step_down_max_t


def by_loops(observed, errors, draws, n_patients):
    """Romano and Wolf 2005, one hypothesis and one resample at a time; the draws are given Student's tails."""
    B, M = draws.shape
    t = [abs(observed[m]) / errors[m] for m in range(M)]
    remaining, before, p = list(range(M)), 0.0, np.zeros(M)
    while remaining:
        m = max(remaining, key=lambda k: t[k])
        exceeding = 0
        for b in range(B):
            z = [abs(draws[b, k] - observed[k]) / np.std(draws[:, k], ddof=1) for k in remaining]
            exceeding += stats.t.isf(stats.norm.sf(max(z)), n_patients - 1) >= t[m]
        before = p[m] = max(before, (1 + exceeding) / (B + 1))
        remaining.remove(m)
    return p


def of_draws(draws, n_patients):
    """The standard errors of means over patients, from their draws: sd x sqrt(n / (n - 1))."""
    return np.array([np.std(d, ddof=1) for d in draws.T]) * np.sqrt(n_patients / (n_patients - 1))


def family(seed, *, M=6, B=150, shared=0.6):
    random = np.random.default_rng(seed)
    scale = random.uniform(0.01, 0.1, M)
    noise = np.sqrt(shared) * random.normal(size=(B, 1)) + np.sqrt(1 - shared) * random.normal(size=(B, M))
    observed = scale * random.normal(1, 1.5, M)
    return observed, observed + scale * noise


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_procedure_in_loops(seed):
    observed, draws = family(seed)
    errors = of_draws(draws, 20)
    for used in (errors, errors * np.random.default_rng(seed).uniform(0.7, 2, len(errors))):
        found = step_down_max_t(observed, used, draws, 20)
        assert_allclose(found, by_loops(observed, used, draws, 20), rtol=1e-12)


def test_wider_errors_are_what_a_smaller_difference_with_its_own_errors_is():
    """Errors that are `k` times those of the draws divide |t| by k; the draws are told about it by nothing else."""
    observed, draws = family(7)
    k = np.array([1.5, 1.2, 1, 2, 1, 1.1])
    nearer = draws - observed + observed / k
    found = step_down_max_t(observed, k * of_draws(draws, 30), draws, 30)
    assert_allclose(found, step_down_max_t(observed / k, of_draws(draws, 30), nearer, 30), rtol=1e-12)


@pytest.mark.parametrize("n_patients", [15, 75])
def test_with_independent_draws_it_is_sidaks_step_down_of_students_t(n_patients):
    """P(max of m |T| >= t) = 1 - (1 - P(|T| >= t))^m."""
    z = np.array([3.0, 2.4, 2.0, 0.7, 2.5])
    draws = z + np.random.default_rng(0).normal(size=(200_000, 5))
    order = np.argsort(-z)
    single = 2 * stats.t.sf(z[order] * np.sqrt((n_patients - 1) / n_patients), n_patients - 1)
    sidak = 1 - (1 - single) ** np.arange(5, 0, -1)
    found = step_down_max_t(z, of_draws(draws, n_patients), draws, n_patients)
    assert_allclose(found[order], np.maximum.accumulate(sidak), atol=0.005)


def test_a_mean_over_patients_has_the_p_of_students_test():
    difference = np.random.default_rng(1).normal(0.5, 1, 20)
    counts = np.random.default_rng(2).multinomial(20, np.full(20, 1 / 20), 100_000)
    error = np.array([difference.std(ddof=1) / np.sqrt(20)])
    found = step_down_max_t(np.array([difference.mean()]), error, counts @ difference[:, None] / 20, 20)
    assert_allclose(found, stats.ttest_1samp(difference, 0).pvalue, atol=0.004)


def test_identical_comparisons_need_no_correction():
    observed, draws = family(1, M=1, B=2000)
    errors = of_draws(draws, 40)
    single = step_down_max_t(observed, errors, draws, 40)
    thrice = step_down_max_t(np.repeat(observed, 3), np.repeat(errors, 3), np.repeat(draws, 3, axis=1), 40)
    assert 0 < single[0] < 1
    assert_array_equal(thrice, np.repeat(single, 3))


def test_the_order_of_comparisons_does_not_matter_and_p_falls_with_t():
    observed, draws = family(2)
    errors = 1.2 * of_draws(draws, 40)
    p, mixed = step_down_max_t(observed, errors, draws, 40), np.array([3, 0, 5, 1, 4, 2])
    assert_array_equal(step_down_max_t(observed[mixed], errors[mixed], draws[:, mixed], 40), p[mixed])
    t = np.abs(observed) / errors
    assert (np.diff(p[np.argsort(-t)]) >= 0).all()


def test_the_least_p_is_one_over_resamples_plus_one():
    draws = 100 + np.random.default_rng(3).normal(size=(99, 1))
    assert_allclose(step_down_max_t(np.array([100.0]), np.ones(1), draws, 40), 1 / 100)


def test_identical_cells_have_p_1_and_change_no_other():
    observed, draws = family(4)
    errors = of_draws(draws, 40)
    p = step_down_max_t(observed, errors, draws, 40)
    wider = np.column_stack([draws, np.zeros(len(draws))])
    assert_array_equal(step_down_max_t(np.append(observed, 0), np.append(errors, 0), wider, 40), np.append(p, 1))
    assert_array_equal(step_down_max_t(np.zeros(2), np.zeros(2), np.zeros((10, 2)), 40), [1, 1])


def test_missing_values_are_refused():
    observed, draws = family(5)
    errors = of_draws(draws, 40)
    with pytest.raises(ValueError, match="comparisons at 1 "):
        step_down_max_t(observed, np.where(np.arange(6) == 1, np.nan, errors), draws, 40)
    draws[3, 2] = np.nan
    with pytest.raises(ValueError, match="comparisons at 2 "):
        step_down_max_t(observed, errors, draws, 40)
    with pytest.raises(ValueError, match=r"draws \(0\)"):
        step_down_max_t(observed, errors, draws[:0], 40)
    with pytest.raises(ValueError, match=r"n_patients \(1\)"):
        step_down_max_t(observed, errors, draws, 1)
