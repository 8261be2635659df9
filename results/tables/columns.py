"""The columns of tables that hold scores: every metric, and the gains over floors."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from data.text.names import nearest
from results import ResultsError
from results.run_folder import Run, head_name
from results.scores.records import Record
from results.statistics.metrics import METRICS
from results.statistics.metrics.base import Metric

GAINS = {
    "gain": Metric(
        "Gain",
        meaning="AUC minus that of location, on the samples that both predict.",
        order=METRICS["auc_within_location"].order + 1,
    ),
    "gain_pixels": Metric(
        "Gain over\npixels",
        meaning="AUC minus that of 16 x 16 pixels of the same crop, on the samples that both predict.",
        order=METRICS["auc_within_location"].order + 2,
    ),
}


def columns() -> dict[str, Metric]:
    """The metrics and the gains by name, in the order of tables."""
    return _in_order(tuple(METRICS))


@cache
def _in_order(names: tuple[str, ...]) -> dict[str, Metric]:
    found: dict[str, Metric] = {name: METRICS[name] for name in names} | GAINS
    return dict(sorted(found.items(), key=lambda item: item[1].order))


def own_gain(run: Run, record: Record) -> str:
    """The gain that a floor has over itself, which tables leave out; empty for every other row."""
    head = head_name(str(record["heads"])) if record["floor"] else ""
    return {run.location: "gain", run.pixels: "gain_pixels"}.get(head, "") if head else ""


def check_columns(names: Iterable[str]) -> None:
    """Checks that all names are known.

    Raises:
        ResultsError: A name is no metric and no gain.
    """
    known = columns()
    for name in names:
        if name not in known:
            raise ResultsError(f"no metric '{name}'{nearest(name, known)}")
