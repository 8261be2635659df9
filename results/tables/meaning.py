"""Which metrics mean something for which targets of a run."""

from __future__ import annotations

from collections.abc import Sequence

from results.run_folder import ResultsError, Run
from results.statistics.metrics import METRICS, ORDINAL


def unfit(run: Run, target: str, metric: str) -> str:
    """Why a metric means nothing for a target of a run; empty where it does."""
    ordinal = any(cell.ordinal for cell in run.cells if cell.target == target)
    if metric in ORDINAL and not ordinal:
        return f"{METRICS[metric].label} is of ordinal targets, and {target} is none"
    if metric == "auc_within_level" and not run.levels:
        return "AUC within level: the dataset has no levels"
    if metric == "gain" and not run.locations and not any(cell.head == "location" for cell in run.cells):
        return "the gain is over location, and the dataset has no locating columns: name a cell (--against)"
    return ""


def check_fit(run: Run, metrics: Sequence[str]) -> None:
    """Raises ResultsError for a metric that means nothing for any target of a run."""
    for metric in metrics:
        why = [unfit(run, target, metric) for target in run.targets]
        if all(why):
            raise ResultsError(f"no table of '{metric}': {'; '.join(dict.fromkeys(why))}")


def left_out(run: Run, target: str, metrics: Sequence[str]) -> list[str]:
    """A line that says which of some metrics, all asked for, mean nothing for a target; none where all do."""
    why = list(dict.fromkeys(filter(None, (unfit(run, target, metric) for metric in metrics))))
    return [f"Left out: {'; '.join(why)}."] if why else []
