"""A bag of XGBoost models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.describing.plug_in import Description
from data.numerics.seeds import spawned
from heads.base import Float32, Float64, Head, Int64


@dataclass(frozen=True, kw_only=True)
class XGBoostBagging(Head):
    """The mean probability of several XGBoost models, each fitted on a part of the rows and features.

    Single rows are drawn with replacement, not whole patients; features are drawn without replacement. A draw that
    lacks a class is repeated.

    Args:
        members: Number of models.
        rounds: Trees for each class in each model.
        samples: Rows drawn for each model, as a share of all.
        share: Features drawn for each model, as a share of all.
        learning_rate: Step of each tree (eta).
        depth: Largest number of levels of a tree.
        max_bin: Number of bins that the values of a feature are sorted into.

    References:
        L. Breiman, Bagging predictors, Machine Learning 24, 1996, doi:10.1007/BF00058655.
    """

    words = "a bag of XGBoost models"
    cites = ("chen2016", "breiman1996")
    packages = ("xgboost",)

    members: int = 10
    rounds: int = 100
    samples: float = 0.8
    share: float = 0.8
    learning_rate: float = 0.1
    depth: int = 6
    max_bin: int = 256

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from xgboost import XGBClassifier

        trees = {"n_estimators": self.rounds, "learning_rate": self.learning_rate, "max_depth": self.depth}
        options = {**trees, "max_bin": self.max_bin, "tree_method": "hist", "verbosity": 0}
        seeds = [spawned(seed, member) for member in range(self.members)]
        models = [XGBClassifier(**options, random_state=s, n_jobs=threads, device=device) for s in seeds]
        return _Bag(models, self.samples, self.share, seed)

    def describe(self) -> Description:
        """The description: several models are averaged."""
        return replace(super().describe(), averages=self.members > 1)


class _Bag:
    def __init__(self, models: list[Any], samples: float, features: float, seed: int) -> None:
        self.models, self.samples, self.features, self.seed = models, samples, features, seed

    def fit(self, X: Float32, y: Int64, sample_weight: Float64 | None = None) -> _Bag:
        rng = np.random.default_rng(self.seed)
        self.classes_ = np.unique(y)
        self.columns = []
        for model in self.models:
            rows = self._draw(rng, y)
            columns = np.sort(rng.permutation(X.shape[1])[: max(1, round(self.features * X.shape[1]))])
            weights = None if sample_weight is None else sample_weight[rows]
            model.fit(X[np.ix_(rows, columns)], y[rows], sample_weight=weights)
            self.columns.append(columns)
        return self

    def predict_proba(self, X: Float32) -> Float64:
        each = [m.predict_proba(X[:, c]) for m, c in zip(self.models, self.columns, strict=True)]
        return np.asarray(np.mean(each, axis=0, dtype=np.float64))

    def _draw(self, rng: np.random.Generator, y: Int64) -> Int64:
        """Positions of rows that include every class."""
        for _ in range(1000):
            rows = rng.integers(len(y), size=max(1, round(self.samples * len(y))))
            if len(np.unique(y[rows])) == len(self.classes_):
                return rows
        raise ValueError(f"no draw of {self.samples:g} of {len(y)} rows holds all {len(self.classes_)} classes")
