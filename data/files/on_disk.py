"""Finds a file whose name is spelt in another encoding than the text that names it."""

from __future__ import annotations

import os
import unicodedata
from contextlib import suppress
from pathlib import Path


def decoded(name: str) -> str:
    """The name of a file as text in the composed form; bytes that are no UTF-8 are read as Windows-1252."""
    content = os.fsencode(name)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    return unicodedata.normalize("NFC", text)


class Folders:
    """Folders whose names were read once."""

    def __init__(self) -> None:
        self._names: dict[Path, dict[str, list[str]]] = {}

    def find(self, root: Path, name: str) -> Path:
        """The path of a name below a root, or the one file that differs from it in the encoding of its name alone.

        So `Müller.png` in a table is found on a disk of macOS, where `ü` is two signs, and in a folder that was copied
        from an old server, where it is one byte. A name that leads nowhere gives the path as it is written.
        """
        path = root / name
        if name.isascii() or path.exists():
            return path
        found = root
        for part in Path(name).parts:
            found = self._inside(found, part)
        return found

    def _inside(self, folder: Path, name: str) -> Path:
        if name.isascii() or (folder / name).exists():
            return folder / name
        base, mark, number = name.rpartition("#")  # an image among several
        for start, rest in ((name, ""), (base, mark + number)):
            alike = self._of(folder).get(decoded(start), [])
            if len(alike) == 1:
                return folder / f"{alike[0]}{rest}"
        return folder / name

    def _of(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._names:
            found: dict[str, list[str]] = {}
            with suppress(OSError):  # no such folder
                for path in folder.iterdir():
                    found.setdefault(decoded(path.name), []).append(path.name)
            self._names[folder] = found
        return self._names[folder]
