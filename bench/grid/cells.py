"""Steps and the cells that they combine into."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.grid.axes import DEFAULTS, NAMES, names
from bench.plugins import load, plugin_class


@dataclass(frozen=True)
class Step:
    """A plug-in by name with the fields that the grid gives it, or a chain or join of such steps in `parts`.

    On the axis `drop` it has no name: its fields are the sequences and the shares of patients that lose them.
    """

    name: str
    fields: tuple[tuple[str, Any], ...] = ()
    parts: tuple[Step, ...] = ()

    @property
    def each(self) -> tuple[Step, ...]:
        """The single steps: the parts of a chain, or the step itself."""
        return self.parts or (self,)

    def label(self) -> str:
        """The step as a table shows it: `svc(kernel=linear)`, `grayscale + clahe`."""
        return self._written(in_key=False)

    def in_key(self) -> str:
        """The step as it is written in the key of a cell; stays as it is, so that keys do."""
        return self._written(in_key=True)

    def _written(self, *, in_key: bool) -> str:
        if self.parts:
            return " + ".join(part._written(in_key=in_key) for part in self.parts)
        shown = ", ".join(f"{name}={_shown(value, in_key=in_key)}" for name, value in self.fields)
        return f"{self.name}({shown})" if shown and self.name else shown or self.name

    def load(self, kind: str) -> Any:
        """The plug-in of a single step."""
        return load(kind, self.name, **dict(self.fields))


NONE = Step("-")
"""The step on an axis that a cell does not use."""


@dataclass(frozen=True)
class Cell:
    """One step for each axis and a target: everything that decides a result besides data and protocol."""

    steps: Mapping[str, Step]
    target: str

    def __getitem__(self, axis: str) -> Step:
        return self.steps[axis]

    def labels(self) -> dict[str, str]:
        """The label of every axis."""
        return {axis: self.steps[axis].label() for axis in NAMES}

    def title(self) -> str:
        """The cell in a few words: `svc on resnet50, narrowing`."""
        on = "" if self["encoders"] == NONE else f" on {self['encoders'].label()}"
        return f"{self['heads'].label()}{on}, {self.target}"

    def shown(self) -> dict[str, str]:
        """The label of every axis as tables show it: `none` where the cell does not use the axis.

        So are the steps that belong to a floor, which its name stands for.
        """
        own = plugin_class("heads", self.steps["heads"].name).features_by
        return {
            axis: "none" if self.steps[axis] == NONE or axis in own else label for axis, label in self.labels().items()
        }

    def own_labels(self) -> list[str]:
        """`axis: step` of every step that is used and is not its axis's default; these are in the cell's key.

        An axis that no cell uses is in no key, so that a new one leaves all keys as they were.
        """
        return [f"{axis}: {self.steps[axis].in_key()}" for axis in NAMES if not is_default(axis, self.steps[axis])]

    def of_samples(self) -> tuple[Step, ...]:
        """The steps that decide which samples the cell has and what is cut out of them."""
        return tuple(self.steps[axis] for axis in names("samples"))


def is_floor(cell: Cell) -> bool:
    """Whether the cell is one that others are compared with."""
    return bool(plugin_class("heads", cell["heads"].name).is_floor())


def is_default(axis: str, step: Step) -> bool:
    """Whether a cell's step on an axis is the axis's default, or the cell does not use the axis."""
    return step.label() in (NONE.name, DEFAULTS.get(axis))


def is_named(step: Step, wanted: list[str]) -> bool:
    """Whether one of the wanted names is the step's label, or its name without fields."""
    bare = " + ".join(part.name for part in step.each)
    return step.label() in wanted or bare in wanted or (step == NONE and "none" in wanted)


def read_rule(text: str) -> dict[str, str]:
    """Reads `axis=step,axis=step` as a rule; commas and signs inside brackets belong to a step.

    Raises:
        ValueError: A part is no step of an axis.
    """
    parts = [part.partition("=") for part in re.split(r",(?![^()]*\))", text) if part.strip()]
    for axis, equals, _ in parts:
        if not equals:
            raise ValueError(f"{axis.strip()}: expected axis=step, such as fusion=mean")
    return {axis.strip(): step.strip() for axis, _, step in parts}


def matches(cell: Cell, rule: Mapping[str, str]) -> bool:
    """Whether a rule of `exclude` or `interval` names a cell."""
    return all(
        cell.target == value if axis == "targets" else is_named(cell[axis], [value]) for axis, value in rule.items()
    )


def _shown(value: Any, *, in_key: bool, among: bool = False) -> str:
    """A value as a grid file spells it, a size as 24x32x32; a path is shown by its last part.

    A list among the values of a mapping is no size: it holds values to choose from, as in `tune`, and gets brackets.
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_shown(v, in_key=in_key, among=True)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple) and among and not in_key:
        return "[" + ", ".join(_shown(v, in_key=False, among=True) for v in value) + "]"
    if isinstance(value, list | tuple):
        return ("+" if any(isinstance(v, str) for v in value) else "x").join(str(v) for v in value)
    return str(value).rsplit("/", 1)[-1] if isinstance(value, str) else str(value)
