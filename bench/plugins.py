"""Finds and loads plug-ins: the folder is the registry, the file's name is the plug-in's name."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from data import ScangridError

BASES = {
    "data": ("data", "Dataset"),
    "regions": ("preprocessing.regions", "Region"),
    "images": ("preprocessing.images", "ImageStep"),
    "encoders": ("encoders", "Encoder"),
    "missing": ("encoders.missing", "Missing"),
    "fusion": ("encoders.fusion", "Fusion"),
    "tables": ("preprocessing.tables", "Table"),
    "balance": ("preprocessing.balance", "Balance"),
    "heads": ("heads", "Head"),
}
KINDS = tuple(BASES)


class PluginError(ScangridError):
    """A plug-in that isn't there, or fields that it does not take."""


def add_folder(folder: Path) -> None:
    """Adds a user's folder of the project's shape (`encoders/my_encoder.py`, `preprocessing/images/my_step.py`).

    Raises:
        PluginError: The folder holds no folder of plug-ins.
    """
    found = False
    for package, _ in BASES.values():
        inside = folder.joinpath(*package.split("."))
        if inside.is_dir():
            found = True
            path = importlib.import_module(package).__path__
            if str(inside) not in path:
                path.append(str(inside))
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
        PluginError: No such plug-in or field; the nearest name is in the message. Or a field that it refuses.
    """
    cls = plugin_class(kind, name)
    known = [f.name for f in dataclasses.fields(cls)]
    for field in fields:
        if field not in known:
            raise PluginError(f"{kind}/{name} has no field '{field}'{nearest(field, known)}")
    try:
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    except ValueError as error:
        raise PluginError(f"{kind}/{name}: {error}") from error


def plugin_class(kind: str, name: str) -> Any:
    """The one public dataclass of a plug-in's file."""
    package, base_name = _base(kind)
    spec = importlib.util.find_spec(f"{package}.{name}") if name.isidentifier() else None
    if spec is None or name == "base":
        raise PluginError(f"no plug-in '{name}' in {kind}{nearest(name, find(kind))}")
    module = importlib.import_module(f"{package}.{name}")
    base = getattr(importlib.import_module(f"{package}.base"), base_name)
    classes = [c for c in vars(module).values() if _is_plugin(c, base, module)]
    if len(classes) != 1:
        raise PluginError(f"{package}/{name}.py must hold one public dataclass of {base_name}, it holds {len(classes)}")
    return classes[0]


def describe(kind: str) -> list[str]:
    """Lines on every plug-in of a kind: its name, what it is, its fields with defaults and what they mean."""
    out = [f"{kind}"]
    for name in find(kind):
        cls = plugin_class(kind, name)
        document = inspect.getdoc(cls) or ""
        out.append(f"  {name:22} {document.splitlines()[0] if document else ''}")
        meanings = arguments(document)
        for f in dataclasses.fields(cls):
            default = f.default if f.default is not dataclasses.MISSING else {}
            out.append(f"    {f.name + ' = ' + repr(default):28} {meanings.get(f.name, '')}".rstrip())
    return out


def nearest(name: str, known: list[str]) -> str:
    """What a message about an unknown name ends with: the nearest that is, else all that are."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f": did you mean '{close[0]}'?" if close else f": there is {', '.join(known) or 'none'}"


def arguments(document: str) -> dict[str, str]:
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
    module = importlib.import_module(f"{package}.{name}")
    base = getattr(importlib.import_module(f"{package}.base"), base_name)
    return any(_is_plugin(thing, base, module) for thing in vars(module).values())


def _base(kind: str) -> tuple[str, str]:
    if kind not in BASES:
        raise PluginError(f"no kind '{kind}'{nearest(kind, list(KINDS))}")
    return BASES[kind]
