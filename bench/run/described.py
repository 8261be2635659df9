"""Writes `plugins.json`: what the plug-ins of a run or a model state about themselves, with the literature."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.grid.axes import AXES
from bench.grid.cells import NONE, Cell, Step
from bench.grid.values import frozen
from bench.plugins import KINDS, PluginError, description
from bench.run.files import replace_file
from data.describing.plug_in import Description
from data.describing.references import PACKAGES, resolve

FILE = "plugins.json"
ALWAYS = ("numpy", "pandas")  # packages that every run uses
WITH_PLUGINS = [axis.name for axis in AXES if axis.package]


def described(data: Step, cells: Iterable[Cell]) -> dict[str, Any]:
    """Describes the dataset and the steps of some cells.

    Args:
        data: The dataset.
        cells: The cells, with floors.

    Returns:
        `plugins` lists for each plug-in its kind, name, label (as that of a single step in `cells.json`), all fields,
        the fields that the grid gave, and its `Description`, in which `cites` holds keys. `references` maps a key to
        its BibTeX entry. `packages` maps a distribution to its name in prose and the key to cite it by, or "".

    Raises:
        PluginError: A description can't be used, or two plug-ins give different entries the same key.
    """
    steps = [("data", data)]
    steps += [
        (axis, part)
        for cell in cells
        for axis, step in cell.steps.items()
        if axis in WITH_PLUGINS and step != NONE
        for part in step.each
    ]
    references: dict[str, str] = {}
    packages: dict[str, Any] = {}
    plugins = []
    for kind, step in sorted(dict.fromkeys(steps), key=lambda one: KINDS.index(one[0])):
        plugin = step.load(kind)
        found = description(plugin)
        keys = [_keep(entry, references, f"{kind}/{step.name}") for entry in dict.fromkeys(found.cites)]
        for package in (*ALWAYS, *found.packages):
            title, key = PACKAGES.get(package, (package, ""))
            packages[package] = {"title": title, "cite": _keep(key, references, package) if key else ""}
        plugins.append(_record(kind, step, plugin, found, keys))
    return {"plugins": plugins, "references": references, "packages": packages}


def only_fields(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a dataset's record that name its fields, for a model, which holds only some of them.

    Args:
        name: The dataset.
        fields: The fields that the model holds.
    """
    kept = Step(name, tuple((field, frozen(value)) for field, value in fields.items() if value not in ("", [], {})))
    return {"label": kept.label(), "fields": {}, "given": _given(kept)}


def write(folder: Path, found: dict[str, Any]) -> None:
    """Writes `plugins.json`, unless it would stay the same."""
    text = json.dumps(found, indent=1, default=str)
    replace_file(folder / FILE, lambda to: to.write_text(text, encoding="utf-8"))


def versions(found: dict[str, Any]) -> dict[str, str]:
    """The versions of the packages that the plug-ins use; `absent` where one is not installed."""
    return {name: _version(name) for name in found["packages"]}


def _record(kind: str, step: Step, plugin: Any, found: Description, keys: list[str]) -> dict[str, Any]:
    fields = {f.name: getattr(plugin, f.name) for f in dataclasses.fields(plugin)}
    return {
        "kind": kind,
        "name": step.name,
        "label": step.label(),
        "fields": fields,
        "given": _given(step),
        **dataclasses.asdict(found),
        "cites": keys,
    }


def _given(step: Step) -> dict[str, str]:
    """The fields of a step as a table shows their values."""
    return {name: Step("", ((name, value),)).label().partition("=")[2] for name, value in step.fields}


def _keep(cited: str, references: dict[str, str], plugin: str) -> str:
    """Adds an entry to the references and returns its key."""
    key, entry = resolve(cited)
    if references.setdefault(key, entry) != entry:
        raise PluginError(f"{plugin}: another plug-in has a different entry '{key}': give one of them another key")
    return key


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
