"""How near found points come to the annotated ones."""

from __future__ import annotations

from results import ResultsError
from results.run_folder import Run
from results.tables.formats import Sheet
from results.tables.points import found_points
from results.tables.presets.base import Preset


def points(run: Run) -> list[Sheet]:
    """Errors of found points, by the first and the last locating column.

    Raises:
        ResultsError: No region of the run finds points.
    """
    sheet = found_points(run, by=tuple(dict.fromkeys((*run.locations[:1], *run.locations[-1:]))))
    if sheet is None:
        raise ResultsError("no region of this run finds points: there is nothing to compare with the annotated ones")
    return [sheet]


PRESET = Preset("How near found points come to the annotated ones.", points, order=80)
