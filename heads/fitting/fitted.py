"""A head after its fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.base import Float32, Float64, Int64
from heads.fitting.calibration import Calibrator
from heads.fitting.scores import scores


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A head that is ready to predict.

    Args:
        classifier: Fitted on all training rows.
        calibrator: Learnt on inner folds, or None.
        present: The classes that the training rows have, `(k,)` int64.
        classes: The number of classes of the target, K.
        chosen: The tuned fields with their values.
        threshold: Class 1 of two is called at and above this probability; None calls the most probable class.
        weights: `(K,)`: the class with the largest weighted probability is called; None weighs all alike.
        recalibrated: The same classifier with a sigmoid that undoes the effect of balanced rows on its probabilities;
            None where it was fitted on real rows or is calibrated.
    """

    classifier: Any
    calibrator: Calibrator | None
    present: Int64
    classes: int
    chosen: Mapping[str, Any]
    threshold: float | None = None
    weights: Float64 | None = None
    recalibrated: FittedHead | None = None

    def predict_proba(self, X: Float32) -> Float64:
        """Probabilities `(m, K)` float64 of rows `(m, F)`; 0 for a class that the training rows lack."""
        p = self.calibrator(scores(self.classifier, X)) if self.calibrator else self.classifier.predict_proba(X)
        p = np.asarray(p, dtype=np.float64)
        out = np.zeros((len(p), self.classes))
        out[:, self.present] = p / p.sum(axis=1, keepdims=True)
        return out
