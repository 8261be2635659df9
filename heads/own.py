"""The probabilities of an encoder or a fusion that was trained with labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from data.describing.plug_in import Description
from heads.base import FittedHead, Float32, Float64, Head, Int64, TrainingSet, TrainingSubset
from heads.fitting.thresholds import ARGMAX


@dataclass(frozen=True, kw_only=True)
class Own(Head):
    """The own probabilities `(n, K)` of an encoder or a fusion that was trained with labels; nothing is fitted.

    A calibration is learnt on the probabilities that inner refits of the fusion give to rows that they have not seen.
    """

    words = "the probabilities of the encoder or fusion that was trained with labels"

    reads_embedding: ClassVar[bool] = False
    reads_own_probabilities: ClassVar[bool] = True
    balanced: ClassVar[bool] = False

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        return _Given()

    def learn(self, subset: TrainingSubset, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.learn`; uses only which classes the training rows have."""
        return _Given(subset.training.present)

    def fit(self, training: TrainingSet, *, seed: int, threads: int = 1, device: str = "cpu") -> FittedHead:
        """See `Head.fit`."""
        learnt = f"calibration ({self.calibration})" if self.calibration != "none" else "a threshold"
        if (self.calibration != "none" or training.threshold != ARGMAX) and training.refits is None:
            raise ValueError(
                f"own: {learnt} must be learnt on inner refits of the fusion, but there are none: "
                "use calibration='none' and threshold argmax"
            )
        return super().fit(training, seed=seed, threads=threads, device=device)

    def describe(self) -> Description:
        """The description: the head learns nothing but a calibration."""
        return replace(super().describe(), learns="nothing" if self.calibration == "none" else "labels")


class _Given:
    def __init__(self, present: Int64 | None = None) -> None:
        self.present = present

    def fit(self, X: Float32, y: Int64) -> _Given:
        self.present = np.unique(y)
        return self

    def predict_proba(self, X: Float32) -> Float64:
        return np.asarray(X[:, self.present], dtype=np.float64)
