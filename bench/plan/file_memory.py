"""What was made of files, remembered between runs."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

SETTLED_NS = 2_000_000_000  # no file system counts time more coarsely
Found = TypeVar("Found")


class FileMemory(Generic[Found]):
    """What was made of files, remembered by size and times of change so that a look-up reads nothing.

    The time at which the file system last noted a change counts too, since nothing sets it back. Of a file that was
    written just now nothing is remembered for the next run: it may be written again without a later time.

    Args:
        make: Makes plain values of a file.
        memory: The file that holds them between runs; None for none.
        made_by: What the values depend on besides the file; where it has changed, all are made anew.
    """

    def __init__(self, make: Callable[[Path], Found], memory: Path | None, made_by: Any = None) -> None:
        self._make, self._memory, self._made_by = make, memory, made_by
        self._known: dict[str, list[Any]] = {}
        self._fresh: set[str] = set()
        self._changed = False
        if memory is not None and memory.exists():
            try:
                made_before, known = json.loads(memory.read_text(encoding="utf-8"))
            except (ValueError, TypeError):
                memory.unlink(missing_ok=True)  # another process may have found it broken too
            else:
                self._known = known if made_before == made_by else {}

    def __call__(self, path: Path) -> Found:
        """What `make` gives for a file."""
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns]
        name = str(path.resolve())
        known = self._known.get(name)
        if known is None or known[:-1] != mark:
            known = self._known[name] = [*mark, self._make(path)]
            self._fresh.discard(name)
            if time.time_ns() - stat.st_mtime_ns < SETTLED_NS:
                self._fresh.add(name)
            self._changed = True
        found: Found = known[-1]
        return found

    def save(self) -> None:
        """Remembers for the next run; written under another name and renamed, so that a reader sees a whole file."""
        if self._changed and self._memory is not None:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            draft = self._memory.with_suffix(f".{os.getpid()}")
            settled = {name: known for name, known in self._known.items() if name not in self._fresh}
            draft.write_text(json.dumps([self._made_by, settled]), encoding="utf-8")
            draft.replace(self._memory)
            self._changed = False


class FileDigests(FileMemory[str]):
    """The sha256 of files' bytes.

    Args:
        memory: The file that holds them between runs.
    """

    def __init__(self, memory: Path) -> None:
        super().__init__(digest_of, memory)


def digest_of(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
