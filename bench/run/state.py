"""The state of every cell while a run goes on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress

from bench.plan.references import PlannedCell
from bench.run.progress import Progress
from bench.run.record import Record
from bench.tasks.local import Task
from bench.tasks.store import Store
from data.files.whole import why_not_written


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
        self._store = store
        fits = store.keys("fits")
        self._status: dict[str, tuple[str, str]] = {}
        for planned in cells:
            state = ("refused", planned.refused) if planned.refused else ("to do", "")
            if not planned.refused and self.is_ready(planned, fits):
                state = ("done", "")
            self._status[planned.key] = state
        self.save()

    def is_ready(self, planned: PlannedCell, fits: Collection[str]) -> bool:
        """Whether a cell is done, given the fits in the store; what it predicts is written if it was not yet."""
        if not all(fit.key in fits for fit in planned.fits):
            return False
        if self._store.verify and any(self._store.find("fits", fit.key) is None for fit in planned.fits):
            return False
        return self._record.write_predictions(planned)

    def done(self, planned: PlannedCell) -> None:
        """Notes that all fits of a cell are in the store, and writes what it predicts."""
        try:
            why = "" if self._record.write_predictions(planned) else "one of its fits was damaged: run again"
        except OSError as error:
            if not (why := why_not_written(error)):
                raise
            why = f"{self._record.folder}: {why}: its fits are kept, so run again to write what it predicts"
        if why:
            self._fail(planned, why, "")
        elif planned.view.kind == "real":
            self._status[planned.key] = ("done", "")
            if time.perf_counter() - self._saved > 10:
                with suppress(OSError):  # it is written again at the end, and then named
                    self.save()
        self.show()

    def failed(self, planned: PlannedCell, task: Task) -> None:
        """Notes that a fit of a cell failed, and keeps its traceback."""
        if not any(planned is failed for failed, _ in self.failures):
            self._fail(planned, task.error, task.trace, task.name)
        self.show()

    def _fail(self, planned: PlannedCell, error: str, trace: str, name: str = "") -> None:
        if planned.view.kind == "real":
            self._status[planned.key] = ("failed", error)
        with suppress(OSError):  # a full disk must not end the run
            self._record.write_failure(planned, trace or error)
        self.failures.append((planned, error))
        self._progress.note(f"failed: {name or planned.cell.title()}: {error}")

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
