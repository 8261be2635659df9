"""Scores of a classifier: one number for each row and class, whatever the classifier gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64, Int64

SMALLEST = 1e-12  # a probability of 0 has log-odds of -28, not -inf


def scores(classifier: Any, X: Float32) -> Float64:
    """One-vs-rest scores `(m, k)`: the log-odds of its probabilities, or decision values where it has none."""
    if hasattr(classifier, "predict_proba"):
        p = np.asarray(classifier.predict_proba(X), dtype=np.float64)
        rest = np.column_stack([np.delete(p, c, axis=1).sum(axis=1) for c in range(p.shape[1])])
        return np.asarray(np.log(np.maximum(p, SMALLEST)) - np.log(np.maximum(rest, SMALLEST)))
    return two_columns(np.asarray(classifier.decision_function(X), dtype=np.float64))


def two_columns(decision: Float64) -> Float64:
    """Decision values `(m, k)`; those of two classes, `(m,)`, become two columns of opposite sign."""
    return np.column_stack([-decision, decision]) if decision.ndim == 1 else decision


def probabilities(scores: Float64) -> Float64:
    """The probabilities `(m, k)` of classes whose log-odds are `scores` `(m, k)`."""
    from scipy.special import expit

    if scores.shape[1] == 2:
        p = expit(scores[:, 1])
        return np.column_stack([1 - p, p])
    odds = expit(scores)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def fitness(
    labels: Int64, held_out: Float64, folds: Sequence[Int64], *, by: Literal["auc", "log_loss"]
) -> tuple[float, float]:
    """How good held-out scores are, higher being better: the AUC and minus the log loss, what decides first.

    Args:
        labels: `(n,)` in `range(k)`.
        held_out: `(n, k)` log-odds.
        folds: The positions of the rows that each inner fold holds out.
        by: What decides; the other one decides among equal ones.
    """
    auc = float(np.mean([macro_auc(labels[rows], held_out[rows]) for rows in folds]))
    known = np.concatenate(folds)
    p = probabilities(held_out[known])[np.arange(len(known)), labels[known]]
    fit = float(np.log(np.maximum(p, SMALLEST)).mean())
    return (auc, fit) if by == "auc" else (fit, auc)


def macro_auc(labels: Int64, scores: Float64) -> float:
    """The mean one-vs-rest AUC over the classes that have rows and lack rows; .5 where there is no such class.

    Args:
        labels: `(m,)` in `range(k)`.
        scores: `(m, k)`.
    """
    from sklearn.metrics import roc_auc_score

    def has_both(positive: NDArray[np.bool_]) -> bool:
        return bool(positive.any() and not positive.all())

    columns = [c for c in range(scores.shape[1]) if has_both(labels == c)]
    return float(np.mean([roc_auc_score(labels == c, scores[:, c]) for c in columns])) if columns else 0.5
