"""Permutation importance of named features, for the cells that `explain` looked at."""

from __future__ import annotations

from data.text.command import command
from results import ResultsError
from results.interpretability.explained import all_explanations
from results.interpretability.importance import importance_sheet
from results.run_folder import Run
from results.tables.formats import Sheet
from results.tables.presets.base import Preset


def importance(run: Run) -> list[Sheet]:
    """One sheet for each cell whose features have names and that was explained.

    Raises:
        ResultsError: No cell has such a table.
    """
    sheets = [importance_sheet(one) for one in all_explanations(run) if "importance" in one.about]
    if not sheets:
        raise ResultsError(
            f"no cell of this run has a table of importance: {command('explain', run.folder, '--cell', 'NUMBER')} "
            "makes it for a cell whose features have names, such as disc_geometry, radiomics or clinical columns"
        )
    return sheets


PRESET = Preset(
    "Permutation importance of named features, for the cells that `explain` looked at.", importance, order=86
)
