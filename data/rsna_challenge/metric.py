"""RSNA 2024's score: the weighted log losses of three conditions, and of a severe canal at any level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.base import Float64
from data.rsna_challenge.places import CANAL, CLASSES, FORAMEN, RECESS

CONDITIONS = {CANAL: "rsna_spinal", FORAMEN: "rsna_foraminal", RECESS: "rsna_subarticular"}
"""The name of each condition's term."""

TERMS = (*CONDITIONS.values(), "rsna_any_severe_spinal")
SCORES = ("rsna_log_loss", *TERMS)
_SEVERE = CLASSES.index("Severe")


def rsna_log_loss(
    study: NDArray[np.str_],
    condition: NDArray[np.str_],
    y: NDArray[np.int64],
    probabilities: Float64,
    weights: Float64 | None = None,
) -> dict[str, Float64]:
    """RSNA's score `rsna_log_loss` (lower is better), which is the mean of four terms, and the terms; all `(R,)`.

    Normal, moderate and severe samples have the weights 1, 2 and 4. A condition's term is the weighted three-class log
    loss of its samples of both sides. The fourth term is about whether any canal level of a study is severe: the
    study's probability and weight are the largest ones of its levels. Rows are normalised to a sum of 1 and clipped at
    the machine epsilon, as in scikit-learn's log loss.

    Args:
        study: `(n,)` the study of each row.
        condition: `(n,)` the condition of each row, a key of `CONDITIONS`.
        y: `(n,)` classes, 0 to 2.
        probabilities: `(n, 3)`.
        weights: `(R, n)` how often each row counts in each of R resamples, the same for all rows of a study; None
            counts all rows once.

    Returns:
        The terms by name; empty where a condition is absent.

    References:
        RSNA 2024 Lumbar Spine Degenerative Classification, kaggle.com, evaluation.
    """
    if any(not (condition == name).any() for name in CONDITIONS):
        return {}
    p = np.asarray(probabilities, dtype=np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    weight: Float64 = np.asarray(2.0**y)
    loss = -np.log(_clipped(p[np.arange(len(y)), y]))
    columns = [np.where(condition == name, value, 0.0) for name in CONDITIONS for value in (weight * loss, weight)]
    columns += _any_severe(study, condition == CANAL, y == _SEVERE, p[:, _SEVERE], weight)
    counts = np.ones((1, len(y))) if weights is None else weights
    sums = (counts @ np.column_stack(columns)).reshape(-1, len(columns) // 2, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = sums[..., 0] / sums[..., 1]
    named = dict(zip(TERMS, terms.T, strict=True))
    return {"rsna_log_loss": terms.mean(axis=1), **named}


def _any_severe(
    study: NDArray[np.str_], canal: NDArray[np.bool_], severe: NDArray[np.bool_], p: Float64, weight: Float64
) -> list[Float64]:
    """Weighted loss and weight `(n,)` of each study, at the study's first canal row; 0 at all other rows."""
    rows = np.flatnonzero(canal)
    _, first, owner = np.unique(study[rows], return_index=True, return_inverse=True)
    any_severe, largest_p, largest_weight = np.zeros(len(first), dtype=bool), np.zeros(len(first)), np.zeros(len(first))
    np.logical_or.at(any_severe, owner, severe[rows])
    np.maximum.at(largest_p, owner, p[rows])
    np.maximum.at(largest_weight, owner, weight[rows])
    loss = -np.log(_clipped(np.where(any_severe, largest_p, 1 - largest_p)))
    out = np.zeros((2, len(study)))
    out[:, rows[first]] = largest_weight * loss, largest_weight
    return list(out)


def _clipped(p: Float64) -> Float64:
    eps = np.finfo(np.float64).eps
    return np.clip(p, eps, 1 - eps)
