"""A head on the training rows of a fold, and what it predicts for the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from heads.base import Head, Training

Float64 = NDArray[np.float64]


def fit_and_predict(
    head: Head,
    branches: Sequence[Training],
    X_test: Sequence[Float32],
    present: NDArray[np.bool_],
    *,
    seed: int,
    threads: int,
    device: str,
) -> tuple[Float64, dict[str, Any]]:
    """Probabilities `(m, K)` float64 of the test rows, and the values that tuning chose.

    A head is fitted for each branch of a fusion, and the probabilities of the branches present are averaged. Of several
    branches, one whose training rows are of one class or none counts as absent; a row that has no other gets the base
    rates of all branches' training rows.

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
    chosen: dict[str, Any] = {}
    if len(branches) > 1:
        present = present & np.array([[len(np.unique(one.y)) > 1] for one in branches])
    for i, (training, X, have) in enumerate(zip(branches, X_test, present, strict=True)):
        if not have.any():
            continue
        fitted = head.fit(training, seed=seed, threads=threads, device=device)
        total[have] += _checked(fitted.predict_proba(X if have.all() else X[have]), int(have.sum()), training.classes)
        chosen |= {(f"{name} of branch {i}" if len(branches) > 1 else name): v for name, v in fitted.chosen.items()}
    count = present.sum(axis=0)[:, None]
    seen = np.concatenate([one.y for one in branches])
    rates = np.bincount(seen, minlength=branches[0].classes) / max(1, len(seen))
    return np.where(count > 0, total / np.maximum(count, 1), rates), chosen


def _checked(probabilities: Any, rows: int, classes: int) -> Float64:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (rows, classes):
        raise ValueError(f"a head gives ({rows}, {classes}) probabilities, not {p.shape}")
    if not np.isfinite(p).all() or (np.abs(p.sum(axis=1) - 1) > 1e-6).any():
        raise ValueError("a head gives finite probabilities that sum to 1")
    return p
