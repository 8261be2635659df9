"""Which tasks ran when a run was killed, so that the next one tries them last and names them."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bench.tasks.local import Task

FOLDER = "attempts"
_STARTED, _ENDED, _EARLIER, _STOPPED = "+", "-", "?", "="


class Attempts:
    """A file of the run folder with a line at the start and at the end of every task; a run that ends removes it.

    A task is known by its name, which is that of its cell: the other folds of a cell that killed the process are tried
    last too. The file is opened for each line, since a process that is killed loses nothing that it has written.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._file = self._folder / f"{uuid.uuid4().hex}.log"
        self._lock = threading.Lock()
        earlier = sorted(self._folder.glob("*.log"))
        self.suspects = {name for file in earlier for name in _unfinished(file)}
        self._left = set(self.suspects)
        self._running: set[int] = set()
        for name in sorted(self.suspects):
            self._write(_EARLIER, name)
        for file in earlier:
            file.unlink(missing_ok=True)

    def sort(self, tasks: Iterable[Task]) -> list[str]:
        """Makes the tasks that ran when an earlier run was killed wait for all others; returns their names."""
        found: dict[str, None] = {}
        for task in tasks:
            if task.name in self.suspects:
                task.last = True
                found[task.name] = None
        return list(found)

    def started(self, task: Task) -> None:
        """A task begins."""
        self._running.add(id(task))
        self._write(_STARTED, task.name)

    def finished(self, task: Task) -> None:
        """A task has ended, or failed without being started since one before it failed."""
        self._left.discard(task.name)
        if id(task) in self._running:
            self._running.discard(id(task))
            self._write(_ENDED, task.name)

    def stopped(self) -> None:
        """The user stops the run: what runs now is not to blame."""
        self._write(_STOPPED, "")

    def close(self) -> None:
        """The run ends by itself; only what was not tried again stays noted."""
        if not self._left:
            with suppress(OSError):  # the folder may hold the notes of another process
                self._file.unlink(missing_ok=True)
                self._folder.rmdir()

    def _write(self, sign: str, name: str) -> None:
        with self._lock, suppress(OSError):  # a full disk must not end the run: the order of the next one is no result
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{sign} {name}\n")


def clear(folder: Path) -> None:
    """Removes what killed runs have noted in a run folder, once a run has ended there with nothing left to do."""
    for file in (folder / FOLDER).glob("*.log"):
        file.unlink(missing_ok=True)
    with suppress(OSError):
        (folder / FOLDER).rmdir()


def _unfinished(file: Path) -> set[str]:
    """The tasks that were running, or that were to be tried last, when the process of a file ended."""
    running: Counter[str] = Counter()
    earlier: set[str] = set()
    with suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            sign, _, name = line.partition(" ")
            if sign == _STARTED:
                running[name] += 1
            elif sign == _ENDED:
                running[name] -= 1
                earlier.discard(name)
            elif sign == _EARLIER:
                earlier.add(name)
            elif sign == _STOPPED:
                running.clear()
    return earlier | {name for name, n in running.items() if n > 0}
