"""What is written of a study: a finding for each condition, side and level, and the slices on which they were read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector3 = tuple[float, float, float]

WARNING = "Research software: not for clinical use"
CONDITIONS = {
    "spinal_canal_stenosis": "Spinal canal",
    "neural_foraminal_narrowing": "Foramen",
    "subarticular_stenosis": "Subarticular",
}
SEQUENCES = {"sagittal_t1": "Sagittal T1", "sagittal_t2": "Sagittal T2/STIR", "axial_t2": "Axial T2"}
_LETTERS = ("LR", "PA", "HF")  # where LPS x, y, z grow, and the opposite


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice:
    """A slice of a study as it is shown.

    Args:
        sequence: Such as `sagittal_t1`.
        index: Its place in the stack, from 0.
        pixels: `(H, W)`.
        spacing: Distance of rows and of columns, mm.
        directions: Where rows (down) and columns (to the right) grow: two unit vectors, LPS.
        instance: InstanceNumber of its file, from 1; None where it is not known.
    """

    sequence: str
    index: int
    pixels: NDArray[Any]
    spacing: tuple[float, float]
    directions: tuple[Vector3, Vector3]
    instance: int | None = None

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """What lies at the picture's top, right, bottom and left: L, R, A, P, H or F."""
        down, right = (_letters(direction) for direction in self.directions)
        return down[1], right[0], down[0], right[1]

    @property
    def name(self) -> str:
        """Of its picture's file, without an ending."""
        return f"{self.sequence}_slice_{self.index:03d}"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Where a finding was read.

    Args:
        sequence: Such as `sagittal_t1`.
        index: The slice's place in the stack, from 0.
        x: Column in the slice as it is shown, from 0; the centre of a pixel is a whole number.
        y: Row, likewise.
        position: LPS mm.
        series: Name of the series, empty where it is not known.
        file: Name of the slice's file, likewise.
        instance: InstanceNumber of this file, from 1.
        file_x: Column in the file, whose slice may be turned to be shown.
        file_y: Row in the file.
    """

    sequence: str
    index: int
    x: float
    y: float
    position: Vector3
    series: str = ""
    file: str = ""
    instance: int | None = None
    file_x: float | None = None
    file_y: float | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is said of a condition at one level and side, or why nothing is.

    Args:
        condition: Such as `spinal_canal_stenosis`.
        side: `left`, `right` or `middle`.
        level: Such as `L4/L5`.
        probabilities: Of each class, in the order of the diagnosis; empty where it is missing.
        grade: One of the classes; empty where it is missing.
        mark: Where it was read, if the model reads it at a point.
        missing: Why there is no grade, such as `no axial T2 in this study`.

    Raises:
        ValueError: Neither or both of a grade and a reason, or probabilities that are none.
    """

    condition: str
    side: str
    level: str
    probabilities: tuple[float, ...] = ()
    grade: str = ""
    mark: Mark | None = None
    missing: str = ""

    def __post_init__(self) -> None:
        if bool(self.missing) == bool(self.grade) or bool(self.grade) != bool(self.probabilities):
            raise ValueError(f"{self.column}: must have a grade with probabilities, or the reason why it is missing")
        total = math.fsum(self.probabilities)
        if self.grade and not (min(self.probabilities) >= 0 and math.isclose(total, 1, abs_tol=1e-4)):
            raise ValueError(f"{self.column}: probabilities {self.probabilities} must sum to 1, not {total:g}")

    @property
    def column(self) -> str:
        """RSNA's name of the place, such as `left_subarticular_stenosis_l4_l5`."""
        side = "" if self.side == "middle" else f"{self.side}_"
        return f"{side}{self.condition}_{self.level.lower().replace('/', '_')}"

    @property
    def place(self) -> str:
        """The condition and its side as they are shown."""
        return shown_place(self.condition, self.side)


@dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosis:
    """All that is said of a study.

    Args:
        study: Its name as it is shown; who gives it sees to it that no patient's name is shown.
        classes: The grades in order, mildest first.
        findings: One a condition, side and level, in the order in which they are shown.
        slices: Those on which the findings are marked.
        model: Facts of the model card, such as `{"trained on": "1,200 patients"}`.
        notes: What the reader should know of this study: how sequences were told, what could not be read.

    Raises:
        ValueError: A grade that is no class, two findings of one place, or a mark on a slice that is not there.
    """

    study: str
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    slices: tuple[Slice, ...] = ()
    model: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shapes = {(one.sequence, one.index): one.pixels.shape for one in self.slices}
        seen = set()
        for one in self.findings:
            if one.column in seen:
                raise ValueError(f"{one.column}: there are two findings of it")
            seen.add(one.column)
            if one.grade and (one.grade not in self.classes or len(one.probabilities) != len(self.classes)):
                raise ValueError(f"{one.column}: grade {one.grade} of {len(one.probabilities)}: classes {self.classes}")
            if one.mark is None:
                continue
            shape = shapes.get((one.mark.sequence, one.mark.index))
            if shape is None:
                raise ValueError(f"{one.column}: slice {one.mark.index} of {one.mark.sequence} is not given")
            if not (-0.5 <= one.mark.y <= shape[0] - 0.5 and -0.5 <= one.mark.x <= shape[1] - 0.5):
                raise ValueError(f"{one.column}: x {one.mark.x:g}, y {one.mark.y:g} is outside {shape[1]} x {shape[0]}")

    def on(self, slice_: Slice) -> list[Finding]:
        """The findings marked on a slice."""
        where = (slice_.sequence, slice_.index)
        return [one for one in self.findings if one.mark and (one.mark.sequence, one.mark.index) == where]

    def probability(self, finding: Finding) -> float:
        """Of the finding's grade."""
        return finding.probabilities[self.classes.index(finding.grade)]


def shown_place(condition: str, side: str) -> str:
    """A condition and its side in words."""
    words = CONDITIONS.get(condition, condition.replace("_", " "))
    return words if side == "middle" else f"{words} {side}"


def _letters(direction: Vector3) -> str:
    axis = int(np.abs(direction).argmax())
    return _LETTERS[axis] if direction[axis] > 0 else _LETTERS[axis][::-1]
