"""Computes what is left of some cells, on the device at hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench import interrupts
from bench.plan.errors import PlanError
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.run.attempts import Attempts
from bench.run.progress import Progress
from bench.run.state import State
from bench.tasks.local import Task, Watcher, execute
from bench.tasks.mending import lost_entries
from bench.tasks.store import Store

if TYPE_CHECKING:
    from bench.tasks.work import Work


def compute(
    plan: Plan,
    store: Store,
    cells: list[PlannedCell],
    state: State,
    *,
    device: str,
    jobs: int,
    progress: Progress,
    stages: dict[str, float],
    begun: Callable[[str], None],
    before_last: Callable[[], None] = lambda: None,
) -> None:
    """Runs the tasks that are left.

    Args:
        plan: The plan; its crops are in the store.
        store: Where results go.
        cells: The cells to compute.
        state: Gets to know what is done and what failed.
        device: `"auto"`, `"cpu"` or `"cuda"`.
        jobs: How many tasks run at a time.
        progress: Shows the work.
        stages: The seconds that each kind of work took, to which those of this call are added.
        begun: Is called with the device when the first step is done, or before the first fit.
        before_last: Is called before what ran when an earlier run was killed is tried once more.
    """
    fits = store.keys("fits")  # once: another process may add to them meanwhile
    ready = {id(planned) for planned in cells if state.is_ready(planned, fits)}
    for planned in cells:
        if id(planned) in ready:
            state.done(planned)
        else:  # its fits are going to be read
            fits -= {fit.key for fit in planned.fits if fit.key in fits and store.find("fits", fit.key) is None}
    lost = lost_entries(plan, store, cells)
    if len(ready) == len(cells) and not lost:
        return
    from bench.tasks.work import Work
    from encoders.networks.torch_base import prepare_process

    if sys.platform != "win32":  # there are no symbols of the process to look up
        prepare_process()
    device = pick_device(device)
    work = Work(plan, store, device=device, progress=progress, fitted=state.done)
    tasks, cells_of = work.tasks(cells, fits, lost)
    attempts = Attempts(state.folder)
    for name in attempts.sort(tasks):
        progress.note(
            f"{name} was running when an earlier run was killed, which it may or may not have caused. So it runs last, "
            "alone; `exclude` in the grid leaves it out."
        )
    progress.expect(tasks, overlap=device != "cpu")
    state.show()
    watcher = _Following(
        work=work,
        cells_of=cells_of,
        waited={before for task in tasks for before in task.after},
        state=state,
        attempts=attempts,
        progress=progress,
        stages=stages,
        begin=partial(begun, device),
        before_last=before_last,
    )
    with interrupts.calling(attempts.stopped):
        execute(tasks, jobs=jobs, overlap=device != "cpu", watcher=watcher)
    attempts.close()


@dataclass(frozen=True, kw_only=True)
class _Following(Watcher):
    """Shows progress, notes which tasks run, and does the run's own work at the start and the end of each task.

    Args:
        work: Made the tasks.
        cells_of: The cells of each fit.
        waited: The tasks for which others wait.
        state: As in `compute`, like `progress`, `stages` and `before_last`.
        attempts: Notes which tasks run.
        progress: Shows the work.
        stages: The seconds of each kind of work.
        begin: Notes that this run computes something.
        before_last: Writes what is done.
    """

    work: Work
    cells_of: Mapping[Task, list[PlannedCell]]
    waited: Collection[Task]
    state: State
    attempts: Attempts
    progress: Progress
    stages: dict[str, float]
    begin: Callable[[], None]
    before_last: Callable[[], None]

    def started(self, task: Task) -> None:
        self.attempts.started(task)
        if task in self.cells_of:
            self.begin()
        self.progress.started(task)

    def finished(self, task: Task) -> None:
        found = self.cells_of.get(task)
        lane = "embedding" if found is None else "fitting"
        self.stages[lane] = self.stages.get(lane, 0.0) + task.seconds
        if not task.error:
            self.begin()
        if found is not None:
            self._fitted(task, found)
        elif task.error and task not in self.waited:
            self.progress.note(f"failed: {task.name}: {task.error}: its table lacks rows, so run again")
        self.attempts.finished(task)
        self.progress.finished(task)

    def _fitted(self, task: Task, cells: list[PlannedCell]) -> None:
        if not task.error:
            self.state.fitted += 1
            self.work.done(cells)
            return
        for planned in cells:
            self.state.failed(planned, task)

    def reached(self, unit: str, number: int, most: int) -> None:
        self.progress.reached(unit, number, most)

    def only_last(self) -> None:
        self.before_last()

    def stopping(self) -> None:
        self.attempts.stopped()


def pick_device(wanted: str) -> str:
    """The device to compute on.

    Raises:
        PlanError: There is no such device, or a GPU was asked for and there is none.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise PlanError(f"--device {wanted}: use one of auto, cpu, cuda")
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise PlanError("--device cuda: torch sees no GPU here: use --device cpu or auto")
    return "cpu"
