"""A model that sees only a thumbnail of the crop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from heads.base import FittedHead, Head, TrainingSet


@dataclass(frozen=True, kw_only=True)
class Pixels(Head):
    """Logistic regression on 16 x 16 pixels of the crop: what an encoder must beat to be worth its trouble.

    The pixels are those of the central slice, as the first image chain of the grid leaves them. Each is standardised on
    the training rows. The sequences are side by side; an absent one is at its training mean, and an indicator marks it.
    C is chosen on inner folds by log loss, so that accuracy, F1 and log loss are those of a fair opponent: a small C
    may rank samples as well, with probabilities hardly better than the base rate. Where a class has too few patients
    for inner folds, it is `C`.

    Args:
        C: Inverse strength of the L2 penalty.
    """

    words = "logistic regression on the 16 x 16 pixels of the central slice, its penalty chosen by inner log loss"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    features_by: ClassVar[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
        "encoders": ("raw_pixels", {"size": 16, "slices": "middle"}),
        "missing": ("mean", {}),
        "fusion": ("concat", {}),
    }
    balanced: ClassVar[bool] = False
    in_every_grid: ClassVar[int | None] = 4
    tuned_by: ClassVar[Literal["auc", "log_loss"]] = "log_loss"

    C: float = 0.001
    tune: Mapping[str, Sequence[Any]] = field(default_factory=lambda: {"C": [0.0001, 0.001, 0.01, 0.1, 1.0]})

    def fit(self, training: TrainingSet, *, seed: int, threads: int = 1, device: str = "cpu") -> FittedHead:
        """See `Head.fit`."""
        if self.tune and not training.has_inner_folds:
            return replace(self, tune={}).fit(training, seed=seed, threads=threads, device=device)
        return super().fit(training, seed=seed, threads=threads, device=device)

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=1000)
