"""Live progress of a run: a panel in a terminal, plain lines elsewhere. Everything goes to standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.tasks.local import Task, Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY = 5.0


class Progress(Watcher):
    """Counts cells and images, and shows them.

    Args:
        live: Whether to draw a panel that is updated in place.
        jobs: How many tasks run at a time, which decides the estimate of the time left.
        show: A function that takes a plain line.
    """

    def __init__(self, *, live: bool | None = None, jobs: int = 1, show: Callable[[str], None] | None = None) -> None:
        self._live = sys.stderr.isatty() if live is None else live
        self._jobs = jobs
        self._show = show or (lambda line: print(line, file=sys.stderr, flush=True))
        self._lock = threading.Lock()
        self._panel: Any = None
        self._last = 0.0
        self.cells = {"done": 0, "to do": 0, "failed": 0}
        self._running: dict[int, str] = {}
        self._tasks: dict[tuple[Any, ...], list[float]] = {}  # done, expected, seconds; by lane and kind of work
        self._images = (0, 0, "")
        self._began = time.perf_counter()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows progress while the block runs."""
        if not self._live:
            yield
            return
        from rich.console import Console
        from rich.live import Live

        with Live(
            console=Console(stderr=True), refresh_per_second=4, get_renderable=self._line, transient=True
        ) as panel:
            self._panel = panel
            try:
                yield
            finally:
                self._panel = None

    def note(self, line: str) -> None:
        """Shows a line that stays."""
        if self._panel is not None:
            self._panel.console.print(line, highlight=False, markup=False)
        else:
            self._show(line)

    def expect(self, tasks: list[Task]) -> None:
        """Announces the tasks that are going to run."""
        for task in tasks:
            self._tasks.setdefault((task.lane, *task.order[:1]), [0, 0, 0.0])[1] += 1

    def begin_images(self, name: str, total: int) -> None:
        """A step that goes through images begins."""
        with self._lock:
            self._images, self._began = (0, total, name), time.perf_counter()
        self._plain(force=True)

    def images(self, count: int = 1) -> None:
        """Some images are done."""
        with self._lock:
            done, total, name = self._images
            self._images = (done + count, total, name)
        self._plain(force=done + count >= total)

    def started(self, task: Task) -> None:
        """A task begins."""
        with self._lock:
            self._running[id(task)] = task.name
        self._plain(force=task.lane == "torch")

    def finished(self, task: Task) -> None:
        """A task has ended."""
        with self._lock:
            self._running.pop(id(task), None)
            count = self._tasks.setdefault((task.lane, *task.order[:1]), [0, 0, 0.0])
            count[0] += 1
            count[2] += task.seconds
            if self._images[0] >= self._images[1]:
                self._images = (0, 0, "")
        self._plain()

    def _plain(self, *, force: bool = False) -> None:
        if self._panel is not None or self._live:
            return
        now = time.perf_counter()
        with self._lock:
            if not force and now - self._last < EVERY:
                return
            self._last = now
        if line := self._line():
            self._show(line)

    def _line(self) -> str:
        with self._lock:
            cells = ", ".join(f"{count} {name}" for name, count in self.cells.items() if count or name != "failed")
            parts = [f"cells: {cells}"] if any(self.cells.values()) else []
            done, total, name = self._images
            if total and (done < total or not self._running):
                rate = done / max(time.perf_counter() - self._began, 1e-9)
                left = f", {_duration((total - done) / rate)} left" if 0 < done < total else ""
                parts.append(f"{name}: {done}/{total} images, {rate:.0f} images/s{left}")
            elif self._running:
                parts.append(next(iter(self._running.values())))
                if left := self._left():
                    parts.append(f"{left} left")
            return " | ".join(parts)

    def _left(self) -> str:
        """The time left; kinds of work of which nothing is done yet are not counted, which makes it the least time.

        Empty where that is less than a second, or nothing is done.
        """
        lanes = {"torch": 1, "cpu": self._jobs}
        seconds = sum(
            (total - done) * spent / done / lanes[lane]
            for (lane, *_), (done, total, spent) in self._tasks.items()
            if done
        )
        if seconds < 1:
            return ""
        known = all(done for done, *_ in self._tasks.values())
        return _duration(seconds) if known else f"at least {_duration(seconds)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
