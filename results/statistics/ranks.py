"""Ranks of methods over datasets or targets, and of cells over the draws of a bootstrap; rank 1 is the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Friedman:
    """Whether methods differ at all.

    Args:
        chi2: Friedman's statistic, corrected for ties.
        p: Its p-value, from chi2 with M - 1 degrees of freedom.
        f: Iman and Davenport's statistic, less conservative; inf if every dataset ranks the methods in the same way.
        p_f: Its p-value, from F with M - 1 and (M - 1)(D - 1) degrees of freedom.
    """

    chi2: float
    p: float
    f: float
    p_f: float


def ranks(scores: Float64, *, lower_is_better: bool = False) -> Float64:
    """`(D, M)`: the rank of each method in each dataset; methods with equal scores share their mean rank.

    Args:
        scores: `(D, M)`.
        lower_is_better: Whether the lowest score has rank 1.

    Raises:
        ValueError: A score is missing.
    """
    missing = np.argwhere(~np.isfinite(scores))
    if len(missing):
        raise ValueError(
            f"{len(missing)} scores are missing (first: dataset {missing[0, 0]}, method {missing[0, 1]}): ranks need "
            "every method on every dataset"
        )
    return np.asarray(stats.rankdata(scores if lower_is_better else -scores, axis=1))


def average_ranks(scores: Float64, *, lower_is_better: bool = False) -> Float64:
    """`(M,)`: the mean rank of each method over datasets.

    Args:
        scores: `(D, M)`.
        lower_is_better: Whether the lowest score has rank 1.

    Raises:
        ValueError: A score is missing.
    """
    return np.asarray(ranks(scores, lower_is_better=lower_is_better).mean(axis=0))


def friedman(scores: Float64) -> Friedman:
    """Friedman's test of whether all methods are equally good.

    Args:
        scores: `(D, M)`, at least 2 datasets and 3 methods; it does not matter whether high or low is better.

    Raises:
        ValueError: A score is missing, or there are too few datasets or methods.

    References:
        M. Friedman, The use of ranks to avoid the assumption of normality, 1937, doi:10.1080/01621459.1937.10503522.
        R. L. Iman and J. M. Davenport, Approximations of the critical region of the Friedman statistic, 1980,
        doi:10.1080/03610928008827904.
        J. Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006.
    """
    n_datasets, n_methods = scores.shape
    if n_datasets < 2 or n_methods < 3:
        raise ValueError(f"Friedman's test needs 2 datasets and 3 methods, not {n_datasets} and {n_methods}")
    placed = ranks(scores)
    if (placed == placed[:, :1]).all():
        return Friedman(0.0, 1.0, 0.0, 1.0)
    chi2, p = (float(value) for value in stats.friedmanchisquare(*placed.T))
    f = iman_davenport(chi2, n_datasets, n_methods)
    return Friedman(chi2, p, f, float(stats.f.sf(f, n_methods - 1, (n_methods - 1) * (n_datasets - 1))))


def iman_davenport(chi2: float, n_datasets: int, n_methods: int) -> float:
    """Iman and Davenport's F statistic, from Friedman's statistic."""
    rest = n_datasets * (n_methods - 1) - chi2
    return (n_datasets - 1) * chi2 / rest if rest > 1e-9 * chi2 else float("inf")


def critical_difference(n_datasets: int, n_methods: int, alpha: float = 0.05) -> float:
    """The smallest difference of mean ranks that is significant by Nemenyi's test.

    Args:
        n_datasets: D.
        n_methods: M, at least 2.
        alpha: The level of the test.

    References:
        J. Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006.
    """
    q = float(stats.studentized_range.ppf(1 - alpha, n_methods, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_datasets)))


def groups(mean_ranks: Float64, difference: float) -> list[tuple[int, ...]]:
    """The largest sets of methods that do not differ: the bars of a critical-difference diagram.

    Args:
        mean_ranks: `(M,)`.
        difference: The critical difference; methods that are at least this far apart differ.

    Returns:
        Positions of the methods of each set, best first; sets of one method are left out.
    """
    order = np.argsort(mean_ranks, kind="stable")
    ordered = mean_ranks[order]
    found: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(ordered)):
        end = int(np.searchsorted(ordered - ordered[start], difference, side="left"))
        if end > reached and end - start > 1:
            found.append(tuple(int(i) for i in order[start:end]))
            reached = end
    return found
