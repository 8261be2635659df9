"""Where work runs: a graph of tasks in two lanes.

The `torch` lane runs one task at a time with all cores or the GPU; the `cpu` lane runs several at a time with one
thread inside each. On a CPU the lanes take turns; with a GPU they overlap.
"""

from __future__ import annotations

import heapq
import itertools
import os
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data.describing.training import heard_by
from data.text.names import readable

_LONGEST = 2000  # signs of a reason


@dataclass(eq=False)
class Task:
    """A step that runs once.

    Args:
        name: What it does, for progress and errors.
        run: The work; its result lies in the store, not here.
        lane: Where it runs.
        after: The tasks that must be done first.
        order: Tasks of a lane run in this order.
        last: Whether it waits until nothing else can run, and then runs alone.
        error: The reason, if this task failed or one that it waits for.
        trace: The traceback of the failure.
        seconds: How long the task ran.
        kind: The kind of its work, for progress: `fitting heads`.
        like: Tasks of one kind that have this in common take about the same time.
    """

    name: str
    run: Callable[[], None]
    lane: Literal["torch", "cpu"]
    after: tuple[Task, ...] = ()
    order: tuple[float, ...] = ()
    last: bool = False
    error: str = ""
    trace: str = ""
    seconds: float = 0.0
    kind: str = ""
    like: str = ""


class Watcher:
    """Follows the work; its methods may be called from any thread."""

    def started(self, task: Task) -> None:
        """A task begins."""

    def finished(self, task: Task) -> None:
        """A task has ended; `task.error` gives the reason where it failed, and is empty otherwise."""

    def begin_images(self, name: str, total: int, unit: str = "image") -> None:
        """A step that goes through images begins, or through another unit, such as pairs of them."""

    def images(self, count: int = 1) -> None:
        """Some more images are done, or of the unit that the step goes through."""

    def reached(self, unit: str, number: int, most: int) -> None:
        """What trains in the calling thread has reached an epoch or a step; see `data.describing.training`."""

    def note(self, line: str) -> None:
        """Shows a line that stays."""

    def only_last(self) -> None:
        """Nothing is left but tasks that are `last`."""

    def stopping(self) -> None:
        """The user stops the work; tasks that run may not come to their end."""


def execute(tasks: Iterable[Task], *, jobs: int, overlap: bool, watcher: Watcher) -> None:
    """Runs every task as soon as the tasks that it waits for are done. If one fails, only those that wait for it fail.

    Args:
        tasks: The graph.
        jobs: The number of tasks at a time in the `cpu` lane, and of threads in the `torch` lane on a CPU.
        overlap: Whether the lanes run side by side (with a GPU) or take turns.
        watcher: Is called at every start and end.
    """
    queue = _Queue(tasks, watcher)
    running: dict[Future[None], Task] = {}
    with (
        _one_blas_thread(),
        ThreadPoolExecutor(1, "torch") as torch_lane,
        ThreadPoolExecutor(jobs, "cpu") as cpu_lane,
    ):
        try:
            while True:
                for task in queue.startable(list(running.values()), jobs, overlap):
                    pool = torch_lane if task.lane == "torch" else cpu_lane
                    running[pool.submit(_run, task, jobs if task.lane == "torch" else 1, watcher)] = task
                if not running:
                    return
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    queue.finish(running.pop(future))
        except BaseException:
            watcher.stopping()
            for future in running:
                future.cancel()
            raise


class _Queue:
    """The tasks that have not started, by lane, and how many others each waits for."""

    def __init__(self, tasks: Iterable[Task], watcher: Watcher) -> None:
        self._watcher = watcher
        self._ready: dict[str, list[tuple[tuple[float, ...], int, Task]]] = {"torch": [], "cpu": [], "last": []}
        self._blockers: dict[Task, int] = {}
        self._dependents: dict[Task, list[Task]] = defaultdict(list)
        self._only_last = False
        self._count = itertools.count()
        for task in tasks:
            self._blockers[task] = len(task.after)
            for before in task.after:
                self._dependents[before].append(task)
            if not task.after:
                self._push(task)

    def startable(self, running: list[Task], jobs: int, overlap: bool) -> list[Task]:
        """Takes the tasks that may start now. If the lanes take turns, a ready torch task goes first, and alone.

        Tasks that are `last` run one by one when nothing else is left.
        """
        torch_busy = any(task.lane == "torch" for task in running)
        cpu_free = jobs - sum(task.lane == "cpu" for task in running)
        torch, cpu, last = self._ready["torch"], self._ready["cpu"], self._ready["last"]
        if any(task.last for task in running):
            return []
        if last and not (running or torch or cpu):
            if not self._only_last:
                self._only_last = True
                self._watcher.only_last()
            return [heapq.heappop(last)[-1]]
        if overlap:
            chosen = [heapq.heappop(torch)] if torch and not torch_busy else []
        elif torch or torch_busy:
            return [heapq.heappop(torch)[-1]] if torch and not running else []
        else:
            chosen = []
        chosen += [heapq.heappop(cpu) for _ in range(min(cpu_free, len(cpu)))]
        return [task for *_, task in chosen]

    def finish(self, task: Task) -> None:
        """Frees the tasks that waited for a task, or fails them if the task failed."""
        for after in self._dependents[task]:
            if task.error and not after.error:
                after.error, after.trace = f"{task.name}: {task.error}", task.trace
                self._watcher.finished(after)
                self.finish(after)
            self._blockers[after] -= 1
            if not self._blockers[after] and not after.error:
                self._push(after)

    def _push(self, task: Task) -> None:
        heapq.heappush(self._ready["last" if task.last else task.lane], (task.order, next(self._count), task))


def _run(task: Task, threads: int, watcher: Watcher) -> None:
    watcher.started(task)
    start = time.perf_counter()
    home = Path.cwd()
    _use_threads(threads)
    try:
        with heard_by(watcher.reached):
            task.run()
    except BaseException as error:  # a library may raise SystemExit; Ctrl-C reaches the main thread alone
        task.error = _reason(error)
        task.trace = traceback.format_exc()
    if Path.cwd() != home:  # paths of the run are relative to it
        task.error = task.error or f"it went to the folder {Path.cwd()}, but a step must stay where the run was started"
        os.chdir(home)
    task.seconds = time.perf_counter() - start
    watcher.finished(task)


def _reason(error: BaseException) -> str:
    """An error in one line that can be printed and written, whatever a plug-in raised."""
    try:
        words = str(error)
    except Exception as second:  # a plug-in's own class may fail here too
        words = f"its message can't be made ({type(second).__name__})"
    return readable(" ".join(f"{type(error).__name__}: {words}"[:_LONGEST].split()))


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Linear algebra with one thread per call: with more threads, its bits depend on what else runs."""
    import scipy.linalg  # noqa: F401 (its BLAS must be loaded to be limited)
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits


def _use_threads(threads: int) -> None:
    """Sets how many threads torch uses in the calling thread; other libraries get their number with each call."""
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)
