"""Words on null runs, the same in tables, captions and methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from results.flow import span
from results.run_folder import Run
from results.scores.records import Record, is_number


def exchange_of(run: Run) -> str:
    """How the labels of null runs were made."""
    places = " x ".join(run.locations)
    fixed = [*([f"each {places}"] if places else []), *([f"each {run.null_within}"] if run.null_within else [])]
    return "labels that patients exchanged" + (f" within {' and '.join(fixed)}" if fixed else "")


def expected_of(run: Run) -> str:
    """What AUC to expect of null runs."""
    if run.locations or run.null_within:
        return "so their mean AUC is that of the place, not 0.5, where labels depend on the place"
    return "so their mean AUC is 0.5 unless something leaks"


def folds_of(run: Run) -> str:
    """On which folds null runs were made."""
    drawn = run.protocol.get("split", "patients") == "patients"
    return "on folds drawn anew" if drawn else "on the same split"


def smallest_p(runs: int) -> float:
    """The smallest p that so many null runs allow."""
    return 1 / (runs + 1)


def null_p_text(p: float, runs: float) -> str:
    """A p-value of null runs behind the letter p; the smallest possible one is an upper bound."""
    least = smallest_p(int(runs))
    return f"<= {p:.3f} (the smallest that {int(runs)} runs allow)" if p <= least * (1 + 1e-9) else f"= {p:.3f}"


def null_p_cell(p: float, runs: float) -> str:
    """As `null_p_text`, for a cell of a table."""
    return null_p_text(p, runs).partition(" (")[0].removeprefix("= ")


def null_notes(run: Run, records: Sequence[Record]) -> Iterator[str]:
    """What a table with columns of null runs says of them; nothing without null runs."""
    runs = [int(record["null_runs"]) for record in records if is_number(record.get("null_runs"))]
    if runs:
        yield f"Null: {span(runs)} runs of the cell on {exchange_of(run)}, {expected_of(run)}."
    if runs and any(is_number(record.get("p_value")) for record in records):
        least = f"the smallest that {max(runs)} runs allow is {smallest_p(max(runs)):.3f}"
        yield f"p = (1 + runs at or above the score) / (runs + 1); {least}."
