"""Gradient boosted trees of XGBoost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heads.base import Head, LabelledRows


@dataclass(frozen=True, kw_only=True)
class XGBoost(Head):
    """Gradient boosted trees grown level by level on histograms; also on a GPU.

    On embeddings of thousands of features the trees take more time than anything else in a grid; `max_bin=63` is
    about three times faster.

    Args:
        rounds: Trees for each class; with `patience` their largest number.
        learning_rate: Step of each tree (eta).
        depth: Largest number of levels of a tree.
        max_bin: Number of bins that the values of a feature are sorted into.
        patience: The fit stops after so many rounds without progress on rows of other patients; 0 takes all rounds and
            rows.

    References:
        T. Chen, C. Guestrin, XGBoost: a scalable tree boosting system, KDD 2016, doi:10.1145/2939672.2939785.
    """

    words = "XGBoost"
    cites = ("chen2016",)
    packages = ("xgboost",)

    rounds: int = 100
    learning_rate: float = 0.1
    depth: int = 6
    max_bin: int = 256
    patience: int = 0

    @property
    def stops(self) -> bool:
        """See `Head.stops`."""
        return self.patience > 0

    def stopped_at(self, classifier: Any) -> Mapping[str, Any]:
        """See `Head.stopped_at`."""
        return {"rounds": classifier.best_iteration + 1, "patience": 0}

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from xgboost import XGBClassifier

        return XGBClassifier(
            n_estimators=self.rounds,
            learning_rate=self.learning_rate,
            max_depth=self.depth,
            max_bin=self.max_bin,
            tree_method="hist",
            early_stopping_rounds=self.patience or None,
            random_state=seed,
            n_jobs=threads,
            device=device,
            verbosity=0,
        )

    def train(self, classifier: Any, rows: LabelledRows, validation: LabelledRows | None) -> None:
        """See `Head.train`."""
        if validation is None:
            return super().train(classifier, rows, validation)
        classifier.fit(
            rows.X,
            rows.y,
            sample_weight=rows.weights,
            eval_set=[(validation.X, validation.y)],
            sample_weight_eval_set=None if validation.weights is None else [validation.weights],
            verbose=False,
        )
