"""The score of the best of many cells, corrected for having been chosen.

In each resample of patients the best cell is chosen on those drawn and scored on those not drawn, from stored
predictions: nothing is fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.statistics.bootstrap import PatientBootstrap, PredictedRows, percentiles
from results.statistics.metrics.base import AnyMetric

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Corrected:
    """The score of the chosen cell on patients that did not choose it.

    Args:
        value: The mean over resamples of the chosen cell's score on the patients not drawn; NaN if none could be used.
        low: The lower end of the 95 % percentile interval of these scores; NaN if they are all equal.
        high: Its upper end. The patients not drawn are about 37 % of all, so the interval is rather wide.
        chosen: `(C,)` the share of resamples in which each cell was the best.
        left_out: The number of resamples that were not used, because the patients not drawn lack a class or the metric
            is undefined.
    """

    value: float
    low: float
    high: float
    chosen: Float64
    left_out: int


def selection_corrected(
    bootstrap: PatientBootstrap, metric: AnyMetric, rows: PredictedRows, cells: Sequence[Float64]
) -> Corrected:
    """The bootstrap bias-corrected score of the best cell (BBC-CV).

    Of two cells that are equally good on the patients drawn, the first is chosen.

    Args:
        bootstrap: The patients of each draw choose; the patients that it leaves out score.
        metric: One of `results.statistics.metrics.METRICS`.
        rows: The rows that every cell predicts.
        cells: `(n, K)` probabilities of each of C cells.

    Raises:
        ValueError: There is no cell.

    References:
        I. Tsamardinos, E. Greasidou and G. Borboudakis, Bootstrapping the out-of-sample predictions for efficient and
        accurate cross-validation, 2018, doi:10.1007/s10994-018-5714-4.
    """
    if not len(cells):
        raise ValueError("cells (0) must be at least 1")
    inside = np.stack([bootstrap.draws(metric, rows, P) for P in cells])
    best = inside.argmin(axis=0) if metric.lower_is_better else inside.argmax(axis=0)
    others = _not_drawn(bootstrap)
    usable = others.whole(rows) & np.isfinite(inside).all(axis=0)
    others = others.some(usable)
    outside = np.stack([others.draws(metric, rows, P) for P in cells])
    scores = outside[best[usable], np.arange(len(others.counts))]
    scores = scores[np.isfinite(scores)]
    low, high = percentiles(scores)
    if low == high:  # all resamples are as perfect: they say nothing of what else may come
        low = high = float("nan")
    return Corrected(
        value=float(scores.mean()) if len(scores) else float("nan"),
        low=low,
        high=high,
        chosen=np.bincount(best[usable], minlength=len(cells)) / max(1, usable.sum()),
        left_out=len(best) - len(scores),
    )


def _not_drawn(bootstrap: PatientBootstrap) -> PatientBootstrap:
    """A bootstrap whose draws are the patients that each draw leaves out, each once."""
    return PatientBootstrap.of((bootstrap.counts == 0).astype(np.float64))
