"""A head on the training rows of a fold, and what it predicts for the test rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from heads.base import Head, Training


def fit_and_predict(
    head: Head, training: Training, X_test: Float32, *, seed: int, threads: int, device: str
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Probabilities `(m, K)` float64 of the test rows, and the values that tuning chose.

    Raises:
        ValueError: The head gave no probabilities.
    """
    fitted = head.fit(training, seed=seed, threads=threads, device=device)
    probabilities = np.asarray(fitted.predict_proba(X_test), dtype=np.float64)
    if probabilities.shape != (len(X_test), training.classes):
        raise ValueError(f"a head gives ({len(X_test)}, {training.classes}) probabilities, not {probabilities.shape}")
    if not np.isfinite(probabilities).all() or (np.abs(probabilities.sum(axis=1) - 1) > 1e-6).any():
        raise ValueError("a head gives finite probabilities that sum to 1")
    return probabilities, dict(fitted.chosen)
