"""Reads from the entries of a store what their steps took."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.plan.measured import Spent
from bench.tasks.entries import NOTE

NEWEST = 1000
"""So many entries of a kind are read, the newest: the machine and the code are then those of today."""


def spent(folder: Path) -> list[Spent]:
    """What the newest entries of a kind took; those without a time are left out."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        dated = [(one.stat().st_mtime_ns, one.path) for one in found if "." not in one.name]
    return [one for _, path in sorted(dated, reverse=True)[:NEWEST] for one in _of(Path(path))]


def _of(entry: Path) -> Iterator[Spent]:
    """What one entry took; nothing if another process has removed it or its note can't be read."""
    with suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
        note = json.loads((entry / NOTE).read_text(encoding="utf-8"))
        size = sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
        amount = note.get("amount", note.get("images", 0))
        yield Spent({str(name): str(value) for name, value in note["of"].items()}, note["seconds"], size, amount)
