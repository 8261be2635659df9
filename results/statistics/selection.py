"""The score of the best of many cells, corrected for having been chosen.

In each resample of patients the best cell is chosen on those drawn and scored on those not drawn, from stored
predictions: nothing is fitted again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.metrics.base import AnyMetric
from results.statistics.uncertainty import interval, standard_error

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Corrected:
    """The score of the chosen cell on patients that did not choose it.

    Args:
        value: The mean over resamples of the chosen cell's score on the patients not drawn; NaN if none could be used.
        low: The lower end of the 95 % interval; NaN if there is none, as under ten patients.
        high: Its upper end.
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

    Of two cells that are equally good on the patients drawn, the first is chosen. The patients not drawn are a
    share f of all, drawn without replacement, so that the variance of their scores is (1 - f) / f times that of a score
    on all patients. It is divided by this, and corrected for training sets as any other (`standard_error`).

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
    outside = np.stack([others.by_repeat(metric, rows, P) for P in cells])
    scores = outside[best[usable], :, np.arange(len(others.counts))].T
    whole = np.isfinite(scores).all(axis=0)
    value = float(scores[:, whole].mean()) if whole.any() else float("nan")
    share = float((others.counts[:, np.unique(rows.patient)] > 0).mean()) if len(others.counts) else 0.0
    error = standard_error(metric, rows, scores) * math.sqrt(share / (1 - share))
    low, high = interval(metric, rows, value, error)
    return Corrected(
        value=value,
        low=low,
        high=high,
        chosen=np.bincount(best[usable], minlength=len(cells)) / max(1, usable.sum()),
        left_out=len(best) - int(whole.sum()),
    )


def _not_drawn(bootstrap: PatientBootstrap) -> PatientBootstrap:
    """A bootstrap whose draws are the patients that each draw leaves out, each once."""
    return PatientBootstrap.of((bootstrap.counts == 0).astype(np.float64))
