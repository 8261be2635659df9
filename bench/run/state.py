"""The state of every cell while a run goes on."""

from __future__ import annotations

import time
from collections import Counter

from bench.plan.references import PlannedCell
from bench.run.progress import Progress
from bench.run.record import Record
from bench.tasks.local import Task
from bench.tasks.store import Store


class State:
    """The state of every cell while a run goes on; it is written to the run folder now and then."""

    def __init__(self, cells: list[PlannedCell], record: Record, store: Store, progress: Progress) -> None:
        self._cells = cells
        self._record = record
        self._progress = progress
        self._saved = 0.0
        self.failures: list[tuple[PlannedCell, str]] = []
        self.fitted = 0
        self.folder = record.folder
        fits = store.keys("fits")
        self._status: dict[str, tuple[str, str]] = {}
        for planned in cells:
            done = all(fit.key in fits for fit in planned.fits)
            state = ("refused", planned.refused) if planned.refused else ("done" if done else "to do", "")
            self._status[planned.key] = state
            if state[0] == "done":
                record.write_predictions(planned)
        self.save()

    def done(self, planned: PlannedCell) -> None:
        """Notes that all fits of a cell are in the store."""
        self._record.write_predictions(planned)
        if planned.view.kind == "real":
            self._status[planned.key] = ("done", "")
            if time.perf_counter() - self._saved > 10:
                self.save()
        self.show()

    def failed(self, planned: PlannedCell, task: Task) -> None:
        """Notes that a fit of a cell failed, and keeps its traceback."""
        if not any(planned is failed for failed, _ in self.failures):
            if planned.view.kind == "real":
                self._status[planned.key] = ("failed", task.error)
            self._record.write_failure(planned, task.trace)
            self.failures.append((planned, task.error))
            self._progress.note(f"failed: {task.name}: {task.error}")
        self.show()

    def counts(self) -> Counter[str]:
        """The number of cells in each state."""
        return Counter(state for state, _ in self._status.values())

    def finished(self) -> list[PlannedCell]:
        """The cells that are done."""
        return [planned for planned in self._cells if self._status[planned.key][0] == "done"]

    def save(self) -> None:
        """Writes the states to the run folder."""
        self._saved = time.perf_counter()
        self._record.write_cells(self._cells, dict(self._status))

    def show(self) -> None:
        """Passes the counts to the progress display."""
        counts = self.counts()
        self._progress.cells.update({name: counts[name] for name in ("done", "to do", "failed")})
