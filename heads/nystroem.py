"""An approximate RBF classifier for many samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from heads.base import Head, LabelledRows, TrainingSubset


@dataclass(frozen=True, kw_only=True)
class Nystroem(Head):
    """Logistic regression on a Nystroem map of the RBF kernel; its cost grows with n, not with n².

    Args:
        components: Number of training rows that span the map, drawn by the seed; at most all rows.
        gamma: Width of the kernel exp(-gamma |a - b|²); None is 1 / F.
        C: Inverse strength of the L2 penalty.

    References:
        C. Williams, M. Seeger, Using the Nystroem method to speed up kernel machines, NIPS 2000.
    """

    words = "logistic regression on a Nystroem map of the RBF kernel"
    cites = ("williams2000", "pedregosa2011")
    packages = ("scikit-learn",)

    components: int = 256
    gamma: float | None = None
    C: float = 1.0

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.kernel_approximation import Nystroem as Map
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        features = Map(gamma=self.gamma, n_components=self.components, random_state=seed, n_jobs=threads)
        return make_pipeline(features, LogisticRegression(C=self.C, max_iter=1000))

    def learn(self, subset: TrainingSubset, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.learn`."""
        components = min(self.components, len(subset.balanced()[1]))
        head = replace(self, components=components)
        return super(Nystroem, head).learn(subset, seed=seed, threads=threads, device=device)

    def train(self, classifier: Any, rows: LabelledRows, validation: LabelledRows | None) -> None:
        """See `Head.train`."""
        classifier.fit(rows.X, rows.y, logisticregression__sample_weight=rows.weights)
