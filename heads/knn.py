"""Nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from heads.base import Float32, Float64, Head, Int64


@dataclass(frozen=True, kw_only=True)
class Knn(Head):
    """The share of each class among the nearest training rows, with one vote added to each class.

    The added votes do not change the order of the probabilities. Without them a class that no neighbour has would get
    probability 0, which makes the log loss infinite.

    Args:
        neighbours: How many rows vote.
        metric: `"cosine"`, `"euclidean"` or `"manhattan"`.
    """

    words = "k nearest neighbours"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    weighted: ClassVar[bool] = False

    neighbours: int = 15
    metric: Literal["cosine", "euclidean", "manhattan"] = "cosine"

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.neighbors import KNeighborsClassifier

        votes = KNeighborsClassifier(self.neighbours, metric=self.metric, algorithm="brute", n_jobs=threads)
        return _Smoothed(votes)


class _Smoothed:
    def __init__(self, votes: Any) -> None:
        self.votes = votes

    def fit(self, X: Float32, y: Int64) -> _Smoothed:
        self.votes.fit(X, y)
        self.classes_ = self.votes.classes_
        return self

    def predict_proba(self, X: Float32) -> Float64:
        shares = self.votes.predict_proba(X)
        return np.asarray((shares * self.votes.n_neighbors + 1) / (self.votes.n_neighbors + shares.shape[1]))
