"""The columns of tables that hold scores: every metric, and the gain over `location`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from data.text.names import nearest
from results import ResultsError
from results.statistics.metrics import METRICS
from results.statistics.metrics.base import Metric

GAIN = Metric(
    "Gain",
    meaning="AUC minus that of location, on the samples that both predict.",
    order=METRICS["auc_within_location"].order + 1,
)


def columns() -> dict[str, Metric]:
    """The metrics and `gain` by name, in the order of tables."""
    return _in_order(tuple(METRICS))


@cache
def _in_order(names: tuple[str, ...]) -> dict[str, Metric]:
    found: dict[str, Metric] = {**{name: METRICS[name] for name in names}, "gain": GAIN}
    return dict(sorted(found.items(), key=lambda item: item[1].order))


def check_columns(names: Iterable[str]) -> None:
    """Checks that all names are known.

    Raises:
        ResultsError: A name is no metric and not `gain`.
    """
    known = columns()
    for name in names:
        if name not in known:
            raise ResultsError(f"no metric '{name}'{nearest(name, known)}")
