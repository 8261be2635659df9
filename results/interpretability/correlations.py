"""Correlations of many features with many measures over samples that cluster in patients, pooled or within places.

Within places, Pearson's correlation is that of the values minus the mean of their place in the body. Spearman's is that
of ranks among the samples of the place, divided by their number, minus their mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Method = Literal["pearson", "spearman"]

RESAMPLES = 2000
FLIPS = 9999
CHUNK = 100_000  # numbers of resampled columns in memory at a time
TIE = 1e-9
WHOLE = 1e-12  # share of a column's size below which its spread is rounding


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations of F features with G measures; NaN where one of the two does not vary.

    Args:
        r: `(F, G)`.
        low: `(F, G)`, lower end of the 95 % interval.
        high: `(F, G)`, upper end.
        p: `(F, G)`, two-sided.
        n: `(G,)` number of samples that have the measure.
        patients: `(G,)` number of patients that have it.
    """

    r: Float64
    low: Float64
    high: Float64
    p: Float64
    n: Int64
    patients: Int64


def correlations(
    features: Float64,
    measures: Float64,
    patient: Int64,
    place: Int64,
    method: Method,
    *,
    resamples: int = RESAMPLES,
    flips: int = FLIPS,
    seed: int = 0,
) -> Correlations:
    """Correlates every feature with every measure, over the samples that have the measure.

    Intervals are percentiles over draws of whole patients, with ranks and means of places computed anew in each. For
    p-values, the sign of each patient's share of the covariance is flipped at random: without correlation, and with
    independent patients, these shares are as likely negative as positive, however similar a patient's samples are.

    Args:
        features: `(n, F)`.
        measures: `(n, G)`; NaN where a sample lacks one.
        patient: `(n,)` counted from 0.
        place: `(n,)` int64 place of each sample in the body, counted from 0; all 0 to pool.
        method: `pearson` or `spearman`.
        resamples: Draws of patients; 0 for no intervals.
        flips: Draws of signs; 0 for no p-values.
        seed: The seed of both.

    References:
        C. A. Field and A. H. Welsh, Bootstrapping clustered data, 2007, doi:10.1111/j.1467-9868.2007.00593.x.
        P. Kline and A. Santos, A score based approach to wild bootstrap inference, 2012, doi:10.1515/2156-6674.1006
        (here with the null imposed and Rademacher weights).
    """
    random = np.random.default_rng(seed)
    n_patients = int(patient.max()) + 1
    counts = random.multinomial(n_patients, np.full(n_patients, 1 / n_patients), size=resamples).astype(np.float64)
    signs = random.choice(np.array([-1.0, 1.0]), (flips, n_patients))
    shape = (features.shape[1], measures.shape[1])
    out = Correlations(*(np.full(shape, np.nan) for _ in range(4)), *(np.zeros(shape[1], np.int64) for _ in range(2)))
    for columns, rows in _patterns(measures):
        out.n[columns], out.patients[columns] = len(rows), len(np.unique(patient[rows]))
        if not len(rows):
            continue
        pair = _Weighable(features[rows], measures[np.ix_(rows, columns)], place[rows], method)
        once = np.ones((1, len(rows)))
        out.r[:, columns] = pair.correlate(once)[0]
        if resamples:
            step = max(1, CHUNK // (len(rows) * (shape[0] + len(columns))))
            parts = [counts[start : start + step, patient[rows]] for start in range(0, resamples, step)]
            drawn = np.concatenate([pair.correlate(part) for part in parts])
            out.low[:, columns], out.high[:, columns] = _percentiles(drawn)
        if flips:
            x, y = pair.residuals(once)
            out.p[:, columns] = _sign_flips(x[0], y[0], patient[rows], signs)
    out.p[np.isnan(out.r)] = np.nan
    return out


def false_discovery(p: Float64) -> Float64:
    """Benjamini and Hochberg's adjusted p-values over all entries but NaN, of any shape.

    References:
        Y. Benjamini and Y. Hochberg, Controlling the false discovery rate, 1995,
        doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    from scipy.stats import false_discovery_control

    adjusted = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        adjusted[known] = false_discovery_control(p[known], method="bh")
    return adjusted


class _Weighable:
    """Features `(n, F)` and measures `(n, G)` without gaps, to be correlated under many weights."""

    def __init__(self, x: Float64, y: Float64, place: Int64, method: Method) -> None:
        _, self._place = np.unique(place, return_inverse=True)
        self._of_place = np.eye(int(self._place.max()) + 1)[self._place]
        self._columns = tuple(_Ranks(v, self._place) if method == "spearman" else _Values(v) for v in (x, y))

    def residuals(self, weights: Float64) -> tuple[Float64, Float64]:
        """Values or ranks minus the mean of their place, `(B, n, F)` and `(B, n, G)`.

        Args:
            weights: `(B, n)`: the number of times that each row counts in each of B draws.
        """
        size = np.maximum(weights @ self._of_place, 1)[:, :, None]
        found = []
        for column in self._columns:
            values = column.at(weights)
            means = self._of_place.T @ (values * weights[:, :, None]) / size
            left = values - means[:, self._place]
            flat = np.abs(left).max(axis=1, keepdims=True) <= WHOLE * np.abs(values).max(axis=1, keepdims=True)
            found.append(np.where(flat, 0.0, left))
        return found[0], found[1]

    def correlate(self, weights: Float64) -> Float64:
        """`(B, F, G)`; NaN where one of the two does not vary."""
        x, y = self.residuals(weights)
        weighted = x * weights[:, :, None]
        of_x, of_y = (weighted * x).sum(axis=1), (y**2 * weights[:, :, None]).sum(axis=1)
        spread = np.sqrt(of_x[:, :, None] * of_y[:, None])
        together = np.swapaxes(weighted, 1, 2) @ y
        return np.asarray(np.divide(together, spread, out=np.full(spread.shape, np.nan), where=spread > 0))


class _Values:
    def __init__(self, values: Float64) -> None:
        self._values = values[None]

    def at(self, weights: Float64) -> Float64:
        """`(1, n, F)`."""
        return self._values


class _Ranks:
    """Mid-ranks within a place, divided by its size, of rows that count several times or not at all."""

    def __init__(self, values: Float64, place: Int64) -> None:
        n = len(values)
        self._order = np.stack([np.lexsort((column, place)) for column in values.T], axis=1)
        self._first, self._behind = np.empty_like(self._order), np.empty_like(self._order)
        for j, order in enumerate(self._order.T):
            new = np.ones(n, dtype=bool)
            new[1:] = (np.diff(values[order, j]) != 0) | (np.diff(place[order]) != 0)
            starts = np.flatnonzero(new)
            tie = np.cumsum(new) - 1
            self._first[order, j] = starts[tie]
            self._behind[order, j] = np.append(starts[1:], n)[tie]
        columns = np.arange(values.shape[1])
        self._first, self._behind = (at * len(columns) + columns for at in (self._first, self._behind))
        edges = np.searchsorted(np.sort(place), np.arange(place.max() + 2))
        self._begin, self._end = edges[place], edges[place + 1]

    def at(self, weights: Float64) -> Float64:
        """`(B, n, F)`."""
        sums = np.zeros((len(weights), len(self._order) + 1, self._order.shape[1]))
        np.cumsum(weights[:, self._order], axis=1, out=sums[:, 1:])
        flat = sums.reshape(len(weights), -1)
        before, until = (flat.take(at, axis=1) for at in (self._first, self._behind))
        size = np.maximum(sums[:, self._end] - sums[:, self._begin], 1)
        return np.asarray(((before + until + 1) / 2 - sums[:, self._begin]) / size)


def _patterns(measures: Float64) -> Iterator[tuple[Int64, Int64]]:
    """The sets of columns that are known in the same rows, each with these rows."""
    have, group = np.unique(np.isfinite(measures), axis=1, return_inverse=True)
    for number in range(have.shape[1]):
        yield np.flatnonzero(group.ravel() == number), np.flatnonzero(have[:, number])


def _percentiles(drawn: Float64) -> tuple[Float64, Float64]:
    """The interval of `(B, F, G)` draws, without those in which a column does not vary."""
    known = np.isfinite(drawn)
    filled = np.where(known.any(axis=0), drawn, 0.0)
    low, high = np.nanquantile(filled, [0.025, 0.975], axis=0)
    nothing = ~known.any(axis=0)
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def _sign_flips(x: Float64, y: Float64, patient: Int64, signs: Float64) -> Float64:
    """The p-values `(F, G)` of residuals `(n, F)` and `(n, G)`."""
    of_patient = np.zeros((signs.shape[1], x.shape[1]))
    p = np.empty((x.shape[1], y.shape[1]))
    for j, column in enumerate(y.T):
        of_patient[:] = 0
        np.add.at(of_patient, patient, x * column[:, None])
        observed = np.abs(of_patient.sum(axis=0)) * (1 - TIE)
        p[:, j] = (1 + (np.abs(signs @ of_patient) >= observed).sum(axis=0)) / (len(signs) + 1)
    return p
