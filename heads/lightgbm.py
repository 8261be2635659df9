"""Gradient boosted trees of LightGBM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heads.base import Head, LabelledRows


@dataclass(frozen=True, kw_only=True)
class LightGBM(Head):
    """Gradient boosted trees grown leaf by leaf.

    On embeddings of thousands of features the trees take more time than anything else in a grid; `max_bin=63` is two
    to three times faster.

    Args:
        rounds: Trees for each class; with `patience` their largest number.
        learning_rate: Step of each tree.
        leaves: Largest number of leaves of a tree.
        max_bin: Number of bins that the values of a feature are sorted into.
        patience: The fit stops after so many rounds without progress on rows of other patients; 0 takes all rounds and
            rows.

    References:
        G. Ke et al., LightGBM: a highly efficient gradient boosting decision tree, NIPS 2017.
    """

    words = "LightGBM"
    cites = ("ke2017",)
    packages = ("lightgbm",)

    rounds: int = 100
    learning_rate: float = 0.1
    leaves: int = 31
    max_bin: int = 255
    patience: int = 0

    @property
    def stops(self) -> bool:
        """See `Head.stops`."""
        return self.patience > 0

    def stopped_at(self, classifier: Any) -> Mapping[str, Any]:
        """See `Head.stopped_at`."""
        return {"rounds": classifier.best_iteration_, "patience": 0}

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from lightgbm import LGBMClassifier

        return LGBMClassifier(
            n_estimators=self.rounds,
            learning_rate=self.learning_rate,
            num_leaves=self.leaves,
            max_bin=self.max_bin,
            random_state=seed,
            n_jobs=threads,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
        )

    def train(self, classifier: Any, rows: LabelledRows, validation: LabelledRows | None) -> None:
        """See `Head.train`."""
        if validation is None:
            return super().train(classifier, rows, validation)
        from lightgbm import early_stopping

        classifier.fit(
            rows.X,
            rows.y,
            sample_weight=rows.weights,
            eval_X=validation.X,
            eval_y=validation.y,
            eval_sample_weight=[validation.weights],
            callbacks=[early_stopping(self.patience, verbose=False)],
        )
