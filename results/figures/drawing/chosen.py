"""The cells of a target that figures show, with their scores, their names and their facts for captions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from results.figures.drawing.style import NothingToDrawError
from results.run_folder import Predictions, Run, RunCell, head_name
from results.scores import reconstruction
from results.scores.alignment import aligned
from results.scores.labels import by_class, shorten
from results.scores.records import NOTHING, Record, records
from results.scores.scores import scores
from results.statistics.bootstrap import FEWEST, PatientBootstrap, PredictedRows
from results.tables import notes
from results.tables.leading import stored_score

if TYPE_CHECKING:
    import pandas as pd

Float64 = NDArray[np.float64]
RESAMPLES = 2000  # as the tables have, so that a cell has one interval everywhere
CONDITIONAL = "for the fitted models at hand (it covers the sampling of patients, not of training sets)"


def what_is_covered(run: Run) -> str:
    """What the intervals of figures cover, in words for a caption."""
    more = "alone" if run.protocol.get("split") == "external" else "and of training sets"
    return f"as in the tables: it covers the sampling of patients {more}"


@dataclass(frozen=True, eq=False)
class Chosen:
    """The done cells of one target.

    Args:
        run: The run.
        target: Its target.
        cells: Records of `results.scores.scores`, best AUC first; the labels of axes are shortened.
        undone: Records of cells that are not done.
        floors: Records of the floors, such as prior and location.
        varying: The axes on which the cells differ.
        classes: The names of the classes, in order.
    """

    run: Run
    target: str
    cells: tuple[Record, ...]
    undone: tuple[Record, ...]
    floors: tuple[Record, ...]
    varying: tuple[str, ...]
    classes: tuple[str, ...]

    @cached_property
    def by_key(self) -> dict[str, RunCell]:
        """The cells of the run folder, floors included."""
        return {cell.key: cell for cell in self.run.cells if cell.target == self.target}

    @cached_property
    def failed(self) -> Container[str]:
        """The cells that use a collapsed autoencoder, by key."""
        return reconstruction.collapsed(self.run)

    def name(self, record: Record, axes: Sequence[str] | None = None, *, marked: bool = True) -> str:
        """The name of a cell: the steps on which it differs from the others; of a floor its head.

        With `marked`, the name of a cell that uses a collapsed autoencoder has the mark.
        """
        if record["floor"]:
            return head_name(record["heads"])
        wanted = [axis for axis in (self.varying if axes is None else axes) if record[axis] not in NOTHING] or ["heads"]
        labels = [str(record[axis]) for axis in wanted]
        return ", ".join(reconstruction.marked(labels, wanted, [record["key"]], self.failed if marked else ()))

    def step(self, axis: str, step: str) -> str:
        """A step of an axis; an encoder has the mark if it collapsed in a cell."""
        users = [cell["key"] for cell in self.cells if axis == "encoders" and str(cell[axis]) == step]
        return reconstruction.marked([step], [axis], users, self.failed)[0]

    def places(self, axis: str) -> dict[str, int]:
        """The steps of the cells on an axis, each with its place in the grid, which is the same for every target."""
        order = list(dict.fromkeys(cell.axes[axis] for cell in self.run.cells if not cell.floor))
        found = {str(cell[axis]): order.index(self.by_key[cell["key"]].axes[axis]) for cell in self.cells}
        return dict(sorted(found.items(), key=lambda one: one[1]))

    def predictions(self, record: Record) -> Predictions:
        """The predictions of a cell."""
        return self.run.predictions(self.by_key[record["key"]])

    def bootstrap(
        self, records: Iterable[Record], *, resamples: int, seed: int, recalibrated: bool = False
    ) -> Resampled:
        """The rows of some cells and one bootstrap over the patients of the run.

        With `recalibrated`, cells that were fitted on balanced rows have their recalibrated probabilities.
        """
        predictions = {record["key"]: self.predictions(record) for record in records}
        alignment = aligned(self.run, self.target, predictions, places=False)
        enough = resamples if alignment.n_patients >= FEWEST else 0  # fewer patients have no bands, as in tables
        draws = PatientBootstrap(alignment.n_patients, resamples=enough, seed=seed)
        P = {
            key: p.P if not recalibrated or p.recalibrated is None else p.recalibrated for key, p in predictions.items()
        }
        return Resampled(alignment.rows, P, draws)

    @property
    def n(self) -> str:
        """`75 patients, 506 samples (0: 292, 1: 214)`, with spans where cells differ."""
        return self.n_among([*self.cells, *self.floors])

    def n_among(self, known: Sequence[Record]) -> str:
        """As `n`, for some cells."""
        patients, samples = ({int(r[f"n_{unit}"]) for r in known} for unit in ("patients", "samples"))
        events = {r["n_events"] for r in known}
        counts = f" ({by_class(self.classes, events.pop())})" if len(events) == 1 else ""
        other = "; cells with different n are scored on different samples" if len(samples) > 1 else ""
        return f"{span(patients)} patients, {span(samples)} samples{counts}{other}"

    def n_of(self, record: Record) -> str:
        """As `n`, for one cell."""
        counts = by_class(self.classes, record["n_events"])
        return f"{int(record['n_patients'])} patients, {int(record['n_samples'])} samples ({counts})"

    @property
    def picked(self) -> str:
        """The sentences of a caption on the choice of the best cell."""
        n = len(self.cells)
        if n < 2:
            return ""
        worth = notes.corrected(self.run, self.cells[0], n)
        return f" The best of {n} cells was chosen on the same data, so its score may be optimistic.{worth}"


@dataclass(frozen=True, eq=False)
class Resampled:
    """Some cells over one list of patients, with draws of these patients.

    Args:
        rows: The rows of each cell, by its key.
        P: `(n, K)` probabilities of each cell, by its key.
        draws: The bootstrap.
    """

    rows: dict[str, PredictedRows]
    P: dict[str, Float64]
    draws: PatientBootstrap

    def counts(self, key: str) -> Float64:
        """`(B, P)`: the number of times that each patient is drawn, in the draws that hold every class of a cell."""
        return self.draws.counts[self.draws.whole(self.rows[key])]

    @property
    def covers(self) -> str:
        """The sentence of a caption on bands and bars that are drawn from the resamples."""
        if not len(self.draws.counts):
            return f"none are drawn, since there are fewer than {FEWEST} patients."
        return f"95 % percentile bootstrap over patients, {len(self.draws.counts)} resamples, {CONDITIONAL}."


@lru_cache(maxsize=8)
def chosen(run: Run, target: str) -> Chosen:
    """The cells of a target that are done.

    Raises:
        NothingToDrawError: No cell of the target is done.
    """
    frame = table(run)
    of_target = frame[frame["target"] == target]
    cells = of_target[~of_target["floor"]].sort_values("auc", ascending=False, kind="stable")
    done = cells["status"] == "done"
    if not done.any():
        raise NothingToDrawError(f"no cell of target '{target}' is done")
    varying = [axis for axis in run.axes if len(set(cells[done][axis])) > 1]
    cells = cells.assign(**{axis: cells[axis].map(shorten(cells[axis])) for axis in run.axes})
    return Chosen(
        run=run,
        target=target,
        cells=tuple(records(cells[done])),
        undone=tuple(records(cells[~done])),
        floors=tuple(records(of_target[of_target["floor"] & (of_target["status"] == "done")])),
        varying=tuple(varying),
        classes=next(cell.classes for cell in run.cells if cell.target == target),
    )


def short_labels(run: Run, cells: pd.DataFrame) -> dict[str, list[str]]:
    """The short label of each cell on each axis; the encoder of one that uses a collapsed autoencoder is marked."""
    failed = reconstruction.collapsed(run)
    short = {axis: shorten(cells[axis]) for axis in run.axes}
    rows = []
    for cell in records(cells):
        labels = [short[axis][cell[axis]] for axis in run.axes]
        rows.append(reconstruction.marked(labels, run.axes, [cell["key"]], failed))
    return {axis: [row[i] for row in rows] for i, axis in enumerate(run.axes)}


@lru_cache(maxsize=1)
def table(run: Run) -> pd.DataFrame:
    """The scores of all cells."""
    return scores(run)


def value(record: Record, metric: str = "auc") -> str:
    """A score with its interval, in the very text of the tables, such as `0.84 [0.80, 0.87]`."""
    found = stored_score(record, metric)
    return "undefined" if found is None else found.text()


def ends(records: Sequence[Record], metric: str = "auc") -> Float64:
    """`(2, n)`: how far the intervals reach below and above the values; 0 where there are none."""
    out = [[r[metric] - r[f"{metric}_low"], r[f"{metric}_high"] - r[metric]] for r in records]
    return np.maximum(np.nan_to_num(np.array(out, dtype=np.float64).reshape(-1, 2)), 0).T


def span(numbers: set[int]) -> str:
    """`117`, or `117 to 118` where numbers differ."""
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
