"""Live progress of a run: a panel in a terminal, a line each minute elsewhere. Everything goes to standard error."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.run.pace import Pace, Running
from bench.tasks.local import Task, Watcher
from data import ScangridError
from data.text.durations import duration, rough_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, EVERY = 10.0, 60.0
"""Seconds to the first plain line, and between those after it."""

SECONDS = "SCANGRID_PROGRESS_SECONDS"
"""The environment variable that replaces `EVERY`."""


class ProgressError(ScangridError):
    """The interval is no number of seconds."""


class Progress(Watcher):
    """Counts cells, tasks and images, and shows them with about how long the rest takes.

    Args:
        live: Whether to draw a panel that is updated in place; None for whether standard error is a terminal.
        jobs: How many tasks run at a time, which decides the estimate of the time left.
        show: A function that takes a plain line.
        every: Seconds between plain lines; None for the environment variable `SCANGRID_PROGRESS_SECONDS`, or 60.

    Attributes:
        cells: How many cells are `done`, `to do` and `failed`.
        stage: What the cells belong to, if it is not the run itself, such as `external test`.

    Raises:
        ProgressError: The environment variable is no number of seconds above 0.
    """

    def __init__(
        self,
        *,
        live: bool | None = None,
        jobs: int = 1,
        show: Callable[[str], None] | None = None,
        every: float | None = None,
    ) -> None:
        self._live = sys.stderr.isatty() if live is None else live
        self._show = show or (lambda line: print(line, file=sys.stderr, flush=True))
        self._every = _interval() if every is None else every
        self._lock = threading.Lock()
        self._panel: Any = None
        self._pace = Pace(jobs)
        self._running: dict[int, Running] = {}  # by thread
        self._began = time.perf_counter()
        self._read = 0.0  # seconds of work on images that is no task
        self.cells = {"done": 0, "to do": 0, "failed": 0}
        self.stage = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows progress while the block runs, and at its end the totals: the time counts from the object's making."""
        with self._drawn() if self._live else self._printed():
            yield
        if line := self._totals():
            self._show(line)

    def note(self, line: str) -> None:
        """Shows a line that stays."""
        if self._panel is not None:
            self._panel.console.print(line, highlight=False, markup=False)
        else:
            self._show(line)

    def expect(self, tasks: list[Task], *, overlap: bool = False) -> None:
        """Announces the tasks that are going to run, and whether the lanes run side by side."""
        with self._lock:
            for thread in [thread for thread, one in self._running.items() if one.task is None]:
                self._end(thread)  # it may have ended before its last image
            self._pace.expect(tasks, overlap=overlap)

    def begin_images(self, name: str, total: int, unit: str = "image") -> None:
        """A step that goes through images begins, or through another unit, such as pairs of them."""
        with self._lock:
            if not total:
                return
            one = self._running.setdefault(threading.get_ident(), Running(name))
            one.name = one.name if one.task is not None else name
            one.begin_part(unit, total)
            one.counted = unit

    def images(self, count: int = 1) -> None:
        """Some images are done, or of the unit that the step goes through."""
        with self._lock:
            one = self._running.get(threading.get_ident())
            if one is None or one.counted not in one.units:
                return
            done, total = one.units[one.counted]
            one.count(one.counted, done + count, total)
            if done + count >= total and one.task is None:
                self._end(threading.get_ident())

    def reached(self, unit: str, number: int, most: int) -> None:
        """What trains in the calling thread has reached an epoch or a step."""
        with self._lock:
            if (one := self._running.get(threading.get_ident())) is not None:
                one.count(unit, number, most)

    def started(self, task: Task) -> None:
        """A task begins."""
        with self._lock:
            self._running[threading.get_ident()] = Running(task.name, task)

    def finished(self, task: Task) -> None:
        """A task has ended."""
        with self._lock:
            gone = [thread for thread, one in self._running.items() if one.task is task]
            for thread in gone:
                self._running.pop(thread)
            self._pace.finished(task)

    def _end(self, thread: int) -> None:
        """Work that is no task has ended."""
        self._read += time.perf_counter() - self._running.pop(thread).part

    @contextmanager
    def _drawn(self) -> Iterator[None]:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        def line() -> Any:
            return Text(self.line())

        with Live(console=Console(stderr=True), refresh_per_second=4, get_renderable=line, transient=True) as panel:
            self._panel = panel
            try:
                yield
            finally:
                self._panel = None

    @contextmanager
    def _printed(self) -> Iterator[None]:
        end = threading.Event()

        def go_on() -> None:
            wait = min(FIRST, self._every)
            while not end.wait(wait):
                wait = self._every
                if line := self.line():
                    self._show(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}")

        thread = threading.Thread(target=go_on, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def line(self) -> str:
        """Where the run is, in one line: cells, time left, and the step that has run longest; empty before it is."""
        with self._lock:
            parts = [self._cells()] if any(self.cells.values()) else []
            running = sorted(self._running.values(), key=lambda one: one.began)
            if not running:
                return " | ".join(parts)
            first = running[0]
            seconds, whole = self._pace.left(running)
            if first.task is None:
                seconds, whole = first.left() or 0.0, True
            if seconds >= 1:
                parts.append(f"{'about' if whole else 'at least'} {rough_duration(seconds)} left")
            parts.append(self._step(first, len(running) - 1))
            return " | ".join(parts)

    def _cells(self) -> str:
        done, failed, total = self.cells["done"], self.cells["failed"], sum(self.cells.values())
        where = f"{self.stage}: " if self.stage else ""
        return f"{where}{done} of {total} cells done" + (f", {failed} failed" if failed else "")

    def _step(self, one: Running, others: int) -> str:
        words = one.words()
        text = f"{one.name}, {words}" if words else one.name
        if one.task is None or not one.task.kind:
            return text
        done, total = self._pace.counts(one.task.kind)
        beside = f" (and {others} other{'s' if others > 1 else ''})" if others else ""
        return f"{one.task.kind}, {done} of {total} done: now {text}{beside}"

    def _totals(self) -> str:
        """What the run took; empty if it computed nothing."""
        steps = {"reading": self._read} | self._pace.seconds()
        took = ", ".join(f"{name} {duration(seconds)}" for name, seconds in steps.items() if seconds >= 0.5)
        if not any(steps.values()):
            return ""
        parts = [f"finished after {duration(time.perf_counter() - self._began)}"]
        parts += [self._cells()] if any(self.cells.values()) else []
        return " | ".join([*parts, *([f"time of all tasks together: {took}"] if took else [])])


def _interval() -> float:
    """The seconds of the environment variable; `EVERY` if it is not set."""
    text = os.environ.get(SECONDS, "") or str(EVERY)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise ProgressError(f"{SECONDS} ({text}) must be a number of seconds above 0, such as 60")
    return seconds
