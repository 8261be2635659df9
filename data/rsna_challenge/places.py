"""What RSNA 2024 grades: three conditions with their sides and levels, in three classes, on three sequences."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

CANAL, FORAMEN, RECESS = "spinal_canal_stenosis", "neural_foraminal_narrowing", "subarticular_stenosis"
SIDES = {CANAL: ("middle",), FORAMEN: ("left", "right"), RECESS: ("left", "right")}
"""The sides on which each condition is graded."""

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
CLASSES = ("Normal/Mild", "Moderate", "Severe")
DESCRIPTIONS = {"sagittal_t1": "Sagittal T1", "sagittal_t2": "Sagittal T2/STIR", "axial_t2": "Axial T2"}
"""RSNA's words for each sequence."""

SEQUENCES = tuple(DESCRIPTIONS)


class Place(NamedTuple):
    """A condition, a side and a level, which are graded together in every study."""

    condition: str
    side: str
    level: str

    @property
    def graded(self) -> str:
        """The condition with its side, as the tables name it."""
        return self.condition if self.side == "middle" else f"{self.side}_{self.condition}"

    @property
    def column(self) -> str:
        """The column of `train.csv`."""
        return f"{self.graded}_{self.level.lower().replace('/', '_')}"


PLACES = {
    place.column: place
    for condition, sides in SIDES.items()
    for side, level in product(sides, LEVELS)
    for place in [Place(condition, side, level)]
}
"""The 25 places of a study, by their column."""

SHOWN = {
    "condition": {CANAL: "Spinal canal", FORAMEN: "Foramen", RECESS: "Subarticular"},
    "side": {"middle": ""},
    "sequence": DESCRIPTIONS,
}
"""The words in which a diagnosis shows values of each column; a value without words is left out."""
