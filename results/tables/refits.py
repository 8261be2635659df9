"""Intervals over refits: of cells that were run again on patients drawn with replacement, before the folds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np

from results.run_folder import Cell, Predictions, Run
from results.statistics.metrics import METRICS, evaluate

ENOUGH = 0.8
ENDS = ("low", "high", "mean", "sd")
Record = dict[str, Any]


def refit_intervals(run: Run, cell: Cell, values: Mapping[str, float]) -> Record:
    """What a cell's refits say of its metrics; empty for a cell without.

    For each metric `m`: `m_refit_mean` and `m_refit_sd` (n - 1) over the draws, and `m_refit_low`, `m_refit_high`: the
    cell's own value less and plus 1.96 SD. The value and not the mean of the draws is the centre: training sets of a
    draw hold about 63 % of the patients, so that most metrics come out worse. A draw in which a metric is undefined is
    left out of it. `refits` is the number of draws. Where fewer than `ENOUGH` of those asked for could be fitted, there
    is no interval: those that can are not like the others.

    Args:
        run: The run.
        cell: One of its cells.
        values: The metrics of the cell, by name.

    References:
        W. Jiang, S. Varma and R. Simon, Calculating confidence intervals for prediction error in microarray
        classification using resampling, 2008, doi:10.2202/1544-6115.1322, for the draws; their interval is another.
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
            reach = NormalDist().inv_cdf(0.975) * sd
            ends = (value - reach, value + reach, float(found.mean()), sd)
            row |= {f"{name}_refit_{end}": number for end, number in zip(ENDS, ends, strict=True)}
    return row


def refit_columns(records: Sequence[Record], metrics: Sequence[str], decimals: Mapping[str, int]) -> Record:
    """For each metric that a cell has refits of: a header, and what to say of a cell: `[0.79, 0.89], mean 0.82`."""
    columns: Record = {}
    for name in metrics:
        if name in METRICS and any(_is_number(record.get(f"{name}_refit_sd")) for record in records):
            columns[f"{METRICS[name].label} refit"] = partial(refit_text, metric=name, decimals=decimals.get(name, 2))
    return columns


def refit_text(record: Record, metric: str, decimals: int = 2) -> str:
    """The interval of a cell over refits, with the mean of the draws; empty without refits."""
    numbers = [record.get(f"{metric}_refit_{end}") for end in ENDS]
    if not all(map(_is_number, numbers)):
        return ""
    low, high, mean, _ = (f"{number:.{decimals}f}" for number in numbers)
    return f"[{low}, {high}], mean {mean}"


def refit_notes(run: Run, done: Sequence[Record]) -> Iterator[str]:
    """What the caption says of refits."""
    refitted = [record for record in done if _is_number(record.get("refits"))]
    if not refitted:
        return
    low, high = (int(pick(record["refits"] for record in refitted)) for pick in (min, max))
    draws = str(low) if low == high else f"{low} to {high}"
    if low < run.refit_draws:
        draws += f" (of {run.refit_draws} asked for; the others failed or were not run; no interval below {ENOUGH:.0%})"
    redrawn = max(run.redrawn.get(record["key"], 0) for record in refitted)
    again = f"; up to {redrawn} had too few patients of a class for the folds and were drawn again" if redrawn else ""
    yield (
        f"refit: 1.96 SD over {draws} draws of patients before the folds{again}; it covers training sets too. Mean: of "
        "the draws, whose training sets hold fewer distinct patients (about 63 %)."
    )


def _value(run: Run, name: str, p: Predictions) -> float:
    within = np.unique([run.levels[s] for s in p.sample], return_inverse=True)[1] if run.levels else None
    return evaluate(METRICS[name], p.y, p.scored_by(METRICS[name]), repeat=p.repeat, fold=p.fold, within=within).value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
