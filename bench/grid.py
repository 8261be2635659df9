"""A grid as values: steps, axes and the cells that they combine into."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.plugins import load, plugin_class

AXES = ("sequences", "regions", "images", "encoders", "missing", "fusion", "tables", "balance", "heads")
DEFAULTS = {
    "regions": "whole",
    "images": "grayscale",
    "missing": "zeros",
    "fusion": "mean",
    "tables": "none",
    "balance": "none",
}
FLOORS = ("prior", "location")
JOINED = ("sequences", "images", "encoders")


@dataclass(frozen=True)
class Step:
    """A plug-in by name with the fields that were given; or a chain or join of such steps in `parts`."""

    name: str
    fields: tuple[tuple[str, Any], ...] = ()
    parts: tuple[Step, ...] = ()

    @property
    def each(self) -> tuple[Step, ...]:
        """The single steps: the parts of a chain, or the step itself."""
        return self.parts or (self,)

    def label(self) -> str:
        """The step as a table shows it: `svc(kernel=linear)`, `grayscale + clahe`."""
        if self.parts:
            return " + ".join(part.label() for part in self.parts)
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.fields)
        return f"{self.name}({shown})" if shown else self.name

    def load(self, kind: str) -> Any:
        """The plug-in of a single step."""
        return load(kind, self.name, **dict(self.fields))


@dataclass(frozen=True)
class Cell:
    """One step an axis and a target: everything that decides a result besides data and protocol."""

    steps: Mapping[str, Step]
    target: str

    def __getitem__(self, axis: str) -> Step:
        return self.steps[axis]

    def labels(self) -> dict[str, str]:
        """The label of every axis."""
        return {axis: self.steps[axis].label() for axis in AXES}


@dataclass(frozen=True)
class TargetChoice:
    """A target by name and the labels that are merged into others."""

    name: str
    merge: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """How cells are split and seeded."""

    folds: int = 5
    repeats: int = 1
    seed: int = 0
    stratify: str | None = None
    split: str = "patients"
    identical_images: str = "refuse"


@dataclass(frozen=True)
class Grid:
    """A whole grid."""

    name: str
    data: Step
    targets: tuple[TargetChoice, ...]
    axes: Mapping[str, tuple[Step, ...]]
    protocol: Protocol
    exclude: tuple[Mapping[str, str], ...] = ()

    def cells(self, floors: Iterable[str] = FLOORS) -> Iterator[Cell]:
        """Every cell, floors first; a head that reads no embedding stands once a sequences value and target.

        Args:
            floors: The heads that are added where the grid does not name them.
        """
        heads = {step: plugin_class("heads", step.name) for step in self.axes["heads"]}
        for name in floors:
            if not any(step.name == name for step in heads):
                heads[Step(name)] = plugin_class("heads", name)
        for target in [t.name for t in self.targets]:
            for head, cls in heads.items():
                if cls.features != "all":
                    for sequences in self.axes["sequences"]:
                        yield Cell(floor_steps(sequences, head), target)
            embedded = [head for head, cls in heads.items() if cls.features == "all"]
            others = [self.axes[axis] for axis in AXES[:-1]]
            for steps in itertools.product(*others, embedded):
                cell = Cell(dict(zip(AXES, steps, strict=True)), target)
                if not any(matches(cell, rule) for rule in self.exclude):
                    yield cell


def floor_steps(sequences: Step, head: Step) -> dict[str, Step]:
    """The steps of a cell whose head reads no embedding."""
    return {axis: Step("-") for axis in AXES} | {"sequences": sequences, "heads": head}


def is_named(step: Step, names: list[str]) -> bool:
    """Whether a step goes by one of some names: its label, or its name without fields."""
    bare = " + ".join(part.name for part in step.each)
    return step.label() in names or bare in names


def matches(cell: Cell, rule: Mapping[str, str]) -> bool:
    """Whether a cell is one of those that a rule of `exclude` names."""
    return all(
        cell.target == value if axis == "targets" else is_named(cell[axis], [value]) for axis, value in rule.items()
    )


def _shown(value: Any) -> str:
    """A value as a grid file spells it; of a path its last part."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "x".join(str(v) for v in value)
    return str(value).rsplit("/", 1)[-1] if isinstance(value, str) else str(value)
