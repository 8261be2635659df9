"""Reads the steps of an axis: names, fields, lists of values, chains and joins with `+`."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

from bench.fields import fault
from bench.grid.axes import AXES, Axis
from bench.grid.cells import Step
from bench.grid.tree import GridError, GridTree
from bench.grid.values import default, frozen, is_one_value, plain
from bench.plugins import PluginError, UnknownPluginError, plugin_class
from data.text.names import nearest

MOST_STEPS = 10_000


def axis_steps(tree: GridTree, axis: Axis, unknown: list[tuple[str, UnknownPluginError]] | None) -> tuple[Step, ...]:
    """The steps that a grid file lists on an axis; if it lists none, the axis's default.

    Args:
        tree: The grid file.
        axis: The axis.
        unknown: Takes the axis and the error of each entry whose plug-in is not here, which is left out; None if that
            is an error. An entry that decides on samples is never left out, since other cells depend on it.

    Raises:
        GridError: An entry that is no step of the axis, or one that is listed twice.
    """
    steps: list[Step] = []
    for i, entry in enumerate(plain(tree.tree).get(axis.name) or [axis.default]):
        named = [(entry, {})] if isinstance(entry, str) else [(k, v or {}) for k, v in entry.items()]
        for name, fields in named:
            loc = (axis.name, i) if isinstance(entry, str) else (axis.name, i, name)
            if not isinstance(fields, dict):
                raise tree.error(loc, "takes a mapping of fields, such as `mask: {slices: 3}`")
            try:
                steps += _joined(tree, axis, name, fields, loc)
            except GridError as error:
                cause = error.__cause__
                if unknown is None or axis.decides == "samples" or not isinstance(cause, UnknownPluginError):
                    raise
                unknown.append((axis.name, cause))
    if unknown and not steps:
        raise tree.error((axis.name,), str(unknown[-1][1]), bare=True) from unknown[-1][1]
    twice = [step.label() for step in steps if steps.count(step) > 1]
    if twice:
        raise tree.error((axis.name,), f"names '{twice[0]}' twice")
    return tuple(steps)


def drop_steps(tree: GridTree, drop: dict[str, list[float]], sequences: tuple[Step, ...]) -> Iterator[Step]:
    """Every combination of the shares that `protocol.drop` gives.

    Raises:
        GridError: There is no such sequence, or it has no shares.
    """
    known = dict.fromkeys(part.name for step in sequences for part in step.parts)
    for name, rates in drop.items():
        if name not in known:
            why = f"is no sequence of a cell with several{nearest(name, list(known))}"
            raise tree.error(("protocol", "drop", name), why)
        if not rates:
            raise tree.error(("protocol", "drop", name), "must list shares of patients, such as [0, 0.3, 0.6]")
    for chosen in itertools.product(*drop.values()) if drop else ():
        yield Step("", tuple(zip(drop, chosen, strict=True)))


def plugin_steps(
    tree: GridTree, kind: str, name: str, fields: dict[str, Any], loc: tuple[Any, ...], *, single: bool = False
) -> list[Step]:
    """A plug-in with its fields; a list of values for a field gives one step per value, unless `single` is true.

    Raises:
        GridError: There is no such plug-in or field, or the field does not take the value.
    """
    try:
        cls = plugin_class(kind, name)
        known = {f.name: f for f in dataclasses.fields(cls)}
    except PluginError as error:
        raise tree.error(loc, str(error), bare=True) from error
    choices: list[list[tuple[str, Any]]] = []
    for key, value in fields.items():
        if key not in known:
            raise tree.error((*loc, key), f"is no field of {name}{nearest(key, list(known))}")
        usual = None if known[key].type == "Any" else default(known[key])
        whole = single or not isinstance(value, list) or is_one_value(value, usual)
        values = [value] if whole else value
        choices.append([(key, frozen(v)) for v in values])
        if why := next((why for _, one in choices[-1] if (why := fault(cls, key, one))), ""):
            raise tree.error((*loc, key), why)
    if kind == "heads" and fields and cls.in_every_grid is not None:
        raise tree.error(loc, f"takes no fields: {name} is a floor, which is the same in every table")
    if (n := math.prod(map(len, choices))) > MOST_STEPS:
        raise tree.error(loc, f"lists {n} combinations of values, more than {MOST_STEPS}: list fewer")
    steps = [Step(name, fields=chosen) for chosen in itertools.product(*choices)]
    for step in steps:
        try:
            step.load(kind)
        except PluginError as error:
            raise tree.error(loc, str(error), bare=True) from error
    return steps


def _joined(tree: GridTree, axis: Axis, name: str, fields: dict[str, Any], loc: tuple[Any, ...]) -> Iterator[Step]:
    """The steps of an entry that may chain or join several names with `+`."""
    names = [part.strip() for part in name.split("+")]
    if not axis.package:
        if twice := [part for part in names if names.count(part) > 1]:
            raise tree.error(loc, f"joins '{twice[0]}' with itself")
        parts = tuple(Step(part) for part in names)
        yield parts[0] if len(parts) == 1 else Step("+", parts=parts)
        return
    if len(names) == 1:
        yield from plugin_steps(tree, axis.name, name, fields, loc)
        return
    if not axis.joins:
        joining = ", ".join(one.name for one in AXES if one.joins)
        raise tree.error(loc, f"joins with '+', which only {joining} do")
    for part in fields:
        if part not in names:
            raise tree.error((*loc, part), f"is no part of '{name}'{nearest(part, names)}")
    each = [plugin_steps(tree, axis.name, part, fields.get(part) or {}, (*loc, part)) for part in names]
    for chosen in itertools.product(*each):
        yield Step("+", parts=chosen)
