"""The floors that the cells of a figure are compared with: each cell has its own, for its sequences and its region."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from results.figures.drawing.chosen import value
from results.run_folder import Run
from results.scores.labels import shorten
from results.scores.named import floor_for
from results.scores.records import NOTHING, Record

AXES = ("sequences", "regions", "drop")
MARKS = ("x", "+", "1", "2", "3", "4")
"""Marks of floors that differ between rows; they are thin, so that points of cells stay visible."""


@dataclass(frozen=True, eq=False)
class OwnFloors:
    """The floors of one name that some cells are compared with.

    Args:
        name: The name of their head.
        of: The floor of each cell, by the key of the cell.
        labels: What each floor reads, by its key, such as `PD + T2FS`; empty where all read the same.
        whole: Whether each of the cells has one; some may read other sequences than any floor of this name.
    """

    name: str
    of: dict[str, Record]
    labels: dict[str, str]
    whole: bool

    @property
    def distinct(self) -> list[Record]:
        """Each floor once."""
        found = {floor["key"]: floor for floor in self.of.values()}
        return [found[key] for key in self.labels if key in found]

    @property
    def shared(self) -> Record | None:
        """The floor of all cells; None where floors differ in what tables show of their AUC, or a cell has none."""
        return self.distinct[0] if self.whole and not self.varied else None

    @property
    def varied(self) -> bool:
        """Whether floors differ in what tables show of their AUC."""
        return len({value(floor) for floor in self.distinct}) > 1

    @property
    def span(self) -> str:
        """The AUC from the lowest to the highest: `0.60 to 0.91`."""
        values = sorted(self.distinct, key=lambda floor: _or_low(floor["auc"]))
        low, high = _auc(values[0]), _auc(values[-1])
        return low if low == high else f"{low} to {high}"

    @property
    def words(self) -> str:
        """The AUC of each floor: `0.60 (PD), 0.89 (T2FS)`, or that of the only one with its interval."""
        if (one := self.shared) is not None:
            return value(one)
        return ", ".join(f"{_auc(floor)} ({self.labels[floor['key']]})" for floor in self.distinct)

    def named(self, floor: Record) -> str:
        """The name of a floor, with what it reads where floors of this name differ in that: `location (PD)`."""
        label = self.labels.get(floor["key"], "")
        return f"{self.name} ({label})" if label else self.name


def own_floors(run: Run, cells: Sequence[Record], floors: Sequence[Record], name: str) -> OwnFloors | None:
    """The floors of a name that some cells of a target are compared with; None if there is none.

    Args:
        run: The run.
        cells: Records of cells of one target.
        floors: Records of its floors that are done.
        name: The name of a head, such as `pixels`.
    """
    records = {floor["key"]: floor for floor in floors}
    by_key = {cell.key: cell for cell in run.cells}
    done = [by_key[key] for key in records]
    found = {cell["key"]: floor_for(by_key[cell["key"]], done, name) for cell in cells}
    of = {key: records[floor.key] for key, floor in found.items() if floor is not None}
    if not of:
        return None
    same = [floor for floor in done if floor.head == name]
    whole = len(of) == len(cells)
    some = () if whole else ("sequences",)
    axes = [axis for axis in AXES if axis in some or len({floor.axes.get(axis) for floor in same}) > 1]
    short = {axis: shorten(floor.axes[axis] for floor in same) for axis in axes}
    labels = {
        floor.key: ", ".join(short[axis][floor.axes[axis]] for axis in axes if floor.axes[axis] not in NOTHING)
        for floor in same
    }
    return OwnFloors(name, of, labels, whole)


def differing(floors: Iterable[OwnFloors]) -> str:
    """The sentences of a caption on floors that differ between the cells shown, or that some lack; empty if none is."""
    apart = [own for own in floors if own.shared is None]
    found = [f"{own.name} {own.words}" for own in apart if own.varied]
    text = (
        f" Each cell has the floors of its own sequences and region, which differ: {'; '.join(found)}." if found else ""
    )
    for own in apart:
        if not own.whole:
            read = " or ".join(dict.fromkeys(str(floor["sequences"]) for floor in own.distinct))
            score = "" if own.varied else f", {value(own.distinct[0])}"
            text += f" Only cells with the sequences {read} have the floor {own.name}{score}."
    return text


def _auc(floor: Record) -> str:
    return value(floor).partition(" ")[0]


def _or_low(number: float) -> float:
    return number if np.isfinite(number) else -1.0
