"""What was made of files, remembered between runs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from data.files.whole import replace_text

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
        anew: Whether all are made anew in any case, to notice what no time of change shows, such as a failing disk.
    """

    def __init__(
        self, make: Callable[[Path], Found], memory: Path | None, made_by: Any = None, *, anew: bool = False
    ) -> None:
        self._make, self._memory, self._made_by = make, memory, made_by
        self._known: dict[str, list[Any]] = {}
        self._fresh: set[str] = set()
        self._changed = False
        if memory is not None and not anew:
            with suppress(
                OSError, ValueError, TypeError, RecursionError
            ):  # none, or a broken one, which the next save replaces
                made_before, known = json.loads(memory.read_text(encoding="utf-8"))
                self._known = dict(known) if made_before == made_by else {}

    def __call__(self, path: Path) -> Found:
        """What `make` gives for a file."""
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns]
        name = str(path.resolve())
        known = self._known.get(name)
        if known is None or known[:-1] != mark or len(known) != len(mark) + 1:
            known = self._known[name] = [*mark, self._make(path)]
            self._fresh.discard(name)
            if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) < SETTLED_NS:  # one of them can be set back
                self._fresh.add(name)
            self._changed = True
        found: Found = known[-1]
        return found

    def save(self) -> None:
        """Remembers for the next run, if the memory can be written."""
        if self._changed and self._memory is not None:
            settled = {name: known for name, known in self._known.items() if name not in self._fresh}
            with suppress(OSError):  # a disk that is full or read only: the next run reads the files again
                self._memory.parent.mkdir(parents=True, exist_ok=True)
                replace_text(self._memory, json.dumps([self._made_by, settled]))
            self._changed = False


class FileDigests(FileMemory[str]):
    """The sha256 of files' bytes.

    Args:
        memory: The file that holds them between runs.
        anew: Whether all files are read again.
    """

    def __init__(self, memory: Path, *, anew: bool = False) -> None:
        super().__init__(digest_of, memory, anew=anew)


def digest_of(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
