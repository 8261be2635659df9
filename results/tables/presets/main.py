"""The tables of a run, as they are printed when it ends."""

from results.tables.main import sheets
from results.tables.presets.base import Preset

PRESET = Preset("The tables of a run: a row for each cell.", sheets, order=10)
