"""What a run folder holds besides predictions: sessions, samples, folds, exclusions, patients of each target."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from results.plug_ins import PlugIns, UsedPlugIn, read_plug_ins
from results.run_folder import Predictions, ResultsError, Run, RunCell
from results.run_records import read_sessions
from results.run_tables import EXCLUDED, FOLDS, read_samples, read_table
from results.scores.scores import kept_scores, shown_metrics

if TYPE_CHECKING:
    import pandas as pd

UNUSED = ("none", "-")


@dataclass(frozen=True)
class Population:
    """The samples that the cells of one target and one choice of sequences predict.

    Args:
        target: The target.
        sequences: The label of the sequences.
        classes: The labels of the target, in order.
        label: The class index of each sample.
        patient: The patient of each sample.
        uneven: Whether some of these cells predict fewer samples than others.
        parts: The numbers of patients in the test parts of these cells.
    """

    target: str
    sequences: str
    classes: tuple[str, ...]
    label: dict[str, int]
    patient: dict[str, str]
    uneven: bool
    parts: frozenset[int]

    @property
    def n_patients(self) -> int:
        """The number of patients."""
        return len(set(self.patient.values()))

    @property
    def n_samples(self) -> int:
        """The number of samples."""
        return len(self.label)

    @property
    def events(self) -> list[int]:
        """The number of samples of each class."""
        counts = Counter(self.label.values())
        return [counts[k] for k in range(len(self.classes))]

    @property
    def rarest(self) -> int:
        """The number of patients of the class that fewest patients have."""
        return min(
            len({self.patient[sample] for sample, label in self.label.items() if label == k})
            for k in range(len(self.classes))
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a paper needs from a run folder.

    Args:
        run: The run.
        sessions: One for each start of the run, as `provenance.json` has them.
        samples: `samples.parquet`, patients as text.
        folds: `folds.csv`: `patient` (text), `repeat`, `fold` (-1: always in training).
        excluded: The number of rows of `excluded.csv` by reason, most frequent first.
        populations: The samples and patients of each target.
        scores: The table of scores that the folder keeps, of the cells that it has; None where it keeps none.
        resamples: Draws of the bootstrap of that table.
        metrics: The metrics that tables show without being asked; empty without a table.
        own_scores: The dataset's own scores, if it has any.
        null_runs: The lowest and the highest number of null runs of the cells that have any, and how many have.
    """

    run: Run
    sessions: list[dict[str, Any]]
    samples: pd.DataFrame
    folds: pd.DataFrame
    excluded: dict[str, int]
    populations: list[Population]
    scores: pd.DataFrame | None
    resamples: int
    metrics: list[str]
    own_scores: list[str]
    null_runs: tuple[int, int, int]

    @cached_property
    def plug_ins(self) -> PlugIns:
        """The plug-ins as the run describes them.

        Raises:
            ResultsError: The run folder lacks `plugins.json`, as those of earlier versions do.
        """
        return read_plug_ins(self.run.folder)

    @cached_property
    def used(self) -> list[UsedPlugIn]:
        """The plug-ins of cells that were completed, floors aside, and what belongs to no axis."""
        steps = {part for axis in self.run.axis_words for part in self._parts_on(axis)}
        return [one for one in self.plug_ins.used if one.kind not in self.run.axis_words or one in steps]

    def _parts_on(self, axis: str) -> list[UsedPlugIn]:
        known = {one.kind for one in self.plug_ins.used}
        labels = self.steps(axis) if axis in known else []
        return [one for label in labels for one in self.plug_ins.of(axis, label)]

    @property
    def official(self) -> bool:
        """Whether models were fitted once, by an official split."""
        return bool(self.run.protocol.get("split") == "official")

    @property
    def validated(self) -> bool:
        """Whether the validation part of an official split stood for inner folds."""
        return self.official and bool(self.run.protocol.get("validation", True))

    @property
    def left_out(self) -> int:
        """The most draws of the bootstrap that lack a class of a cell's rows."""
        if self.scores is None or "draws_left_out" not in self.scores:
            return 0
        return int(self.scores["draws_left_out"].fillna(0).max())

    @property
    def corrected(self) -> bool:
        """Whether the table has an AUC of a best cell that is corrected for its being chosen."""
        name = "auc_corrected_among"
        return self.scores is not None and name in self.scores and bool((self.scores[name].fillna(0) > 1).any())

    @property
    def cells(self) -> list[RunCell]:
        """The cells that are no floors."""
        return [cell for cell in self.run.cells if not cell.floor]

    def steps(self, axis: str) -> list[str]:
        """The labels on an axis of the cells that were completed, floors aside.

        `none` stands for what a cell does not use; of substitutes for absent sequences it is no choice, and is given
        only where no cell has another.
        """
        done = [cell for cell in self.cells if cell.status == "done"]
        labels = (cell.axes.get(axis, "none") for cell in done)
        found = list(dict.fromkeys("none" if label in UNUSED else label for label in labels))
        return [label for label in found if label != "none"] or found if axis == "missing" else found


def gather(run: Run) -> Evidence:
    """Reads a run folder.

    Raises:
        ResultsError: `samples.parquet`, `folds.csv`, `excluded.csv` or `provenance.json` can't be read.
    """
    samples, folds = read_samples(run.folder), read_table(run.folder / "folds.csv", FOLDS)
    reasons = Counter(read_table(run.folder / "excluded.csv", EXCLUDED)["reason"].tolist())
    try:
        sessions = read_sessions(run.folder)
    except FileNotFoundError as error:
        raise ResultsError(f"{error.filename}: no such file: run the grid again (what is done is kept)") from error
    table = _scores(run)
    return Evidence(
        run=run,
        sessions=sessions,
        samples=samples,
        folds=folds,
        excluded=dict(reasons.most_common()),
        populations=populations(run),
        scores=table,
        resamples=0 if table is None else int(table.attrs.get("resamples", 0)),
        metrics=[] if table is None else shown_metrics(),
        own_scores=_own_scores(run),
        null_runs=_null_runs(run),
    )


def populations(run: Run) -> list[Population]:
    """The samples and patients of each target, by the choice of sequences."""
    groups: dict[tuple[str, str], list[RunCell]] = {}
    for cell in run.cells:
        if cell.status == "done":
            groups.setdefault((cell.target, cell.axes.get("sequences", "")), []).append(cell)
    found = []
    for (target, sequences), cells in groups.items():
        label: dict[str, int] = {}
        patient: dict[str, str] = {}
        sizes: set[int] = set()
        parts: set[int] = set()
        for cell in cells:
            p = run.predictions(cell)
            parts |= set(tested_patients(p))
            sizes.add(len(np.unique(p.sample)))
            label |= zip(p.sample.tolist(), p.y.tolist(), strict=True)
            patient |= zip(p.sample.tolist(), p.patient.tolist(), strict=True)
        found.append(
            Population(target, sequences, cells[0].classes, label, patient, sizes != {len(label)}, frozenset(parts))
        )
    return found


def tested_patients(p: Predictions) -> list[int]:
    """The number of patients in each test part of a cell."""
    where = zip(p.repeat.tolist(), p.fold.tolist(), strict=True)
    return list(Counter((r, f) for r, f, _ in {(*at, who) for at, who in zip(where, p.patient, strict=True)}).values())


def _scores(run: Run) -> pd.DataFrame | None:
    table = kept_scores(run.folder)
    if table is None:
        return None
    kept = table[table["key"].isin([cell.key for cell in run.cells])]
    kept.attrs = table.attrs
    return kept if len(kept) else None


def _own_scores(run: Run) -> list[str]:
    path = run.folder / "dataset_scores.csv"
    return list(read_table(path, {"score": str})["score"].unique()) if path.exists() else []


def _null_runs(run: Run) -> tuple[int, int, int]:
    counts = Counter(path.parent.name for path in run.folder.glob("null/*/*.parquet"))
    return (min(counts.values()), max(counts.values()), len(counts)) if counts else (0, 0, 0)
