"""A grid file as a YAML tree that knows its lines, so that every error names the place to mend."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from bench.grid import yaml_text
from bench.grid.values import frozen, plain
from data import ScangridError

MOST_SHOWN = 80  # signs of a setting that a message repeats


class GridError(ScangridError):
    """A grid that can't be read; the message names the file, the line, the key and what would be right."""


class GridTree:
    """The YAML of a grid file, with values that were set by the user.

    Args:
        source: The file, in which `${NAME}` stands for an environment variable; or a mapping with the keys of one.
        settings: `key=value` pairs that replace values, such as `protocol.folds=3`; values are YAML.
        called: What messages call a mapping.

    Raises:
        GridError: The file can't be read, or does not hold a mapping.
    """

    def __init__(self, source: Path | Mapping[str, Any], settings: list[str], called: str = "grid") -> None:
        self.path = path = source if isinstance(source, Path) else Path(called)
        try:
            tree = yaml_text.load(_expanded(source), typ="rt") if isinstance(source, Path) else plain(source)
        except OSError as error:
            raise GridError(f"cannot read the grid file {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise GridError(f"{path}: is not text: a grid file is YAML, which names the table of images") from error
        except (YAMLError, RecursionError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f":{mark.line + 1}" if mark else ""
            raise GridError(f"{path}{where}: {_fault(error)}") from error
        if not isinstance(tree, dict):
            raise GridError(f"{path}: a grid file is a mapping with keys such as data, targets, encoders, heads")
        self._settings = {_set(tree, setting): f"--set {setting[:MOST_SHOWN]}" for setting in settings}
        self.tree = tree

    def error(self, loc: tuple[Any, ...], message: str, *, bare: bool = False) -> GridError:
        """An error at the key that `loc` leads to; with `bare` a colon separates the key from the message."""
        name = ".".join(str(part) for part in loc)
        return GridError(f"{self.place(loc)}: {name}: {message}" if bare else f"{self.place(loc)}: '{name}' {message}")

    def place(self, loc: tuple[Any, ...]) -> str:
        """The file, with the nearest known line on the way to a key; or the setting that gave the key its value."""
        for key, setting in reversed(self._settings.items()):
            if tuple(map(str, loc[: len(key)])) == key:
                return setting
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


def place(source: Path | Mapping[str, Any], settings: list[str], loc: tuple[Any, ...]) -> str:
    """The file and the line of one of its keys."""
    return GridTree(source, settings).place(loc)


def read_fields(settings: list[str]) -> dict[str, Any]:
    """`field=value` pairs, values as YAML."""
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, _ in pairs:
        if not equals:
            raise GridError(f"--set {name}: expected field=value, such as size=32")
    return {name.strip(): frozen(_value(f"--set {name}", value)) for name, _, value in pairs}


def read_mapping(text: str, called: str) -> dict[str, Any]:
    """A mapping that is written as YAML on the command line.

    Args:
        text: Such as `spider: {folder: scans}`.
        called: The option, for messages.

    Raises:
        GridError: The text is no YAML, or holds no mapping.
    """
    found = _value(called, text)
    if not isinstance(found, dict):
        raise GridError(f"{called} '{text}': expected a dataset with its fields, such as 'spider: {{folder: scans}}'")
    return found


def _set(tree: Any, setting: str) -> tuple[str, ...]:
    """Sets a value of the tree, and gives the key as a path."""
    name, equals, text = setting.partition("=")
    if not equals:
        raise GridError(f"--set {setting}: expected key=value, such as protocol.folds=3")
    *parents, last = name.strip().split(".")
    for parent in parents:
        if not isinstance(tree.setdefault(parent, {}), dict):
            raise GridError(f"--set {setting}: '{parent}' is a list: set it whole")
        tree = tree[parent]
    tree[last] = _value(f"--set {name}", text)
    return (*parents, last)


def _value(name: str, text: str) -> Any:
    """A value that is written as YAML on the command line, in the setting or the option `name`."""
    try:
        return yaml_text.load(text, typ="safe")
    except (YAMLError, RecursionError, ValueError) as error:
        raise GridError(f"{name} '{text[:MOST_SHOWN]}': {_fault(error, ': put texts with signs in quotes')}") from error


def _fault(error: Exception, way_out: str = "") -> str:
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    if "#xdc" in problem:  # a byte of a path that is no UTF-8, in the form that Python gives it
        return "has a name of a file that is no UTF-8: rename it, or start in its folder and write the path from there"
    deep = isinstance(error, RecursionError)
    return ("nested too deeply, or in a circle" if deep else f"not YAML: {problem}") + way_out


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
