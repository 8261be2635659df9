"""What tables show of refits: a column with intervals, and the notes under it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from results.run_folder import Run
from results.scores.records import Record, is_number
from results.scores.refits import ENDS, ENOUGH
from results.statistics.metrics import METRICS


def refit_columns(run: Run, rows: Sequence[Record], metrics: Sequence[str]) -> dict[str, Callable[[Record], str]]:
    """For each metric with refits the header of its column, and the function that gives a cell's text in it."""
    columns: dict[str, Callable[[Record], str]] = {}
    for name in metrics:
        if name in METRICS and any(is_number(row.get(f"{name}_refit_sd")) for row in rows):
            columns[f"{METRICS[name].title(run.within)} refit"] = partial(refit_text, metric=name)
    return columns


def refit_text(record: Record, metric: str) -> str:
    """The interval of a cell over refits and the mean of the draws: `[0.79, 0.89], mean 0.82`; empty without refits."""
    decimals = METRICS[metric].decimals
    numbers = [record.get(f"{metric}_refit_{end}") for end in ENDS]
    if not all(map(is_number, numbers)):
        return ""
    low, high, mean, _ = (f"{number:.{decimals}f}" for number in numbers)
    return f"[{low}, {high}], mean {mean}"


def refit_notes(run: Run, done: Sequence[Record]) -> Iterator[str]:
    """The note on refits; none without refits."""
    refitted = [record for record in done if is_number(record.get("refits"))]
    if not refitted:
        return
    low, high = (int(pick(record["refits"] for record in refitted)) for pick in (min, max))
    draws = str(low) if low == high else f"{low} to {high}"
    if low < run.refit_draws:
        draws += f" (of {run.refit_draws} requested; the others failed or were not run; no interval below {ENOUGH:.0%})"
    redrawn = max(run.redrawn.get(record["key"], 0) for record in refitted)
    were = "was" if redrawn == 1 else "were"
    again = f"; up to {redrawn} had too few patients of a class for the folds and {were} drawn again" if redrawn else ""
    yield (
        f"refit: 1.96 SD over {draws} draws of patients before folds are made{again}. It covers training sets too. "
        "Mean: over the draws, whose training sets hold fewer distinct patients (about 63 %)."
    )
