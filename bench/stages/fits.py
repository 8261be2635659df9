"""Fits a head on the training rows of a fold and predicts the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from heads.base import FittedHead, Head, TrainingSet
from heads.fitting.class_weights import called as called_by

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeadPrediction:
    """The predictions of a head for the test rows.

    Args:
        P: `(m, K)` probabilities.
        recalibrated: `(m, K)` recalibrated probabilities of a fit on balanced rows; None if nothing is to be undone.
        called: `(m,)` int64 the called class by a threshold or by weights of the classes; None: the most probable one.
        chosen: The values that tuning chose.
    """

    P: Float64
    recalibrated: Float64 | None
    called: NDArray[np.int64] | None
    chosen: dict[str, Any]


@dataclass(frozen=True, eq=False)
class FittedHeads:
    """A head fitted on each branch of a fusion.

    Args:
        fits: One fit for each branch; None if its training rows have one class or none, so that it counts as absent.
        rates: `(K,)` base rates of all branches' training rows, for a row that has no branch.
    """

    fits: tuple[FittedHead | None, ...]
    rates: Float64

    def predict(self, X: Sequence[Float32], present: NDArray[np.bool_]) -> HeadPrediction:
        """Predicts the mean of the probabilities and of the thresholds or weights of the branches that a row has.

        Args:
            X: For each branch the features of all m rows.
            present: `(B, m)` bool: which row has which branch.

        Raises:
            ValueError: The head gave no probabilities.
        """
        total = np.zeros((present.shape[1], len(self.rates)))
        again, count = total.copy(), np.zeros((len(total), 1))
        thresholds, weights = np.zeros((len(total), 1)), total.copy()
        chosen: dict[str, Any] = {}
        used: list[FittedHead] = []
        for i, (fitted, rows, have) in enumerate(zip(self.fits, X, present, strict=True)):
            if fitted is None or not have.any():
                continue
            rows, shape = rows if have.all() else rows[have], (int(have.sum()), len(self.rates))
            total[have] += _checked(fitted.predict_proba(rows), *shape)
            if fitted.recalibrated is not None:
                again[have] += _checked(fitted.recalibrated.predict_proba(rows), *shape)
            thresholds[have] += 0.5 if fitted.threshold is None else fitted.threshold
            weights[have] += 1 / shape[1] if fitted.weights is None else fitted.weights
            count[have] += 1
            used.append(fitted)
            several = len(self.fits) > 1
            chosen |= {(f"{name} of branch {i}" if several else name): v for name, v in fitted.chosen.items()}

        def mean(total: Float64) -> Float64:
            return np.where(count > 0, total / np.maximum(count, 1), self.rates)

        undone = bool(used) and all(fit.recalibrated is not None for fit in used)
        P, called = mean(total), None
        if any(fit.threshold is not None for fit in used):
            threshold = np.where(count > 0, thresholds / np.maximum(count, 1), 0.5)[:, 0]
            called = (P[:, 1] >= threshold).astype(np.int64)
        if any(fit.weights is not None for fit in used):
            called = called_by(P, np.where(count > 0, weights, 1))
        return HeadPrediction(P, mean(again) if undone else None, called, chosen)


def fit_heads(
    head: Head, branches: Sequence[TrainingSet], wanted: Sequence[bool], *, seed: int, threads: int, device: str
) -> FittedHeads:
    """Fits a head on each branch, with the training rows that have it.

    Args:
        head: The head.
        branches: The training rows of each branch.
        wanted: For each branch whether any row to predict has it.
        seed: The seed of all draws.
        threads: The threads of one fit.
        device: Where torch and XGBoost compute.
    """
    several = len(branches) > 1
    fits = [
        None
        if not want or (several and len(np.unique(training.y)) < 2)
        else head.fit(training, seed=seed, threads=threads, device=device)
        for training, want in zip(branches, wanted, strict=True)
    ]
    seen = np.concatenate([one.y for one in branches])
    rates = np.bincount(seen, minlength=branches[0].classes) / max(1, len(seen))
    return FittedHeads(tuple(fits), rates)


def fit_and_predict(
    head: Head,
    branches: Sequence[TrainingSet],
    X_test: Sequence[Float32],
    present: NDArray[np.bool_],
    *,
    seed: int,
    threads: int,
    device: str,
) -> HeadPrediction:
    """Fits a head as `fit_heads` and predicts the test rows as `FittedHeads.predict`."""
    wanted = [bool(have.any()) for have in present]
    fitted = fit_heads(head, branches, wanted, seed=seed, threads=threads, device=device)
    return fitted.predict(X_test, present)


def _checked(probabilities: Any, rows: int, classes: int) -> Float64:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (rows, classes):
        raise ValueError(f"a head must give probabilities of shape ({rows}, {classes}), not {p.shape}")
    if not np.isfinite(p).all() or (np.abs(p.sum(axis=1) - 1) > 1e-6).any():
        raise ValueError("a head must give finite probabilities that sum to 1")
    return p
