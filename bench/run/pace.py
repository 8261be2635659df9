"""How fast a run is: what its tasks took so far, and from that about how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.tasks.local import Task


@dataclass(eq=False)
class Running:
    """A task that runs, or work that is none, such as the reading of scans.

    Args:
        name: What it does.
        task: The task, if it is one.
        units: For each unit that it counts how many have ended and how many there are; outer units come first.
        counted: The unit that it goes through, such as `image`, if it is not an epoch or a step.
        began: When it began, and `part` when its present part did; by the clock of `time.perf_counter`.
    """

    name: str
    task: Task | None = None
    units: dict[str, tuple[int, int]] = field(default_factory=dict)
    counted: str = ""
    began: float = field(default_factory=time.perf_counter)
    part: float = field(default_factory=time.perf_counter)

    def count(self, unit: str, number: int, most: int) -> None:
        """Notes how many of a unit have ended; the units inside it begin anew."""
        inside = list(self.units)[list(self.units).index(unit) + 1 :] if unit in self.units else []
        for each in inside:
            del self.units[each]
        self.units[unit] = number, max(most, 1)

    def begin_part(self, unit: str, most: int) -> None:
        """A part begins that goes through `most` of a unit."""
        self.units, self.part = {unit: (0, max(most, 1))}, time.perf_counter()

    def words(self) -> str:
        """Where it is: `start 2 of 3, epoch 5 of 40`; empty if it counts nothing."""
        last = next(reversed(self.units), "")
        shown = [
            f"{unit} {number if unit == last else min(number + 1, most)} of {most}"
            for unit, (number, most) in self.units.items()
        ]
        return ", ".join(shown)

    def left(self) -> float | None:
        """About how many seconds its present part still takes; None before one unit has ended."""
        share, scale = 0.0, 1.0
        for number, most in self.units.values():
            share += scale * number / most
            scale /= most
        return None if not share else (time.perf_counter() - self.part) * max(0.0, 1 - share) / share


@dataclass
class _Group:
    """Tasks that take about the same time: how many are done of how many, and what was measured."""

    done: int = 0
    total: int = 0
    measured: int = 0
    seconds: float = 0.0


class Pace:
    """What the tasks of a run took, and what is left of them.

    Tasks of one kind that are alike (`Task.like`) are taken to need the same time; where none of them has ended, the
    mean of their kind is taken.

    Args:
        jobs: How many tasks of the `cpu` lane run at a time.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._overlap = False
        self._groups: dict[tuple[str, str, str], _Group] = {}

    def expect(self, tasks: Iterable[Task], *, overlap: bool = False) -> None:
        """Announces the tasks that are going to run, after those that were announced before have ended."""
        self._overlap = overlap
        for group in self._groups.values():
            group.done = group.total = 0
        for task in tasks:
            self._of(task).total += 1

    def finished(self, task: Task) -> None:
        """Notes that a task has ended; one that never ran, since another failed, measures nothing."""
        group = self._of(task)
        group.done += 1
        if task.seconds:
            group.measured += 1
            group.seconds += task.seconds

    def counts(self, kind: str) -> tuple[int, int]:
        """How many tasks of a kind have ended, and how many there are."""
        same = [group for (_, of, _), group in self._groups.items() if of == kind]
        return sum(group.done for group in same), sum(group.total for group in same)

    def seconds(self) -> dict[str, float]:
        """What each kind of task took in all, in seconds; kinds that took nothing are not there."""
        found: dict[str, float] = {}
        for (_, kind, _), group in self._groups.items():
            if group.measured:
                found[kind] = found.get(kind, 0.0) + group.seconds
        return found

    def left(self, running: Iterable[Running]) -> tuple[float, bool]:
        """About how many seconds are left, and whether that covers every kind of task."""
        now = {id(one.task): one for one in running if one.task is not None}
        lanes: dict[str, list[float]] = {"torch": [], "cpu": []}
        whole = True
        kinds = {kind: self._mean(kind) for _, kind, _ in self._groups}
        for (lane, kind, like), group in self._groups.items():
            here = [one for one in now.values() if one.task and self._key(one.task) == (lane, kind, like)]
            waiting = max(0, group.total - group.done - len(here))
            each = group.seconds / group.measured if group.measured else None
            soon = [(time.perf_counter() - one.began) + left for one in here if (left := one.left()) is not None]
            if each is None:
                each = max(soon) if soon else kinds[kind]
            if each is None:
                whole = whole and not (waiting or here)
                continue
            lanes[lane] += [each] * waiting
            for one in here:
                left = one.left()
                lanes[lane].append(max(0.0, each - (time.perf_counter() - one.began)) if left is None else left)
        torch, cpu = sum(lanes["torch"]), max([sum(lanes["cpu"]) / self._jobs, *lanes["cpu"]], default=0.0)
        return (max(torch, cpu) if self._overlap else torch + cpu), whole

    def _mean(self, kind: str) -> float | None:
        same = [group for (_, of, _), group in self._groups.items() if of == kind and group.measured]
        measured = sum(group.measured for group in same)
        return sum(group.seconds for group in same) / measured if measured else None

    def _of(self, task: Task) -> _Group:
        return self._groups.setdefault(self._key(task), _Group())

    @staticmethod
    def _key(task: Task) -> tuple[str, str, str]:
        return task.lane, task.kind, task.like
