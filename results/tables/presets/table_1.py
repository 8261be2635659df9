"""Table 1 of a paper."""

from __future__ import annotations

from results.run_folder import Run
from results.tables.formats import Sheet
from results.tables.presets.base import Preset
from results.tables.table_one import table_one


def _sheets(run: Run) -> list[Sheet]:
    return [table_one(run)]


PRESET = Preset("Table 1 of a paper: patients and samples by split.", _sheets, order=90)
