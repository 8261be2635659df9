"""Ranks against published figures, closed forms and a second computation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from results.statistics import ranks


@pytest.fixture
def scores():
    return np.random.default_rng(0).normal(size=(12, 5)) + np.array([0, 0, 0.5, 1, 2])


def test_ranks_are_shared_by_ties_and_turn_with_the_sense():
    scores = np.array([[0.9, 0.8, 0.8, 0.1]])
    assert_array_equal(ranks.ranks(scores), [[1, 2.5, 2.5, 4]])
    assert_array_equal(ranks.ranks(scores, lower_is_better=True), [[4, 2.5, 2.5, 1]])
    assert_array_equal(ranks.average_ranks(np.array([[3.0, 2, 1], [1, 2, 3], [3, 1, 2]])), [5 / 3, 7 / 3, 2])


def test_a_missing_score_is_an_error():
    with pytest.raises(ValueError, match="1 scores are missing \\(first: dataset 1, method 0\\)"):
        ranks.average_ranks(np.array([[1.0, 2], [np.nan, 1]]))


def test_friedman_is_the_formula_of_average_ranks(scores):
    n, k = scores.shape
    squares = (ranks.average_ranks(scores) ** 2).sum()
    chi2 = 12 * n / (k * (k + 1)) * (squares - k * (k + 1) ** 2 / 4)
    found = ranks.friedman(scores)
    assert_allclose([found.chi2, found.p], [chi2, stats.chi2.sf(chi2, k - 1)])
    # F of a two-way analysis of variance of the ranks.
    placed = ranks.ranks(scores)
    between = n * ((placed.mean(0) - placed.mean()) ** 2).sum() / (k - 1)
    within = ((placed - placed.mean(0)) ** 2).sum() / ((k - 1) * (n - 1))
    assert_allclose(found.f, between / within)
    assert_allclose(found.p_f, stats.f.sf(between / within, k - 1, (k - 1) * (n - 1)))


def test_methods_that_never_or_always_differ():
    assert ranks.friedman(np.ones((4, 3))) == ranks.Friedman(0, 1, 0, 1)
    always = ranks.friedman(np.tile([1.0, 2, 3], (4, 1)))
    assert always.f == np.inf
    assert always.p_f == 0
    assert_allclose(always.chi2, 8)  # n (k - 1), its maximum


@pytest.mark.parametrize("shape", [(1, 3), (5, 2)])
def test_too_few_for_friedman_is_an_error(shape):
    with pytest.raises(ValueError, match="2 datasets and 3 methods"):
        ranks.friedman(np.arange(np.prod(shape), dtype=float).reshape(shape))


def test_demsars_example():
    """Table 6 and section 3.2.2 of Demsar 2006: 4 trees on 14 datasets."""
    mean_ranks = np.array([3.143, 2.000, 2.893, 1.964])
    chi2 = 12 * 14 / 20 * ((mean_ranks**2).sum() - 25)
    assert_allclose(chi2, 9.28, atol=0.01)
    assert_allclose(ranks.iman_davenport(9.28, 14, 4), 3.69, atol=0.005)
    assert_allclose(ranks.critical_difference(14, 4), 1.25, atol=0.005)
    assert_allclose(ranks.critical_difference(14, 4, alpha=0.1), 1.12, atol=0.005)


@pytest.mark.parametrize(
    ("alpha", "published"),
    [
        (0.05, [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]),
        (0.10, [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920]),
    ],
)
def test_critical_values_are_those_of_demsars_table_5(alpha, published):
    for k, q in zip(range(2, 11), published, strict=True):
        # With D = k (k + 1) / 6 the root is 1; D need not be whole for the formula.
        assert_allclose(ranks.critical_difference(k * (k + 1) / 6, k, alpha), q, atol=0.0012)


def test_groups_are_the_largest_runs():
    # Order: 2 (1.0), 0 (1.5), 3 (2.4), 1 (3.6).
    assert ranks.groups(np.array([1.5, 3.6, 1.0, 2.4]), 1.25) == [(2, 0), (0, 3), (3, 1)]
    assert ranks.groups(np.array([1.5, 3.6, 1.0, 2.4]), 1.45) == [(2, 0, 3), (3, 1)]
    assert ranks.groups(np.array([1.0, 2.0]), 1.0) == []
    assert ranks.groups(np.array([2.0, 2.0, 2.0]), 0.5) == [(0, 1, 2)]


def test_groups_of_random_ranks_hold_just_the_pairs_that_do_not_differ():
    for seed in range(20):
        mean_ranks = np.random.default_rng(seed).uniform(1, 8, 8)
        found = ranks.groups(mean_ranks, 2.0)
        joined = {frozenset((i, j)) for group in found for i in group for j in group if i != j}
        near = {frozenset((i, j)) for i in range(8) for j in range(i) if abs(mean_ranks[i] - mean_ranks[j]) < 2}
        assert joined == near
        assert not any(set(a) < set(b) for a in found for b in found)
