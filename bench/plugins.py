"""Finds and loads plug-ins: the folder is the registry, the file's name is the plug-in's name."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.fields import unfit
from bench.grid.axes import AXES
from bench.loaded import note_loaded
from data import ScangridError
from data.describing.plug_in import Description
from data.describing.references import resolve
from data.text.names import nearest
from results.found import add_folder as add_results
from results.found import extend, load_module

BASES = {"data": ("data", "Dataset")} | {axis.name: (axis.package, axis.base) for axis in AXES if axis.package}
"""The package and the base class of each kind of plug-in."""
KINDS = tuple(BASES)
PACKAGES = frozenset({"bench", "data", "encoders", "heads", "preprocessing", "results"})
"""The top-level packages of the project."""


class PluginError(ScangridError):
    """A plug-in that does not exist, fields that it does not take, or a description that can't be used."""


class UnknownPluginError(PluginError):
    """A plug-in that does not exist here; it may be in a folder of a user's own."""

    def of(self, folder: Path) -> str:
        """The message on a run or a model that was made with this plug-in."""
        missing = str(self).partition(":")[0]
        return f"{folder} was made with a plug-in of your own ({missing}): name its folder with --plugins"


def add_folder(folder: Path) -> None:
    """Adds a user's folder of the project's shape (`encoders/my_encoder.py`, `results/figures/my_figure.py`).

    Raises:
        PluginError: The folder holds no folder of plug-ins.
        ResultsError: A file has the name of one that is there already.
    """
    found = add_results(folder)
    for package, _ in BASES.values():
        inside = folder.joinpath(*package.split("."))
        if inside.is_dir():
            found = True
            extend(package, inside)
    if not found:
        raise PluginError(f"{folder} holds no plug-ins: expected a folder such as {folder / 'encoders'}")
    importlib.invalidate_caches()


def find(kind: str) -> list[str]:
    """The names of a kind's plug-ins, sorted."""
    package, base = _base(kind)
    names = [m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__) if not m.ispkg]
    return sorted(n for n in names if n != "base" and _holds_plugin(package, n, base))


def load(kind: str, name: str, /, **fields: Any) -> Any:
    """A plug-in by name with its fields.

    Raises:
        PluginError: There is no such plug-in or field (the message names the nearest), or the plug-in refuses a value.
    """
    cls = plugin_class(kind, name)
    known = [f.name for f in dataclasses.fields(cls)]
    for field in fields:
        if field not in known:
            raise PluginError(f"{kind}/{name} has no field '{field}'{nearest(field, known)}")
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    if fault := unfit(cls, given):
        raise PluginError(f"{kind}/{name}: {fault}")
    try:
        return cls(**given)
    except TypeError as error:  # such as null where a number is needed
        raise PluginError(f"{kind}/{name}: a field has a value of another type than its default: {error}") from error
    except ValueError as error:
        raise PluginError(f"{kind}/{name}: {error}") from error


def plugin_class(kind: str, name: str) -> Any:
    """The class of a plug-in: the one public dataclass of its file.

    Raises:
        UnknownPluginError: There is no such file.
        PluginError: It holds no such class, or several.
    """
    package, base_name = _base(kind)
    spec = importlib.util.find_spec(f"{package}.{name}") if name.isidentifier() else None
    if spec is None or name == "base":
        known = nearest(name, find(kind))
        own = "" if "did you mean" in known else "; for a plug-in of your own, name its folder with --plugins"
        raise UnknownPluginError(f"no plug-in '{name}' in {kind}{known}{own}")
    module = _module(package, name)
    base = getattr(importlib.import_module(f"{package}.base"), base_name)
    classes = [c for c in vars(module).values() if _is_plugin(c, base, module)]
    if len(classes) != 1:
        rule = f"must hold one public dataclass derived from {base_name}"
        raise PluginError(f"{package}/{name}.py {rule}, but holds {len(classes)}")
    return classes[0]


def description(plugin: Any) -> Description:
    """What a plug-in states about itself.

    Raises:
        PluginError: Its `describe` fails or gives anything but texts and tuples of texts, or it cites something that is
            neither a key of the project's references nor a BibTeX entry.
    """
    file = type(plugin).__module__.replace(".", "/")
    try:
        found = plugin.describe()
        for cited in found.cites:
            resolve(cited)
    except ValueError as error:
        raise PluginError(f"{file}: {error}") from error
    except Exception as error:
        raise PluginError(f"{file}: describe() fails ({type(error).__name__}: {error})") from error
    if not isinstance(found, Description):
        raise PluginError(f"{file}: describe() gives a {type(found).__name__}, but must give a Description")
    return found


def describe(kind: str) -> list[str]:
    """Lines on every plug-in of a kind: what it is, what it learns from, its fields with defaults and meanings."""
    out = [f"{kind}"]
    for name in find(kind):
        cls = plugin_class(kind, name)
        found = description(cls())
        out.append(f"  {name:22} {found.summary}")
        if found.words:
            out.append(f"    in a paper: {found.words}")
        out.append(f"    learns from: {found.learns}")
        means = meanings(cls)
        for f in dataclasses.fields(cls):
            default = f.default if f.default is not dataclasses.MISSING else {}
            out.append(f"    {f.name + ' = ' + repr(default):28} {means.get(f.name, '')}".rstrip())
    return out


def meanings(cls: Any) -> dict[str, str]:
    """The meaning of each field of a plug-in, from the docstrings of its class and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found |= _arguments(inspect.getdoc(base) or "")
    return found


def _arguments(document: str) -> dict[str, str]:
    """The meaning of each argument, from the `Args:` of a docstring."""
    meanings: dict[str, str] = {}
    inside, last = False, ""
    for line in document.splitlines():
        if line == "Args:":
            inside = True
        elif inside and line and not line.startswith(" "):
            break
        elif inside and (found := re.match(r"    (\w+): (.*)", line)):
            last = found[1]
            meanings[last] = found[2]
        elif inside and last and line.startswith("     "):
            meanings[last] += " " + line.strip()
    return meanings


def _is_plugin(thing: Any, base: type, module: ModuleType) -> bool:
    return (
        isinstance(thing, type)
        and issubclass(thing, base)
        and thing.__module__ == module.__name__
        and not thing.__name__.startswith("_")
        and dataclasses.is_dataclass(thing)
    )


def _holds_plugin(package: str, name: str, base_name: str) -> bool:
    """Whether a file holds a plug-in: a folder may hold more than plug-ins."""
    module = _module(package, name)
    base = getattr(importlib.import_module(f"{package}.base"), base_name)
    return any(_is_plugin(thing, base, module) for thing in vars(module).values())


def _module(package: str, name: str) -> ModuleType:
    """The module of a plug-in, with a note of how its file and those that it imports are."""
    module = load_module(package, name)
    note_loaded(PACKAGES)
    return module


def _base(kind: str) -> tuple[str, str]:
    if kind not in BASES:
        raise PluginError(f"no kind '{kind}'{nearest(kind, list(KINDS))}")
    return BASES[kind]
