"""Intervals over refits: cells are run again on patients that are drawn with replacement before folds are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from results.run_folder import Predictions, Run, RunCell
from results.scores.records import Record
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS
from results.statistics.uncertainty import around

ENOUGH = 0.8
ENDS = ("low", "high", "mean", "sd")


def refit_intervals(run: Run, cell: RunCell, values: Mapping[str, float]) -> Record:
    """The columns on a cell's refits; empty for a cell without refits.

    For each metric `m`: `m_refit_mean` and `m_refit_sd` (n - 1) over the draws, and `m_refit_low`, `m_refit_high`:
    the cell's own value and 1.96 SD on either side, on a scale that keeps to the metric's range (`around`). The
    interval goes around the value and not around the mean of the draws, since the training sets of a draw hold only
    about 63 % of the patients, which makes most metrics worse. A draw in which a metric is undefined does not count
    for that metric. `refits` is the number of draws. There is no interval where fewer than `ENOUGH` of the
    requested draws could be fitted: those that could are not like the others.

    Args:
        run: The run.
        cell: One of its cells.
        values: The metrics of the cell, by name.

    References:
        W. Jiang, S. Varma and R. Simon, Calculating confidence intervals for prediction error in microarray
        classification using resampling, 2008, doi:10.2202/1544-6115.1322 (for the draws; their interval differs).
    """
    draws = [{name: _value(run, name, predictions) for name in values} for predictions in run.refits(cell)]
    if len(draws) < 2:
        return {}
    row: Record = {"refits": len(draws)}
    if len(draws) < ENOUGH * run.refit_draws:
        return row
    for name, value in values.items():
        found = np.array([draw[name] for draw in draws if math.isfinite(draw[name])])
        if len(found) > 1:
            sd = float(found.std(ddof=1))
            low, high = around(METRICS[name], value, NormalDist().inv_cdf(0.975) * sd)
            ends = (low, high, float(found.mean()), sd)
            row |= {f"{name}_refit_{end}": number for end, number in zip(ENDS, ends, strict=True)}
    return row


def _value(run: Run, name: str, p: Predictions) -> float:
    within = np.unique([run.places[s] for s in p.sample], return_inverse=True)[1] if run.places else None
    return evaluate(METRICS[name], p.y, p.scored_by(METRICS[name]), repeat=p.repeat, fold=p.fold, within=within).value
