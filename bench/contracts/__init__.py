"""The rules that every plug-in of a kind must keep; the tests and `check` run them."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from bench.plugins import load, plugin_class

Check = Callable[[Any], None]


def checks(kind: str) -> list[Check]:
    """The checks of a kind: those of every description, then those of its module, each in the order of the file."""
    return [check for name in ("description", kind) for check in _public(name)]


def _public(name: str) -> list[Check]:
    """The public functions of a module of checks."""
    module = importlib.import_module(f"bench.contracts.{name}")
    own = [f for _, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__]
    return sorted(
        (f for f in own if not f.__name__.startswith("_") and list(inspect.signature(f).parameters) == ["plugin"]),
        key=lambda f: f.__code__.co_firstlineno,
    )


def example(kind: str, name: str, **fields: Any) -> Any:
    """A plug-in with some fields set; weights are random where the default weights come from a hub."""
    defaults = {f.name: f.default for f in dataclasses.fields(plugin_class(kind, name))}
    if defaults.get("weights") == "pretrained":
        fields = {"weights": "random", **fields}
    return load(kind, name, **fields)


def run_checks(kind: str, name: str, **fields: Any) -> Iterator[tuple[str, str]]:
    """Runs every check and yields each rule with the reason why it fails, or with an empty text."""
    example(kind, name, **fields)
    for check in checks(kind):
        error = ""
        try:
            check(example(kind, name, **fields))
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}".removeprefix("AssertionError: ")
        yield check.__name__.replace("_", " "), error
