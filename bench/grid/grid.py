"""A grid as values: its data, targets, axes and protocol; and its cells.

`bench.grid.schema` describes every key of the file that it is read from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.grid.axes import DEFAULTS, NAMES, names
from bench.grid.cells import NONE, Cell, Step, is_named, matches
from bench.plugins import UnknownPluginError, find, plugin_class


@dataclass(frozen=True)
class TargetChoice:
    """A target by name, with the labels that are merged into others."""

    name: str
    merge: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """How cells are split and seeded: `schema.ProtocolKeys` as values; `drop` holds the steps of the axis `drop`."""

    folds: int = 5
    repeats: int = 1
    seed: int = 0
    stratify: str | None = None
    split: str = "patients"
    identical_images: str = "refuse"
    near_duplicates: str = "refuse"
    complete: bool = False
    threshold: str = "argmax"
    external_known: str = "refuse"
    external_ids: str = "shared"
    drop: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Family:
    """Cells that are compared with one reference, declared before anything is run: `schema.CompareKeys` as values."""

    family: Mapping[str, str] = field(default_factory=dict)
    against: str | Mapping[str, str] = "location"
    metric: str = "auc"
    margin: float | None = None


@dataclass(frozen=True)
class Interval:
    """The cells that are refitted on drawn patients: `schema.IntervalKeys` as values. `refit` is 0 for none."""

    refit: int = 0
    cells: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Grid:
    """A whole grid; `unknown` has the axis and the error of each entry that was left out for want of its plug-in."""

    name: str
    data: Step
    targets: tuple[TargetChoice, ...]
    axes: Mapping[str, tuple[Step, ...]]
    protocol: Protocol
    exclude: tuple[Mapping[str, str], ...] = ()
    compare: tuple[Family, ...] = ()
    panels: int = 0
    interval: Interval = Interval()
    external: Step | None = None
    unknown: tuple[tuple[str, UnknownPluginError], ...] = ()

    def cells(self, *, located: bool = True, clinical: bool = False) -> Iterator[Cell]:
        """Every cell, floors first. A floor has one cell for each target and choice of sequences.

        A floor that reads images has one for each region and drop too. Only cells of several sequences use `drop` and
        `missing`; `missing` also needs a fusion that uses filled ones. A head that reads which sequences are present
        has cells only with several sequences. A head that reads the encoder's own probabilities uses no table and no
        balance, since it fits nothing.

        Args:
            located: Whether the dataset locates its samples; if not, no floor that reads locations is added.
            clinical: Whether the dataset has clinical columns; if not, no floor that reads them is added.
        """
        heads = {step: plugin_class("heads", step.name) for step in self.axes["heads"]}
        for name, cls in floors().items():
            lacking = (cls.reads_locations and not located) or (cls.reads_clinical and not clinical)
            if not lacking and not any(step.name == name for step in heads):
                heads[Step(name)] = cls
        embedded = [head for head, cls in heads.items() if not cls.is_floor()]
        for target in [t.name for t in self.targets]:
            yield from self._floor_cells(target, {step: cls for step, cls in heads.items() if step not in embedded})
            for sequences in self.axes["sequences"]:
                yield from self._embedded_cells(target, sequences, {step: heads[step] for step in embedded})

    def _floor_cells(self, target: str, heads: Mapping[Step, Any]) -> Iterator[Cell]:
        """The cells of floors; of several sequences, one that reads images or presence has a cell for each drop."""
        for head, cls in heads.items():
            made = {axis: Step(name, tuple(fields.items())) for axis, (name, fields) in cls.features_by.items()}
            for sequences in self.axes["sequences"]:
                if cls.reads_presence and not sequences.parts:
                    continue
                steps = dict.fromkeys(NAMES, NONE) | made | {"sequences": sequences, "heads": head}
                regions = [NONE]
                if cls.reads_images():
                    steps["images"], regions = self.axes["images"][0], list(self.axes["regions"])
                    steps["tables"] = Step(DEFAULTS["tables"])
                    if not sequences.parts:
                        steps["missing"] = NONE
                several = cls.reads_images() or cls.reads_presence
                for drop in self.drops(sequences) if several else [NONE]:
                    for region in regions:
                        yield Cell(steps | {"drop": drop, "regions": region}, target)

    def _embedded_cells(self, target: str, sequences: Step, heads: Mapping[Step, Any]) -> Iterator[Cell]:
        """The cells of the heads that read an embedding of these sequences."""
        crossed = [axis for axis in NAMES if axis not in ("sequences", "drop", "heads")]
        choices = [self.drops(sequences), *(self.axes[axis] for axis in crossed), list(heads)]
        for chosen in itertools.product(*choices):
            steps = dict(zip(("drop", *crossed, "heads"), chosen, strict=True)) | {"sequences": sequences}
            cell = Cell({axis: steps[axis] for axis in NAMES}, target)
            unused = _unused(cell, heads[cell["heads"]])
            if any(cell[axis] != self.axes[axis][0] for axis in unused):
                continue
            cell = Cell({**cell.steps, **dict.fromkeys(unused, NONE)}, target)
            if not any(matches(cell, rule) for rule in self.exclude):
                yield cell

    def labels(self, axis: str) -> list[str]:
        """The labels of the steps on an axis, or the names of the targets."""
        if axis == "targets":
            return [target.name for target in self.targets]
        steps = self.axes.get(axis) or [drop for one in self.axes["sequences"] for drop in self.drops(one)]
        return list(dict.fromkeys("none" if step == NONE else step.label() for step in steps))

    def names(self, axis: str, name: str) -> bool:
        """Whether an axis has a step of this name, or `targets` a target."""
        return name in self.labels(axis) or any(is_named(step, [name]) for step in self.axes.get(axis, ()))

    def drops(self, sequences: Step) -> list[Step]:
        """The drop steps of a cell of these sequences: each combination of the shares of its sequences, once."""
        if not sequences.parts:
            return [NONE]
        known = {part.name for part in sequences.each}
        found: dict[Step, None] = {}
        for drop in self.protocol.drop or (NONE,):
            rates = tuple((name, rate) for name, rate in drop.fields if name in known and rate)
            found[Step("", rates) if rates else NONE] = None
        return list(found)


def floors() -> dict[str, Any]:
    """The heads that every grid has, by name, in the order that they declare."""
    heads = {name: plugin_class("heads", name) for name in find("heads")}
    always = [(name, cls) for name, cls in heads.items() if cls.in_every_grid is not None]
    return dict(sorted(always, key=lambda one: int(one[1].in_every_grid)))


def reads(head: Any) -> str:
    """What a head reads, as `RunCell.reads` lists it; a floor that makes its own embedding reads `pixels`."""
    kinds = {
        "pixels": head.reads_images() and head.is_floor(),
        "embedding": head.reads_embedding,
        "own probabilities": head.reads_own_probabilities,
        "locations": head.reads_locations,
        "presence": head.reads_presence,
        "clinical": head.reads_clinical,
    }
    return next((kind for kind, read in kinds.items() if read), "nothing")


def _unused(cell: Cell, head: Any) -> list[str]:
    """The axes that make no difference to a cell, so that the grid has it only once."""
    unused = []
    if not cell["sequences"].parts or not plugin_class("fusion", cell["fusion"].name).uses_filled:
        unused.append("missing")
    if head.reads_own_probabilities:
        unused += [axis for axis in names("fit") if axis != "heads"]
    return unused
