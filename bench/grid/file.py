"""Reads a grid file: YAML 1.2, checked, with the line of what is wrong in every message."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bench.grid.cells import AXES, DEFAULTS, JOINED, Family, Grid, Interval, Protocol, Step, TargetChoice, matches
from bench.grid.values import default, fits, frozen, is_one_value, plain
from bench.plugins import PluginError, nearest, plugin_class
from data import ScangridError
from heads.fitting.thresholds import ARGMAX, wanted_sensitivity
from results.statistics.metrics import METRICS


class GridError(ScangridError):
    """A grid that can't be read: the file, the line, the key and what would be right."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Protocol(_Strict):
    folds: int = Field(5, ge=2)
    repeats: int = Field(1, ge=1)
    seed: int = Field(0, ge=0)
    stratify: str | None = None
    split: str = "patients"
    identical_images: Literal["refuse", "exclude"] = "refuse"
    complete: bool = False
    threshold: str = "argmax"
    drop: dict[str, list[Annotated[float, Field(ge=0, lt=1, strict=False)]]] = Field(default_factory=dict)


class _Interval(_Strict):
    refit: int = Field(ge=2)
    cells: list[dict[str, str]] = Field(min_length=1)


class _Family(_Strict):
    family: dict[str, str] = Field(default_factory=dict)
    against: Literal["location", "prior", "best"] | dict[str, str] = "location"
    metric: str = "auc"
    margin: float | None = Field(None, gt=0, strict=False)


_OF_TYPE = re.compile(r"(str|dict\[.*\]|literal\[.*\])$")  # what pydantic adds to the place of an error in a union
_Entry = str | dict[str, Any]


class _Grid(_Strict):
    name: str | None = None
    data: dict[str, dict[str, Any] | None]
    targets: list[_Entry] = Field(min_length=1)
    sequences: list[_Entry] = Field(min_length=1)
    regions: list[_Entry] = Field([DEFAULTS["regions"]], min_length=1)
    images: list[_Entry] = Field([DEFAULTS["images"]], min_length=1)
    encoders: list[_Entry] = Field(min_length=1)
    missing: list[_Entry] = Field([DEFAULTS["missing"]], min_length=1)
    fusion: list[_Entry] = Field([DEFAULTS["fusion"]], min_length=1)
    tables: list[_Entry] = Field([DEFAULTS["tables"]], min_length=1)
    balance: list[_Entry] = Field([DEFAULTS["balance"]], min_length=1)
    heads: list[_Entry] = Field(min_length=1)
    protocol: _Protocol = Field(default_factory=lambda: _Protocol.model_validate({}))
    exclude: list[dict[str, str]] = []
    compare: list[_Family] = []
    panels: int = Field(0, ge=0)
    interval: _Interval | None = None


def read_grid(source: Path | Mapping[str, Any], settings: list[str] | None = None) -> Grid:
    """The grid of a file.

    Args:
        source: The YAML file, or a mapping with the keys of one.
        settings: `key=value` pairs that replace values, such as `protocol.folds=3`; values are YAML.

    Raises:
        GridError: The file, the line, the key and the nearest valid one.
    """
    return _Reader(source, settings or []).grid()


def place(source: Path | Mapping[str, Any], settings: list[str], loc: tuple[Any, ...]) -> str:
    """The file, and the line of a key of it."""
    return _Reader(source, settings).place(loc)


def read_fields(settings: list[str]) -> dict[str, Any]:
    """`field=value` pairs, values as YAML."""
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, _ in pairs:
        if not equals:
            raise GridError(f"--set {name}: expected field=value, such as size=32")
    return {name.strip(): frozen(YAML(typ="safe").load(value)) for name, _, value in pairs}


class _Reader:
    def __init__(self, source: Path | Mapping[str, Any], settings: list[str]) -> None:
        self.path = path = source if isinstance(source, Path) else Path("grid")
        try:
            tree = YAML(typ="rt").load(_expanded(source)) if isinstance(source, Path) else plain(source)
        except OSError as error:
            raise GridError(f"cannot read the grid file {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise GridError(f"{path}: is not text: a grid is YAML, and names its table of images") from error
        except YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f":{mark.line + 1}" if mark else ""
            raise GridError(f"{path}{where}: not YAML: {getattr(error, 'problem', error)}") from error
        if not isinstance(tree, dict):
            raise GridError(f"{path}: a grid file is a mapping with keys such as data, targets, encoders, heads")
        for setting in settings:
            self._set(tree, setting)
        self.tree = tree

    def grid(self) -> Grid:
        try:
            model = _Grid.model_validate(plain(self.tree))
        except ValidationError as error:
            raise self._explain(error) from error
        data = list(model.data.items())
        if len(data) != 1:
            raise self._error(("data",), "names one dataset with its fields, such as `spider: {folder: ...}`")
        axes = {axis: tuple(self._axis(axis)) for axis in AXES if axis != "drop"}
        drop = tuple(self._drops(model.protocol.drop, axes["sequences"]))
        for axis, steps in axes.items():
            twice = [s.label() for s in steps if steps.count(s) > 1]
            if twice:
                raise self._error((axis,), f"names '{twice[0]}' twice")
        name, fields = data[0]
        if "/" in (model.name or ""):
            raise self._error(("name",), "is a folder's name below runs/, so it has no '/'")
        if model.protocol.threshold != ARGMAX:
            try:
                wanted_sensitivity(model.protocol.threshold)
            except ValueError as error:
                raise self._error(("protocol", "threshold"), str(error)) from error
        grid = Grid(
            name=model.name or self.path.stem,
            data=self._step("data", name, fields or {}, ("data", name), single=True)[0],
            targets=tuple(self._targets()),
            axes=axes,
            protocol=Protocol(**model.protocol.model_dump() | {"drop": drop}),
            exclude=tuple(model.exclude),
            panels=model.panels,
            compare=tuple(Family(**family.model_dump()) for family in model.compare),
            interval=Interval(model.interval.refit, tuple(model.interval.cells)) if model.interval else Interval(),
        )
        for i, rule in enumerate(model.exclude):
            self._check_named(grid, rule, ("exclude", i))
        for i, named in enumerate(grid.interval.cells):
            self._check_named(grid, named, ("interval", "cells", i))
            if not any(matches(cell, named) for cell in grid.cells()):
                raise self._error(("interval", "cells", i), f"names no cell of the grid: {dict(named)}")
        for i, family in enumerate(model.compare):
            self._check_named(grid, family.family, ("compare", i, "family"))
            if isinstance(family.against, dict):
                self._check_named(grid, family.against, ("compare", i, "against"))
            if family.metric not in METRICS:
                why = f"is no metric{nearest(family.metric, list(METRICS))}"
                raise self._error(("compare", i, "metric"), why)
        return grid

    def _check_named(self, grid: Grid, steps: Mapping[str, str], loc: tuple[Any, ...]) -> None:
        """Steps by axis, as a rule names them, are of the grid."""
        for axis, value in steps.items():
            if axis not in (*AXES, "targets"):
                raise self._error((*loc, axis), f"is no axis{nearest(axis, [*AXES, 'targets'])}")
            if not grid.names(axis, value):
                why = f"names '{value}', which the grid has not{nearest(value, grid.labels(axis))}"
                raise self._error((*loc, axis), why)

    def _axis(self, axis: str) -> Iterator[Step]:
        entries = plain(self.tree).get(axis) or [DEFAULTS[axis]]
        for i, entry in enumerate(entries):
            named = [(entry, {})] if isinstance(entry, str) else [(k, v or {}) for k, v in entry.items()]
            for name, fields in named:
                loc = (axis, i) if isinstance(entry, str) else (axis, i, name)
                if not isinstance(fields, dict):
                    raise self._error(loc, "takes a mapping of fields, such as `mask: {slices: 3}`")
                yield from self._joined(axis, name, fields, loc)

    def _drops(self, drop: dict[str, list[float]], sequences: tuple[Step, ...]) -> Iterator[Step]:
        """Every combination of the shares that `protocol.drop` gives."""
        known = dict.fromkeys(part.name for step in sequences for part in step.parts)
        for name, rates in drop.items():
            if name not in known:
                why = f"is no sequence of a cell with several{nearest(name, list(known))}"
                raise self._error(("protocol", "drop", name), why)
            if not rates:
                raise self._error(("protocol", "drop", name), "lists shares of patients, such as [0, 0.3, 0.6]")
        for chosen in itertools.product(*drop.values()) if drop else ():
            yield Step("", tuple(zip(drop, chosen, strict=True)))

    def _joined(self, axis: str, name: str, fields: dict[str, Any], loc: tuple[Any, ...]) -> Iterator[Step]:
        """The steps of an entry that may chain or join several names with `+`."""
        names = [part.strip() for part in name.split("+")]
        if axis == "sequences":
            parts = tuple(Step(part) for part in names)
            yield parts[0] if len(parts) == 1 else Step("+", parts=parts)
            return
        if len(names) == 1:
            yield from self._step(axis, name, fields, loc)
            return
        if axis not in JOINED:
            raise self._error(loc, f"joins with '+', which only {', '.join(JOINED)} do")
        for part in fields:
            if part not in names:
                raise self._error((*loc, part), f"is no part of '{name}'{nearest(part, names)}")
        each = [self._step(axis, part, fields.get(part) or {}, (*loc, part)) for part in names]
        for chosen in itertools.product(*each):
            yield Step("+", parts=chosen)

    def _step(
        self, kind: str, name: str, fields: dict[str, Any], loc: tuple[Any, ...], *, single: bool = False
    ) -> list[Step]:
        """A plug-in with its fields; a list of values for a field gives a step each."""
        try:
            known = {f.name: f for f in dataclasses.fields(plugin_class(kind, name))}
        except PluginError as error:
            raise self._error(loc, str(error), bare=True) from error
        choices: list[list[tuple[str, Any]]] = []
        for key, value in fields.items():
            if key not in known:
                raise self._error((*loc, key), f"is no field of {name}{nearest(key, list(known))}")
            usual = None if known[key].type == "Any" else default(known[key])
            whole = single or not isinstance(value, list) or is_one_value(value, usual)
            values = [value] if whole else value
            for one in values:
                if not fits(one, usual):
                    wanted = type(usual).__name__
                    raise self._error((*loc, key), f"must be {wanted} like its default {usual!r}, not {one!r}")
            choices.append([(key, frozen(v)) for v in values])
        steps = [Step(name, fields=chosen) for chosen in itertools.product(*choices)]
        for step in steps:
            try:
                step.load(kind)
            except PluginError as error:
                raise self._error(loc, str(error), bare=True) from error
        return steps

    def _targets(self) -> Iterator[TargetChoice]:
        for i, entry in enumerate(plain(self.tree)["targets"]):
            if isinstance(entry, str):
                yield TargetChoice(entry)
                continue
            for name, fields in entry.items():
                for key in fields or {}:
                    if key != "merge":
                        raise self._error(("targets", i, name, key), "is no field of a target: there is merge")
                merge = (fields or {}).get("merge", {})
                if not isinstance(merge, dict):
                    raise self._error(("targets", i, name, "merge"), "maps labels to labels, such as {2: 1, 3: 1}")
                yield TargetChoice(name, {str(a): str(b) for a, b in merge.items()})

    def _set(self, tree: Any, setting: str) -> None:
        name, equals, text = setting.partition("=")
        if not equals:
            raise GridError(f"--set {setting}: expected key=value, such as protocol.folds=3")
        *parents, last = name.strip().split(".")
        for parent in parents:
            if not isinstance(tree.setdefault(parent, {}), dict):
                raise GridError(f"--set {setting}: '{parent}' is a list: set it whole")
            tree = tree[parent]
        tree[last] = YAML(typ="safe").load(text)

    def _explain(self, error: ValidationError) -> GridError:
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        loc = tuple(part for part in first["loc"] if not (isinstance(part, str) and _OF_TYPE.match(part)))
        if first["type"] == "extra_forbidden":
            models: dict[Any, type[BaseModel]] = {"protocol": _Protocol, "compare": _Family, "interval": _Interval}
            model = models.get(loc[0], _Grid)
            return self._error(loc, f"is no key of a grid{nearest(str(loc[-1]), list(model.model_fields))}")
        if first["type"] == "missing":
            named = ": name those of the dataset, such as [t2]; one without a name is called [image]"
            return self._error(loc, "is missing" + (named if loc == ("sequences",) else ""))
        if first["type"] == "too_short":
            return self._error(loc, "lists nothing: name at least one")
        return self._error(loc, f"{first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}")

    def _error(self, loc: tuple[Any, ...], message: str, *, bare: bool = False) -> GridError:
        """An error with the nearest line known on the way to a key."""
        name = ".".join(str(part) for part in loc)
        return GridError(f"{self.place(loc)}: {name}: {message}" if bare else f"{self.place(loc)}: '{name}' {message}")

    def place(self, loc: tuple[Any, ...]) -> str:
        """The file, with the nearest line known on the way to a key."""
        node: Any = self.tree
        line = None
        for part in loc:
            if isinstance(node, list) and isinstance(part, str):
                part = next((i for i, e in enumerate(node) if e == part or (isinstance(e, dict) and part in e)), part)
            try:
                marks: Any = getattr(node, "lc")  # noqa: B009 (ruamel's mark of line and column)
                line = marks.key(part)[0] if isinstance(node, Mapping) else marks.item(part)[0]
                node = node[part]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return f"{self.path}:{line + 1}" if line is not None else str(self.path)


def _expanded(path: Path) -> str:
    """The text of a grid file with `${NAME}` replaced by environment variables, line by line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith("#"):
            continue
        for name in re.findall(r"\$\{(\w+)\}", line):
            if name not in os.environ:
                raise GridError(f"{path}:{number + 1}: needs the environment variable {name}, which is not set")
            line = line.replace(f"${{{name}}}", os.environ[name])
        lines[number] = line
    return "\n".join(lines) + "\n"
