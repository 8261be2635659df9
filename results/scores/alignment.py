"""Finds cells that predict the same rows, so that they can be resampled and compared together."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Predictions, Run
from results.statistics.bootstrap import PredictedRows

Int64 = NDArray[np.int64]


class Alignment:
    """The rows of all cells of a target, over one list of patients.

    Args:
        predictions: The predictions of each cell, by its key.
        n_classes: K.
        places: The place in the body of each sample; empty where none is known.
        patients: All patients of the run, so that resamples do not depend on which cells there are; None: those that
            any cell predicts.
        ratio: As in `PredictedRows`.

    Attributes:
        rows: The rows of each cell; cells that predict the same samples in the same folds share one object.
        n_patients: The number of patients.
    """

    def __init__(
        self,
        predictions: Mapping[str, Predictions],
        *,
        n_classes: int,
        places: Mapping[str, str],
        patients: Collection[str] | None = None,
        ratio: float | None = None,
    ) -> None:
        found = np.unique(np.concatenate([np.array([], dtype=object), *(p.patient for p in _distinct(predictions))]))
        patients = found if patients is None else np.union1d(found, np.array(list(patients), dtype=object))
        self.n_patients = len(patients)
        names = {name: i for i, name in enumerate(sorted(set(places.values())))}
        self._predictions = predictions
        self._shared: dict[tuple[int, int], tuple[PredictedRows, Int64, Int64]] = {}
        self.rows: dict[str, PredictedRows] = {}
        first: list[str] = []
        for key, p in predictions.items():
            same = next((other for other in first if _same_rows(p, predictions[other])), None)
            if same is not None:
                self.rows[key] = self.rows[same]
                continue
            first.append(key)
            within = np.array([names[places[s]] for s in p.sample], dtype=np.int64) if places else None
            patient = np.searchsorted(patients, p.patient)
            self.rows[key] = PredictedRows(patient, p.repeat, p.fold, p.y, n_classes, within, ratio)

    def shared(self, a: str, b: str) -> tuple[PredictedRows, Int64, Int64]:
        """The rows that two cells both predict, and their positions in each."""
        mine, theirs = self.rows[a], self.rows[b]
        if (id(mine), id(theirs)) not in self._shared:
            self._shared[id(mine), id(theirs)] = self._intersect(a, b)
        return self._shared[id(mine), id(theirs)]

    def _intersect(self, a: str, b: str) -> tuple[PredictedRows, Int64, Int64]:
        rows = self.rows[a]
        if rows is self.rows[b]:
            everything = np.arange(len(rows.y))
            return rows, everything, everything
        where = {place: i for i, place in enumerate(_places(self._predictions[b]))}
        both = [(i, where[place]) for i, place in enumerate(_places(self._predictions[a])) if place in where]
        of_a, of_b = np.array(both, dtype=np.int64).reshape(-1, 2).T
        within = None if rows.within is None else rows.within[of_a]
        kept = PredictedRows(
            rows.patient[of_a], rows.repeat[of_a], rows.fold[of_a], rows.y[of_a], rows.n_classes, within, rows.ratio
        )
        return kept, of_a, of_b


def _places(p: Predictions) -> list[tuple[str, int]]:
    return list(zip(p.sample.tolist(), p.repeat.tolist(), strict=True))


def _distinct(predictions: Mapping[str, Predictions]) -> list[Predictions]:
    """One of the predictions for each list of patients, so that thousands of cells need not be joined."""
    out: list[Predictions] = []
    for p in predictions.values():
        if not any(np.array_equal(p.patient, other.patient) for other in out):
            out.append(p)
    return out


def _same_rows(p: Predictions, q: Predictions) -> bool:
    return all(np.array_equal(getattr(p, name), getattr(q, name)) for name in ("sample", "repeat", "fold", "y"))


def aligned(run: Run, target: str, predictions: Mapping[str, Predictions], *, places: bool = True) -> Alignment:
    """The rows of cells of one target of a run, over all patients of the run.

    Args:
        run: A run folder.
        target: One of its targets.
        predictions: The predictions of cells of this target, by key.
        places: Whether the rows know their place in the body.
    """
    classes = next(cell.classes for cell in run.cells if cell.target == target)
    return Alignment(
        predictions,
        n_classes=len(classes),
        places=run.places if places else {},
        patients=run.patients,
        ratio=run.test_to_train(target),
    )
