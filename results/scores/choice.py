"""What the scores of a target show: which floors are beaten, which cells may be the best, what the best is worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Predictions
from results.scores.paired import stepped_down
from results.scores.records import Record
from results.scores.scored_cells import ScoredCells
from results.statistics.best_set import LEVEL, best_set
from results.statistics.bootstrap import PredictedRows
from results.statistics.metrics import METRICS
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.selection import selection_corrected

Float64 = NDArray[np.float64]

EXPLORATORY = 20
"""Patients of the rarest class below which a cell is exploratory: no p-values."""


def beaten_floors(
    gains: ScoredCells, cells: Sequence[str], over: Mapping[str, Mapping[str, str]], n_patients: int
) -> dict[str, list[str]]:
    """The floors that each cell beats, by its key: those over which its gain in AUC is shown to lie above 0.

    The p-values over each floor are adjusted for the number of cells. A cell that beats each of the floors beats them
    all, without another correction (intersection-union).
    """
    beaten: dict[str, list[str]] = {key: [] for key in cells}
    for head, each in over.items():
        found = {key: gain for key in cells if key in each and (gain := gains.difference(each[key], key)) is not None}
        tested = {key: (gain, draws) for key, (gain, draws) in found.items() if np.isfinite(gain.value + gain.error)}
        if not tested:
            continue
        p = stepped_down([gain for gain, _ in tested.values()], [draws for _, draws in tested.values()], n_patients)
        for (key, (one, _)), adjusted in zip(tested.items(), p, strict=True):
            if one.value > 0 and adjusted <= LEVEL:
                beaten[key].append(head)
    return beaten


def correct_best(rows: Mapping[str, Record], cells: Collection[str], scored: ScoredCells) -> None:
    """Adds `auc_corrected` to the best cell: its AUC, corrected for being chosen among the cells on its samples."""
    values = {key: rows[key]["auc"] for key in cells if np.isfinite(rows[key]["auc"])}
    if not values or not len(scored.bootstrap.counts):
        return
    best = max(values, key=lambda key: values[key])
    own = scored.alignment.rows[best]
    same = [key for key in values if scored.alignment.rows[key] is own]
    found = selection_corrected(scored.bootstrap, AUC, own, [scored.predictions[key].P for key in same])
    rows[best].update(
        auc_corrected=found.value,
        auc_corrected_low=found.low,
        auc_corrected_high=found.high,
        auc_corrected_among=len(same),
    )


def first_alike(rows: Mapping[str, PredictedRows], predictions: Mapping[str, Predictions]) -> dict[str, str]:
    """For each cell, by key, the first one that predicts the same of the same rows; often itself."""
    first: dict[tuple[int, bytes], str] = {}
    return {key: first.setdefault((id(rows[key]), p.P.tobytes()), key) for key, p in predictions.items()}


def in_best_set(
    name: str,
    rows: Mapping[str, Record],
    draws: Mapping[str, Float64],
    predicted: Mapping[str, PredictedRows],
) -> dict[str, bool]:
    """Whether each cell on the best's samples may be the best (`best_set`), by key.

    Nothing is said where the best is exploratory, nor where no other cell is on the best's samples.
    """
    metric = METRICS[name]
    values = {key: rows[key][name] for key in draws if np.isfinite(rows[key][name])}
    if not values:
        return {}
    best = (min if metric.lower_is_better else max)(values, key=lambda key: values[key])
    same = [key for key in values if predicted[key] is predicted[best]]
    if rows[best]["rarest_class_patients"] < EXPLORATORY or len(same) < 2:
        return {}
    kept = best_set(
        metric, predicted[best], np.array([values[key] for key in same]), np.stack([draws[key] for key in same])
    )
    return dict(zip(same, map(bool, kept), strict=True))
