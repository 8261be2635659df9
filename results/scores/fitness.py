"""Which metrics mean something for which targets of a run."""

from __future__ import annotations

from collections.abc import Sequence

from results import ResultsError
from results.run_folder import Run
from results.statistics.metrics import METRICS
from results.statistics.metrics.base import OfPairs


def unfit(run: Run, target: str, name: str) -> str:
    """Why a metric means nothing for a target of a run; empty where it means something.

    Args:
        run: A run folder.
        target: One of its targets.
        name: A metric of `METRICS`, or a gain.
    """
    cell = next(cell for cell in run.cells if cell.target == target)
    if name == "gain":
        if not run.locations and not any(cell.head == run.location for cell in run.cells):
            return f"the gain is over {run.location}, and the dataset has no locating columns: name a cell (--against)"
        return ""
    if name == "gain_pixels":
        found = any(cell.head == run.pixels for cell in run.cells)
        return "" if found else "the run has no floor of small pixels: run the grid again"
    metric = METRICS[name]
    if metric.ordinal and not cell.ordinal:
        return f"{metric.label} is for ordinal targets, and {target} is none"
    if metric.binary and len(cell.classes) != 2:
        return f"{metric.label} is for targets with two classes, and {target} has {len(cell.classes)}"
    if isinstance(metric, OfPairs) and metric.within and not run.places:
        return f"{metric.title()}: the dataset has no locating columns"
    return ""


def check_fit(run: Run, metrics: Sequence[str]) -> None:
    """Checks that each metric means something for at least one target of a run.

    Raises:
        ResultsError: A metric means nothing for any target.
    """
    for name in metrics:
        why = [unfit(run, target, name) for target in run.targets]
        if all(why):
            raise ResultsError(f"no table of '{name}': {'; '.join(dict.fromkeys(why))}")


def left_out(run: Run, target: str, metrics: Sequence[str]) -> list[str]:
    """A line about those of the requested metrics that mean nothing for a target; empty where all mean something."""
    why = list(dict.fromkeys(filter(None, (unfit(run, target, name) for name in metrics))))
    return [f"Left out: {'; '.join(why)}."] if why else []
