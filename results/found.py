"""Finds metrics, figures and presets of tables: the folder is the registry, the file's name is the name."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast

from data.text.names import nearest
from results import ResultsError

FOLDERS = ("results.statistics.metrics", "results.tables.presets", "results.figures")
"""The packages that a user's folder may extend with files of the same shape."""


class _Ordered(Protocol):
    @property
    def order(self) -> int: ...


Record = TypeVar("Record", bound=_Ordered)


class Found(Mapping[str, Record]):
    """The records in the files of a package by the names of the files, sorted by their field `order`, then by name.

    The package is read again after its `__path__` has grown, so a user's own folder can be added at any time.

    Args:
        package: Such as `results.figures`. Its `base.py` and its subpackages are no records.
        constant: What each file calls its record, such as `FIGURE`.
        kinds: The classes that the record may be of.
        what: One of the records in words, for messages.
    """

    def __init__(self, package: str, constant: str, kinds: tuple[type[object], ...], what: str) -> None:
        self._package, self._constant, self._kinds, self._what = package, constant, kinds, what
        self._read: tuple[tuple[str, ...], dict[str, Record]] = ((), {})

    def __getitem__(self, name: str) -> Record:
        return self._records()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records())

    def __len__(self) -> int:
        return len(self._records())

    def named(self, name: str) -> Record:
        """A record by its name.

        Raises:
            ResultsError: There is none; the message gives the nearest name.
        """
        if name not in self:
            raise ResultsError(f"no {self._what} '{name}'{nearest(name, self)}")
        return self[name]

    def _records(self) -> dict[str, Record]:
        path = tuple(importlib.import_module(self._package).__path__)
        if self._read[0] != path:
            names = sorted(m.name for m in pkgutil.iter_modules(path) if not m.ispkg and m.name != "base")
            found = {name: self._load(name) for name in names}
            self._read = path, dict(sorted(found.items(), key=lambda item: item[1].order))
        return self._read[1]

    def _load(self, name: str) -> Record:
        module = load_module(self._package, name)
        record: Any = getattr(module, self._constant, None)
        if not isinstance(record, self._kinds):
            wanted = " or ".join(f"{kind.__name__}(...)" for kind in self._kinds)
            raise ResultsError(f"{module.__file__} must hold {self._constant} = {wanted}")
        return cast(Record, record)


def add_folder(folder: Path) -> bool:
    """Adds the metrics, figures and presets of a user's folder; gives whether it holds any of their folders.

    Raises:
        ResultsError: See `extend`.
    """
    inside = {package: folder.joinpath(*package.split(".")) for package in FOLDERS}
    there = {package: path for package, path in inside.items() if path.is_dir()}
    for package, path in there.items():
        extend(package, path)
    importlib.invalidate_caches()
    return bool(there)


def extend(package: str, folder: Path) -> None:
    """Adds a user's folder to a package.

    Raises:
        ResultsError: A file has the name of one that is there already, which would be used in its place.
    """
    path, folder = importlib.import_module(package).__path__, folder.resolve()
    if str(folder) in path:
        return
    taken = {module.name for module in pkgutil.iter_modules(path)}
    for name in (module.name for module in pkgutil.iter_modules([str(folder)])):
        if name in taken:
            raise ResultsError(f"{folder / name}: there is a '{name}' in {package} already: give it another name")
    path.append(str(folder))


def load_module(package: str, name: str) -> ModuleType:
    """The module of a file that may be a user's.

    Raises:
        ResultsError: It can't be imported.
    """
    try:
        return importlib.import_module(f"{package}.{name}")
    except Exception as error:
        found = importlib.util.find_spec(f"{package}.{name}")
        file = found.origin if found is not None else f"{package}.{name}"
        raise ResultsError(f"{file} can't be imported ({type(error).__name__}: {error})") from error
