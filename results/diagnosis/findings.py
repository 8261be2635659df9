"""A diagnosis: a finding for each place of a study, and the slices on which they were read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.text.file_names import file_name
from results.diagnosis.grade_map import GradeMap

Vector3 = tuple[float, float, float]

WARNING = "Research software: not for clinical use"
SEQUENCE = "sequence"  # the key of sequences in `Diagnosis.shown`
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
        """The name of its picture's file, without an ending."""
        return f"{file_name(self.sequence)}_slice_{self.index:03d}"


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
    """The grade of one place, or the reason why there is none.

    Args:
        place: The values of the dataset's locating columns, in their order, such as `{"side": "left", "level":
            "L4/L5"}`.
        probabilities: The probability of each class, in the order of the diagnosis; empty where the grade is missing.
        grade: One of the classes; empty where it is missing.
        mark: Where it was read, if the model reads it at a point.
        missing: Why there is no grade, such as `no axial T2 in this study`.
        grade_map: What in the crops spoke for the grade; None where it was not asked for.

    Raises:
        ValueError: Both a grade and a reason, or neither; or probabilities that do not sum to 1.
    """

    place: Mapping[str, str]
    probabilities: tuple[float, ...] = ()
    grade: str = ""
    mark: Mark | None = None
    missing: str = ""
    grade_map: GradeMap | None = None

    def __post_init__(self) -> None:
        if bool(self.missing) == bool(self.grade) or bool(self.grade) != bool(self.probabilities):
            raise ValueError(f"{self}: must have a grade with probabilities, or the reason why it is missing")
        total = math.fsum(self.probabilities)
        if self.grade and not (min(self.probabilities) >= 0 and math.isclose(total, 1, abs_tol=1e-4)):
            raise ValueError(f"{self}: probabilities {self.probabilities} must sum to 1, not {total:g}")

    def __str__(self) -> str:
        return ", ".join(self.place.values()) or "the study"


@dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosis:
    """The findings of one study.

    The page shows findings as a table: the last of a place's columns (`level`) gives the rows, the others the columns.
    The first one (`condition`) is in the titles of pictures, unless it is the only one.

    Args:
        study: Its name as it is shown. The caller makes sure that it is no patient's name.
        classes: The grades in order, mildest first.
        findings: One for each place, in the order in which they are shown; all places have the same columns.
        slices: Those on which the findings are marked.
        model: Facts of the model card, such as `{"trained on": "1,200 patients"}`.
        notes: What the reader should know of this study: how sequences were recognised, which files could not be read.
        shown: Words for the values of a place's columns and of `sequence`, as in `Dataset.shown`. A value without words
            is shown as it is, with spaces for underscores; one whose words are empty is not shown.

    Raises:
        ValueError: A grade that is no class, two findings of one place, or a mark on a slice that is not there.
    """

    study: str
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    slices: tuple[Slice, ...] = ()
    model: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    shown: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {(one.sequence, one.index): one.pixels.shape for one in self.slices}
        seen = set()
        for one in self.findings:
            place = tuple(one.place.items())
            if place in seen:
                raise ValueError(f"{one}: there are two findings of it")
            seen.add(place)
            if one.grade and (one.grade not in self.classes or len(one.probabilities) != len(self.classes)):
                raise ValueError(f"{one}: grade {one.grade} of {len(one.probabilities)}: classes {self.classes}")
            if one.mark is None:
                continue
            shape = shapes.get((one.mark.sequence, one.mark.index))
            if shape is None:
                raise ValueError(f"{one}: slice {one.mark.index} of {one.mark.sequence} is not given")
            if not (-0.5 <= one.mark.y <= shape[0] - 0.5 and -0.5 <= one.mark.x <= shape[1] - 0.5):
                raise ValueError(f"{one}: x {one.mark.x:g}, y {one.mark.y:g} is outside {shape[1]} x {shape[0]}")

    def on(self, slice_: Slice) -> list[Finding]:
        """The findings marked on a slice."""
        where = (slice_.sequence, slice_.index)
        return [one for one in self.findings if one.mark and (one.mark.sequence, one.mark.index) == where]

    def probability(self, finding: Finding) -> float:
        """The probability of the finding's grade."""
        return finding.probabilities[self.classes.index(finding.grade)]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the findings' places."""
        return tuple(self.findings[0].place) if self.findings else ()

    @property
    def row_name(self) -> str:
        """The header of the rows, such as `Level`."""
        return self.columns[-1].capitalize() if self.columns else "Place"

    @property
    def column_name(self) -> str:
        """The header of the columns, such as `Condition`; empty where a place has only one column."""
        return self.columns[0].capitalize() if len(self.columns) > 1 else ""

    def row(self, finding: Finding) -> str:
        """The words of the row in which a finding is shown, such as `L4/L5`."""
        return self._words(finding, self.columns[-1:])

    def column(self, finding: Finding) -> str:
        """The words of the column in which a finding is shown, such as `Foramen left`; `Grade` where there is one."""
        return self._words(finding, self.columns[:-1]) or "Grade"

    def subject(self, finding: Finding) -> str:
        """The words of a finding in a picture's title, such as `Foramen`; empty where a place has only one column."""
        return self._words(finding, self.columns[:1]) if len(self.columns) > 1 else ""

    def place(self, finding: Finding) -> str:
        """Where on a picture of its subject a finding lies, such as `L4/L5 left`."""
        return self._words(finding, (*self.columns[-1:], *self.columns[1:-1]))

    def sequence(self, name: str) -> str:
        """A sequence in words."""
        return self.shown.get(SEQUENCE, {}).get(name, name)

    def _words(self, finding: Finding, columns: Sequence[str]) -> str:
        values = [(column, finding.place[column]) for column in columns]
        words = [self.shown.get(column, {}).get(value, value.replace("_", " ")) for column, value in values]
        return " ".join(word for word in words if word)


def _letters(direction: Vector3) -> str:
    axis = int(np.abs(direction).argmax())
    return _LETTERS[axis] if direction[axis] > 0 else _LETTERS[axis][::-1]
