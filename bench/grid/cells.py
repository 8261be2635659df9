"""A grid as values: steps, axes and the cells that they combine into."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.plugins import load, plugin_class
from data import ScangridError

AXES = ("sequences", "drop", "regions", "images", "encoders", "missing", "fusion", "tables", "balance", "heads")
DEFAULTS = {
    "regions": "whole",
    "images": "grayscale",
    "missing": "zeros",
    "fusion": "mean",
    "tables": "none",
    "balance": "none",
}
FLOORS = ("prior", "location", "presence")
JOINED = ("sequences", "images", "encoders")


class GridMisfitError(ScangridError):
    """A grid that does not fit its dataset, with what to do; `keys` lead to the place in the grid file."""

    def __init__(self, message: str, *keys: str) -> None:
        super().__init__(message)
        self.keys = keys


@dataclass(frozen=True)
class Step:
    """A plug-in by name with the fields that were given; or a chain or join of such steps in `parts`.

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
        if self.parts:
            return " + ".join(part.label() for part in self.parts)
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.fields)
        return f"{self.name}({shown})" if shown and self.name else shown or self.name

    def load(self, kind: str) -> Any:
        """The plug-in of a single step."""
        return load(kind, self.name, **dict(self.fields))


NONE = Step("-")
"""What stands on an axis that a cell does not use."""


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
    """How cells are split and seeded.

    Args:
        folds: Folds by patient.
        repeats: How often folds are drawn.
        seed: Of everything drawn.
        stratify: The target that folds are stratified on; None takes the grid's first.
        split: `"patients"`, `"official"` or a CSV file of folds.
        identical_images: What is done where one image stands under two patients: `"refuse"` or `"exclude"`.
        complete: Whether only samples count that have every sequence of the grid, so that all cells are on the same.
        threshold: Where class 1 of two is called: `"argmax"`, or `"youden"` or such as `"sensitivity=.9"`, chosen on
            inner folds; of more classes the most probable is called.
        drop: Shares of patients that lose sequences, at random, as steps of the axis `drop`.
    """

    folds: int = 5
    repeats: int = 1
    seed: int = 0
    stratify: str | None = None
    split: str = "patients"
    identical_images: str = "refuse"
    complete: bool = False
    threshold: str = "argmax"
    drop: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Family:
    """Cells that are compared with one reference, declared before anything is run.

    Args:
        family: The steps of some axes that its cells have, by axis; all cells where it is empty.
        against: `"location"`, `"prior"`, `"best"`, or the steps of some axes that tell one cell.
        metric: What is compared.
        margin: Differences within this are equivalence; None asks for no such test.
    """

    family: Mapping[str, str] = field(default_factory=dict)
    against: str | Mapping[str, str] = "location"
    metric: str = "auc"
    margin: float | None = None


@dataclass(frozen=True)
class Interval:
    """The cells that are refitted on draws of patients, so that their interval covers the whole procedure.

    Args:
        refit: How many draws; 0 for none.
        cells: The steps of some axes, by axis, that name cells.
    """

    refit: int = 0
    cells: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Grid:
    """A whole grid."""

    name: str
    data: Step
    targets: tuple[TargetChoice, ...]
    axes: Mapping[str, tuple[Step, ...]]
    protocol: Protocol
    exclude: tuple[Mapping[str, str], ...] = ()
    compare: tuple[Family, ...] = ()
    panels: int = 0
    interval: Interval = Interval()

    def cells(self, floors: Iterable[str] = FLOORS) -> Iterator[Cell]:
        """Every cell, floors first; a head that reads no embedding stands once a sequences value and target.

        `drop` and `missing` concern cells of several sequences alone, `missing` those whose fusion uses what is filled;
        `presence` stands where there are several sequences; `own` has no table and no balance, since it fits nothing.

        Args:
            floors: The heads that are added where the grid does not name them.
        """
        heads = {step: plugin_class("heads", step.name) for step in self.axes["heads"]}
        for name in floors:
            if not any(step.name == name for step in heads):
                heads[Step(name)] = plugin_class("heads", name)
        for target in [t.name for t in self.targets]:
            for head, cls in heads.items():
                if not cls.is_floor():
                    continue
                for sequences in self.axes["sequences"]:
                    if not cls.reads_presence:
                        yield Cell(floor_steps(sequences, head), target)
                    elif sequences.parts:
                        for drop in self.drops(sequences):
                            yield Cell(floor_steps(sequences, head) | {"drop": drop}, target)
            embedded = [head for head, cls in heads.items() if not cls.is_floor()]
            others = [self.axes[axis] for axis in AXES[2:-1]]
            for sequences in self.axes["sequences"]:
                for drop, *steps in itertools.product(self.drops(sequences), *others, embedded):
                    cell = Cell(dict(zip(AXES, (sequences, drop, *steps), strict=True)), target)
                    unused = self._unused(cell, heads)
                    if any(cell[axis] != self.axes[axis][0] for axis in unused):
                        continue
                    cell = Cell({**cell.steps, **dict.fromkeys(unused, NONE)}, target)
                    if not any(matches(cell, rule) for rule in self.exclude):
                        yield cell

    def _unused(self, cell: Cell, heads: Mapping[Step, Any]) -> list[str]:
        """The axes that a cell has no use for, so that it stands there once."""
        unused = []
        if not cell["sequences"].parts or not plugin_class("fusion", cell["fusion"].name).uses_filled:
            unused.append("missing")
        if heads[cell["heads"]].reads_own_probabilities:
            unused += ["tables", "balance"]
        return unused

    def labels(self, axis: str) -> list[str]:
        """What stands on an axis: the labels of its steps, or the targets."""
        if axis == "targets":
            return [target.name for target in self.targets]
        steps = self.axes.get(axis) or [drop for one in self.axes["sequences"] for drop in self.drops(one)]
        return list(dict.fromkeys("none" if step == NONE else step.label() for step in steps))

    def names(self, axis: str, name: str) -> bool:
        """Whether an axis has a step, or the targets one, of a name."""
        return name in self.labels(axis) or any(is_named(step, [name]) for step in self.axes.get(axis, ()))

    def drops(self, sequences: Step) -> list[Step]:
        """What is dropped from some sequences: the shares of those among them, each combination once."""
        if not sequences.parts:
            return [NONE]
        names = {part.name for part in sequences.each}
        found: dict[Step, None] = {}
        for drop in self.protocol.drop or (NONE,):
            rates = tuple((name, rate) for name, rate in drop.fields if name in names and rate)
            found[Step("", rates) if rates else NONE] = None
        return list(found)


def floor_steps(sequences: Step, head: Step) -> dict[str, Step]:
    """The steps of a cell whose head reads no embedding."""
    return dict.fromkeys(AXES, NONE) | {"sequences": sequences, "heads": head}


def is_named(step: Step, names: list[str]) -> bool:
    """Whether a step goes by one of some names: its label, or its name without fields."""
    bare = " + ".join(part.name for part in step.each)
    return step.label() in names or bare in names or (step == NONE and "none" in names)


def matches(cell: Cell, rule: Mapping[str, str]) -> bool:
    """Whether a cell is one of those that a rule of `exclude` or `interval` names."""
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
