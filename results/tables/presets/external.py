"""Scores on the grid's external dataset, with the cross-validated AUC and the floors."""

from results.tables.external import external_sheets
from results.tables.presets.base import Preset

PRESET = Preset(
    "Scores on the external dataset, with the cross-validated AUC and the floors.", external_sheets, order=15
)
