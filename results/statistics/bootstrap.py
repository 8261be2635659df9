"""One bootstrap over patients, shared by every cell and metric.

How often each patient is drawn is counted once. Every metric of a resample then follows from sums over patients,
without copying a row. Results equal those of scikit-learn on the duplicated rows, except that copies of one row are no
ties in average precision (`ranking.weighted_average_precision`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from results.statistics import ranking
from results.statistics.metrics.base import AnyMetric, OfCounts, OfPairs, score_of

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

FEWEST = 10
"""Patients below which there is no interval."""

CHUNK = 300_000


@dataclass(frozen=True, eq=False)
class PredictedRows:
    """The rows that a cell predicts, without the probabilities; cells on the same rows should share one object.

    Args:
        patient: `(n,)` int64 position among the patients of the bootstrap.
        repeat: `(n,)` int64.
        fold: `(n,)` int64, counted anew in every repeat.
        y: `(n,)` int64 class indices.
        n_classes: K.
        within: `(n,)` int64 place of each row in the body, counted from 0, or None.
        ratio: The number of patients that a fit is tested on over those that it learns from; None: that of
            cross-validation. 0 for models that were fitted elsewhere.
    """

    patient: Int64
    repeat: Int64
    fold: Int64
    y: Int64
    n_classes: int
    within: Int64 | None = None
    ratio: float | None = None

    @cached_property
    def blocks(self) -> list[tuple[int, Int64]]:
        """For every fold of every repeat: the number of the repeat, and its rows in the order of their patients."""
        out = []
        for number, repeat in enumerate(np.unique(self.repeat)):
            for fold in np.unique(self.fold[self.repeat == repeat]):
                rows = np.flatnonzero((self.repeat == repeat) & (self.fold == fold))
                out.append((number, rows[np.argsort(self.patient[rows], kind="stable")]))
        return out

    @property
    def n_repeats(self) -> int:
        """The number of repeats."""
        return self.blocks[-1][0] + 1

    @property
    def folds(self) -> float:
        """The number of folds of a repeat, on average."""
        return len(self.blocks) / self.n_repeats

    @property
    def test_to_train(self) -> float:
        """The patients that a fit is tested on over those that it learns from: `1 / (folds - 1)` if not given."""
        if self.ratio is not None:
            return self.ratio
        return 1 / (self.folds - 1) if self.folds > 1 else 0.0

    @cached_property
    def n_patients(self) -> int:
        """The number of patients who have a row."""
        return len(np.unique(self.patient))

    @cached_property
    def carriers(self) -> Int64:
        """`(C,)` int64: the number of patients of each class that occurs."""
        return np.array([len(np.unique(self.patient[self.y == k])) for k in np.unique(self.y)], dtype=np.int64)


class PatientBootstrap:
    """Resamples of patients with replacement, shared by all that is scored with them.

    The draws depend on the number of patients and the seed alone, so that no cell's interval depends on other cells. A
    draw in which a class of some rows has no pair to compare in a repeat, such as when none of its patients is drawn,
    is left out for these rows: their scores are NaN there.

    Args:
        n_patients: P.
        resamples: B.
        seed: The seed of the draws.

    Attributes:
        counts: `(B, P)` float64: the number of times that each patient is drawn.

    References:
        C. A. Field and A. H. Welsh, Bootstrapping clustered data, 2007, doi:10.1111/j.1467-9868.2007.00593.x.
    """

    def __init__(self, n_patients: int, *, resamples: int = 2000, seed: int = 0) -> None:
        self.counts: Float64 = _draw(np.random.default_rng(seed), resamples, n_patients)
        self._pairs: dict[tuple[PredictedRows, bytes, bool], tuple[list[Float64], Float64, NDArray[np.bool_]]] = {}
        self._whole: dict[PredictedRows, NDArray[np.bool_]] = {}

    @classmethod
    def of(cls, counts: Float64) -> PatientBootstrap:
        """A bootstrap with these draws, `(B, P)`."""
        found = cls(counts.shape[1], resamples=0)
        found.counts = counts
        return found

    def some(self, draws: NDArray[np.bool_]) -> PatientBootstrap:
        """Some of its draws, by a mask `(B,)`."""
        return PatientBootstrap.of(self.counts[draws])

    def whole(self, rows: PredictedRows) -> NDArray[np.bool_]:
        """`(B,)`: whether each class that has pairs in a repeat of these rows also has them in the draw."""
        if rows not in self._whole:
            self._whole[rows] = _holds_every_class(rows, self.counts)
        return self._whole[rows]

    def left_out(self, rows: PredictedRows) -> int:
        """The number of draws that lack a class of these rows."""
        return int((~self.whole(rows)).sum())

    def draws(self, metric: AnyMetric, rows: PredictedRows, P: Float64) -> Float64:
        """`(B,)`: the primary value of a metric in every resample: the mean over repeats of `by_repeat`."""
        return np.asarray(self.by_repeat(metric, rows, P).mean(axis=0))

    def by_repeat(self, metric: AnyMetric, rows: PredictedRows, P: Float64) -> Float64:
        """`(R, B)`: a metric of each repeat in every resample, NaN where it is undefined or the draw lacks a class.

        Args:
            metric: One of `results.statistics.metrics.METRICS`.
            rows: The rows of the predictions.
            P: `(n, K)` probabilities.
        """
        if len(self.counts) == 0:
            return np.empty((rows.n_repeats, 0))
        return np.where(self.whole(rows), self._by_repeat(metric, rows, P), np.nan)

    def _by_repeat(self, metric: AnyMetric, rows: PredictedRows, P: Float64) -> Float64:
        if isinstance(metric, OfPairs):
            return self._of_pairs(metric, rows, P)
        repeats = [np.flatnonzero(rows.repeat == r) for r in np.unique(rows.repeat)]
        if isinstance(metric, OfCounts):
            K = rows.n_classes
            cell = rows.y * K + P.argmax(axis=1)
            counts = np.stack([self.counts @ self._by_patient(rows.patient[r], cell[r], K * K) for r in repeats])
            return np.asarray(metric.formula(counts.reshape(*counts.shape[:2], K, K)))
        loss = metric.loss(rows.y, P)
        n_patients = self.counts.shape[1]
        sums, sizes = (
            np.stack([self.counts @ np.bincount(rows.patient[r], weights=w[r], minlength=n_patients) for r in repeats])
            for w in (loss, np.ones(len(loss)))
        )
        return np.divide(sums, sizes, out=np.full_like(sums, np.nan), where=sizes > 0)

    def difference(self, metric: AnyMetric, rows: PredictedRows, P: Float64, other: Float64) -> Float64:
        """`(R, B)`: the metric of P minus that of `other` `(n, K)` on the same rows, in the same resamples."""
        return self.by_repeat(metric, rows, P) - self.by_repeat(metric, rows, other)

    def _by_patient(self, patient: Int64, cell: Int64, size: int) -> Float64:
        n_patients = self.counts.shape[1]
        return np.bincount(patient * size + cell, minlength=n_patients * size).reshape(-1, size).astype(np.float64)

    def _of_pairs(self, metric: OfPairs, rows: PredictedRows, P: Float64) -> Float64:
        tasks = metric.tasks(rows.n_classes)
        within = rows.within if metric.within else None
        pairs, total, defined = self._pairs_of(metric, rows)
        wins = np.zeros((rows.n_repeats, len(tasks), len(self.counts)))
        for (repeat, block), block_pairs in zip(rows.blocks, pairs, strict=True):
            patients, patient = np.unique(rows.patient[block], return_inverse=True)
            positive = tasks[:, rows.y[block]]
            score = np.stack([score_of(classes, P[block]) for classes in tasks])
            place = None if within is None else within[block]
            counts = np.take(self.counts, patients, axis=1)
            if metric.precision:
                for t in range(len(tasks)):
                    for part in _chunks(len(counts), len(block)):
                        area = ranking.weighted_average_precision(
                            positive[t], score[t], np.take(counts[part], patient, axis=1)
                        )
                        wins[repeat, t, part] += area * block_pairs[t, part]
            elif place is None and _many_patients(positive, patient):
                for t in range(len(tasks)):
                    for part in _chunks(len(counts), len(block)):
                        wins[repeat, t, part] += ranking.weighted_wins(
                            positive[t], score[t], np.take(counts[part], patient, axis=1)
                        )
            else:
                for t in range(len(tasks)):
                    table = ranking.patient_wins(positive[t], score[t], patient, place)
                    for part in _chunks(len(counts), len(patients)):
                        wins[repeat, t, part] += np.einsum("bp,bp->b", counts[part] @ table, counts[part])
        value = np.divide(wins, total, out=np.full_like(wins, np.nan), where=total > 0)
        if not defined.any(axis=1).all():
            return np.full((rows.n_repeats, len(self.counts)), np.nan)
        return np.asarray(np.where(defined, value, 0).sum(axis=1) / defined.sum(axis=1))

    def _pairs_of(self, metric: OfPairs, rows: PredictedRows) -> tuple[list[Float64], Float64, NDArray[np.bool_]]:
        """The pairs of each block `(T, B)` and of each repeat `(R, T, B)`, and whether a task has any `(R, T, 1)`."""
        tasks = metric.tasks(rows.n_classes)
        key = (rows, tasks.tobytes(), metric.within)
        if key not in self._pairs:
            within = rows.within if metric.within else None
            of_blocks = [_pairs(self.counts, rows, block, tasks, within) for _, block in rows.blocks]
            ones = np.ones((1, self.counts.shape[1]))
            usual = _by_repeat(rows, [_pairs(ones, rows, block, tasks, within) for _, block in rows.blocks])
            self._pairs[key] = of_blocks, _by_repeat(rows, of_blocks), usual > 0
        return self._pairs[key]


def percentiles(draws: Float64, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of `(B,)` draws; NaN draws are left out, and it is NaN if none is left."""
    draws = draws[np.isfinite(draws)]
    if len(draws) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draw(random: np.random.Generator, resamples: int, n_patients: int) -> Float64:
    drawn = random.integers(0, n_patients, size=(resamples, n_patients))
    drawn += np.arange(resamples)[:, None] * n_patients
    return (
        np.bincount(drawn.ravel(), minlength=resamples * n_patients).reshape(resamples, n_patients).astype(np.float64)
    )


def _holds_every_class(rows: PredictedRows, counts: Float64) -> NDArray[np.bool_]:
    """`(B,)`: whether each class that has pairs in a repeat also has them in the draw."""
    classes = np.eye(rows.n_classes, dtype=bool)
    ones = np.ones((1, counts.shape[1]))
    usual, drawn = (
        _by_repeat(rows, [_pairs(c, rows, block, classes, None) for _, block in rows.blocks]) > 0
        for c in (ones, counts)
    )
    return np.asarray((drawn | ~usual).all(axis=(0, 1)))


def _by_repeat(rows: PredictedRows, of_blocks: list[Float64]) -> Float64:
    """`(R, T, B)`: the values `(T, B)` of blocks, summed over the folds of each repeat."""
    total = np.zeros((rows.n_repeats, *of_blocks[0].shape))
    for (repeat, _), values in zip(rows.blocks, of_blocks, strict=True):
        total[repeat] += values
    return total


def _pairs(
    counts: Float64, rows: PredictedRows, block: Int64, tasks: NDArray[np.bool_], within: Int64 | None
) -> Float64:
    """`(T, B)`: the number of pairs of positives and negatives in a block; with `within`, only pairs at one place."""
    patients, patient = np.unique(rows.patient[block], return_inverse=True)
    n_places = 1 if within is None else int(within.max()) + 1
    column = rows.y[block] if within is None else rows.y[block] * n_places + within[block]
    size = rows.n_classes * n_places
    table = np.bincount(patient * size + column, minlength=len(patients) * size).reshape(len(patients), size)
    by_class = (np.take(counts, patients, axis=1) @ table.astype(np.float64)).reshape(
        len(counts), rows.n_classes, n_places
    )
    positives = np.einsum("tk,bkl->tbl", tasks.astype(np.float64), by_class)
    return np.asarray((positives * (by_class.sum(axis=1) - positives)).sum(axis=2))


def _many_patients(positive: NDArray[np.bool_], patient: Int64) -> bool:
    """Whether sorting rows is cheaper than a patients x patients product; a row costs about 100 multiplications."""
    return (int(patient[-1]) + 1) ** 2 > 100 * len(patient)


def _chunks(resamples: int, width: int) -> list[slice]:
    step = max(1, CHUNK // width)
    return [slice(start, start + step) for start in range(0, resamples, step)]
