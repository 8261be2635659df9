"""Reads and checks a grid file (YAML 1.2); every error message names the line at fault."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bench.grid.axes import LISTED, NAMES
from bench.grid.cells import Step, matches
from bench.grid.grid import Family, Grid, Interval, Protocol, TargetChoice, floors
from bench.grid.misfit import check_sequences, check_targets
from bench.grid.schema import CompareKeys, GridFile, IntervalKeys, ProtocolKeys
from bench.grid.steps import axis_steps, drop_steps, plugin_steps
from bench.grid.tree import GridError, GridTree, read_mapping
from bench.grid.values import plain
from bench.plugins import UnknownPluginError
from data import ScangridError
from data.text.file_names import LONGEST_NAME, file_name
from data.text.names import nearest
from heads.fitting.class_weights import RULES
from heads.fitting.thresholds import ARGMAX, wanted_sensitivity
from results.statistics.metrics import METRICS

MOST_CELLS = 100_000
_OF_TYPE = re.compile(r"(str|dict\[.*\]|literal\[.*\])$")  # what pydantic adds to the place of an error in a union


def read_grid(source: Path | Mapping[str, Any], settings: list[str] | None = None, *, known_only: bool = False) -> Grid:
    """The grid of a file.

    Args:
        source: The YAML file, or a mapping with the keys of one.
        settings: `key=value` pairs that replace values, such as `protocol.folds=3`; values are YAML.
        known_only: Leaves out entries whose plug-in is not here, for a grid that was run with it; see `axis_steps`.

    Raises:
        GridError: The file, the line, the key and the nearest valid one.
    """
    tree = GridTree(source, settings or [])
    try:
        model = GridFile.model_validate(plain(tree.tree))
    except ValidationError as error:
        raise _explained(tree, error) from error
    unknown: list[tuple[str, UnknownPluginError]] = []
    axes = {axis.name: axis_steps(tree, axis, unknown if known_only else None) for axis in LISTED}
    drop = tuple(drop_steps(tree, model.protocol.drop, axes["sequences"]))
    _check_name(tree, model.name or tree.path.stem)
    _check_threshold(tree, model.protocol.threshold)
    if (n := len(model.targets) * math.prod(map(len, axes.values()))) > MOST_CELLS:
        raise GridError(f"{tree.path}: has {n} cells, more than {MOST_CELLS}: list fewer steps, or run it in parts")
    grid = Grid(
        name=model.name or tree.path.stem,
        data=_dataset(tree, "data", model.data),
        targets=_targets(tree, model.targets),
        axes=axes,
        protocol=Protocol(**model.protocol.model_dump() | {"drop": drop}),
        exclude=tuple(model.exclude),
        panels=model.panels,
        compare=tuple(Family(**family.model_dump()) for family in model.compare),
        interval=Interval(model.interval.refit, tuple(model.interval.cells)) if model.interval else Interval(),
        external=_dataset(tree, "external", model.external) if model.external is not None else None,
        unknown=tuple(unknown),
    )
    if unknown:
        return grid  # the run has checked the rules, which may name what was left out
    try:
        _check_rules(tree, grid)
    except GridError:
        _check_dataset(grid)  # a rule may be right where a list of the grid names what the dataset lacks
        raise
    return grid


def read_data(source: str | Mapping[str, Any], called: str = "--data") -> Step:
    """A dataset with its fields, given as the value of a grid's key `data`.

    Args:
        source: Such as `spider: {folder: scans}`, as YAML text or as a mapping.
        called: What messages call it.

    Raises:
        GridError: There is no such dataset or field; the message names the nearest.
    """
    data = read_mapping(source, called) if isinstance(source, str) else source
    tree = GridTree({"data": data}, [], called)
    return _dataset(tree, "data", plain(data))


def _dataset(tree: GridTree, key: str, data: Mapping[str, Any]) -> Step:
    """The dataset that a key of the grid names."""
    named = list(data.items())
    if len(named) != 1 or not isinstance(named[0][1] or {}, dict):
        raise tree.error((key,), "must name one dataset with its fields, such as `spider: {folder: ...}`")
    name, fields = named[0]
    return plugin_steps(tree, "data", name, fields or {}, (key, name), single=True)[0]


def _check_name(tree: GridTree, name: str) -> None:
    """Demands a name that a folder below runs/ can have."""
    odd = any(sign in "/\\" or ord(sign) < 32 or "\ud800" <= sign <= "\udfff" for sign in name)
    long = len(name.encode(errors="surrogatepass")) > LONGEST_NAME
    if odd or long or name.strip(" .") != name or name.startswith("-"):
        short = f"{name[:40]} ..." if len(name) > 50 else name
        why = (
            f"({short!r}) names a folder below runs/: it must be one name of at most {LONGEST_NAME} bytes, without '/',"
        )
        raise tree.error(("name",), f"{why} with no dot or blank at its ends: use '{file_name(name)}'")


def _check_threshold(tree: GridTree, threshold: str) -> None:
    if threshold not in (ARGMAX, *RULES):
        try:
            wanted_sensitivity(threshold)
        except ValueError as error:
            raise tree.error(("protocol", "threshold"), str(error)) from error


def _check_rules(tree: GridTree, grid: Grid) -> None:
    """Checks that the grid has what `exclude`, `interval` and `compare` name."""
    for i, rule in enumerate(grid.exclude):
        _check_named(tree, grid, rule, ("exclude", i))
    for i, named in enumerate(grid.interval.cells):
        _check_named(tree, grid, named, ("interval", "cells", i))
        if not any(matches(cell, named) for cell in grid.cells()):
            raise tree.error(("interval", "cells", i), f"names no cell of the grid: {dict(named)}")
    for i, family in enumerate(grid.compare):
        _check_named(tree, grid, family.family, ("compare", i, "family"))
        if not isinstance(family.against, str):
            _check_named(tree, grid, family.against, ("compare", i, "against"))
            _check_one(tree, grid, family, ("compare", i, "against"))
        elif family.against not in (references := (*floors(), "best")):
            why = f"({family.against}) must be one of {', '.join(references)}, or the steps of one cell, by axis"
            raise tree.error(("compare", i, "against"), why)
        if family.metric not in METRICS:
            why = f"is no metric{nearest(family.metric, list(METRICS))}"
            raise tree.error(("compare", i, "metric"), why)


def _check_dataset(grid: Grid) -> None:
    """Checks that the dataset, if it can be opened, has the sequences and the targets that the grid lists."""
    try:
        dataset = grid.data.load("data")
        sequences, targets = list(dataset.sequences), [one.name for one in dataset.targets()]
    except ScangridError:
        return
    check_sequences(grid, sequences)
    check_targets([one.name for one in grid.targets], targets)


def _check_one(tree: GridTree, grid: Grid, family: Family, loc: tuple[Any, ...]) -> None:
    """Checks that the steps of a reference name one cell of each target of its family; exact labels come first."""
    assert not isinstance(family.against, str)
    if "targets" in family.against:
        raise tree.error(
            (*loc, "targets"), "is no step of a reference: a family names its target, family: {targets: ...}"
        )
    for target in [family.family["targets"]] if "targets" in family.family else [one.name for one in grid.targets]:
        cells = [cell for cell in grid.cells() if cell.target == target and matches(cell, family.against)]
        exactly = [cell for cell in cells if all(cell[axis].label() == name for axis, name in family.against.items())]
        found = [cell.shown() for cell in exactly or cells]
        if len(found) != 1:
            why = _differing(found) if found else _without_one_step(grid, target, family.against)
            raise tree.error(loc, f"must name one cell of {target}, and names {len(found) or 'none'}{why}")


def _differing(found: list[dict[str, str]]) -> str:
    """On which axes the cells that a reference names differ."""
    axes = [axis for axis in NAMES if len({labels[axis] for labels in found}) > 1]
    which = "; ".join(", ".join(f"{axis}: {labels[axis]}" for axis in axes) for labels in found[:6])
    return f", which differ in {which}{' ...' if len(found) > 6 else ''}"


def _without_one_step(grid: Grid, target: str, steps: Mapping[str, str]) -> str:
    """How many cells a reference that names none would name without one of its steps."""
    cells = [cell for cell in grid.cells() if cell.target == target]
    without = {axis: {name: step for name, step in steps.items() if name != axis} for axis in steps if len(steps) > 1}
    fewer = {axis: sum(matches(cell, rest) for cell in cells) for axis, rest in without.items()}
    named = [f"without {axis}: {steps[axis]} it names {n}" for axis, n in fewer.items() if n]
    return f"; {', '.join(named)}" if named else ""


def _check_named(tree: GridTree, grid: Grid, steps: Mapping[str, str], loc: tuple[Any, ...]) -> None:
    """Checks that the grid has the steps that a rule names, by axis."""
    for axis, value in steps.items():
        if axis not in (*NAMES, "targets"):
            raise tree.error((*loc, axis), f"is no axis{nearest(axis, [*NAMES, 'targets'])}")
        if not grid.names(axis, value):
            why = f"names '{value}', which the grid does not have{nearest(value, grid.labels(axis))}"
            raise tree.error((*loc, axis), why)


def _targets(tree: GridTree, entries: list[str | dict[str, Any]]) -> tuple[TargetChoice, ...]:
    found: list[TargetChoice] = []
    for i, entry in enumerate(entries):
        for name, fields in ((entry, {}),) if isinstance(entry, str) else entry.items():
            for key in fields or {}:
                if key != "merge":
                    raise tree.error(("targets", i, name, key), "is no field of a target: the only field is merge")
            merge = (fields or {}).get("merge", {})
            if not isinstance(merge, dict):
                raise tree.error(("targets", i, name, "merge"), "must map labels to labels, such as {2: 1, 3: 1}")
            if name in (one.name for one in found):
                raise tree.error(("targets", i), f"names '{name}' twice")
            found.append(TargetChoice(name, {str(a): str(b) for a, b in merge.items()}))
    return tuple(found)


def _explained(tree: GridTree, error: ValidationError) -> GridError:
    """The first error of a file, in words."""
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    loc = tuple(part for part in first["loc"] if not (isinstance(part, str) and _OF_TYPE.match(part)))
    if first["type"] == "extra_forbidden":
        models: dict[Any, type[BaseModel]] = {
            "protocol": ProtocolKeys,
            "compare": CompareKeys,
            "interval": IntervalKeys,
        }
        model = models.get(loc[0], GridFile)
        return tree.error(loc, f"is no key of a grid{nearest(str(loc[-1]), list(model.model_fields))}")
    if first["type"] == "missing":
        named = ": name sequences of the dataset, such as [t2]; a sequence without a name is called [image]"
        return tree.error(loc, "is missing" + (named if loc == ("sequences",) else ""))
    if first["type"] == "too_short":
        return tree.error(loc, "is empty: name at least one")
    if first["type"] == "list_type" and isinstance(first["input"], str):
        return tree.error(loc, f"must be a list: write {loc[-1]}: [{first['input']}]")
    return tree.error(loc, f"{first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}")
