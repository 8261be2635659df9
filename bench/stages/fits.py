"""A head on the training rows of a fold, and what it predicts for the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from heads.base import FittedHead, Head, Training

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a head says of the test rows.

    Args:
        P: `(m, K)` probabilities.
        recalibrated: `(m, K)`: those of a fit on balanced rows, recalibrated; None where there is nothing to undo.
        threshold: `(m,)` the probability at and above which class 1 of two is called; None calls the most probable.
        chosen: The values that tuning chose.
    """

    P: Float64
    recalibrated: Float64 | None
    threshold: Float64 | None
    chosen: dict[str, Any]


def fit_and_predict(
    head: Head,
    branches: Sequence[Training],
    X_test: Sequence[Float32],
    present: NDArray[np.bool_],
    *,
    seed: int,
    threads: int,
    device: str,
) -> Predicted:
    """Fits a head and lets it predict the test rows.

    A head is fitted for each branch of a fusion, and the probabilities of the branches present are averaged, as are
    their thresholds. Of several branches, one whose training rows are of one class or none counts as absent; a row that
    has no other gets the base rates of all branches' training rows.

    Args:
        head: What is fitted.
        branches: The training rows of each branch, those that have it.
        X_test: For each branch the features of all m test rows.
        present: `(B, m)`: which test row has which branch.
        seed: For what draws.
        threads: Of one fit.
        device: Where torch and XGBoost compute.

    Raises:
        ValueError: The head gave no probabilities.
    """
    total = np.zeros((present.shape[1], branches[0].classes))
    again, thresholds = total.copy(), np.zeros(len(total))
    fits: list[FittedHead] = []
    chosen: dict[str, Any] = {}
    if len(branches) > 1:
        present = present & np.array([[len(np.unique(one.y)) > 1] for one in branches])
    for i, (training, X, have) in enumerate(zip(branches, X_test, present, strict=True)):
        if not have.any():
            continue
        fitted = head.fit(training, seed=seed, threads=threads, device=device)
        rows, shape = X if have.all() else X[have], (int(have.sum()), training.classes)
        total[have] += _checked(fitted.predict_proba(rows), *shape)
        if fitted.recalibrated is not None:
            again[have] += _checked(fitted.recalibrated.predict_proba(rows), *shape)
        thresholds[have] += 0.5 if fitted.threshold is None else fitted.threshold
        fits.append(fitted)
        chosen |= {(f"{name} of branch {i}" if len(branches) > 1 else name): v for name, v in fitted.chosen.items()}
    count = present.sum(axis=0)[:, None]
    seen = np.concatenate([one.y for one in branches])
    rates = np.bincount(seen, minlength=branches[0].classes) / max(1, len(seen))

    def mean(total: Float64) -> Float64:
        return np.where(count > 0, total / np.maximum(count, 1), rates)

    undone = bool(fits) and all(fit.recalibrated is not None for fit in fits)
    called = any(fit.threshold is not None for fit in fits)
    threshold = np.where(count > 0, thresholds[:, None] / np.maximum(count, 1), 0.5)[:, 0]
    return Predicted(mean(total), mean(again) if undone else None, threshold if called else None, chosen)


def _checked(probabilities: Any, rows: int, classes: int) -> Float64:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (rows, classes):
        raise ValueError(f"a head gives ({rows}, {classes}) probabilities, not {p.shape}")
    if not np.isfinite(p).all() or (np.abs(p.sum(axis=1) - 1) > 1e-6).any():
        raise ValueError("a head gives finite probabilities that sum to 1")
    return p
