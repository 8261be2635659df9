"""An approximate RBF machine for many samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from heads.base import Head, Part, Rows


@dataclass(frozen=True, kw_only=True)
class Nystroem(Head):
    """Logistic regression on a Nystroem map of the RBF kernel: an rbf machine whose cost grows with n, not with n².

    Args:
        components: Training rows that span the map, drawn by the seed; at most as many as there are.
        gamma: Width of the rbf, exp(-gamma |a - b|²); None is 1 / F.
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

    def learn(self, part: Part, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.learn`."""
        components = min(self.components, len(part.balanced()[1]))
        head = replace(self, components=components)
        return super(Nystroem, head).learn(part, seed=seed, threads=threads, device=device)

    def train(self, classifier: Any, rows: Rows, validation: Rows | None) -> None:
        """See `Head.train`."""
        classifier.fit(rows.X, rows.y, logisticregression__sample_weight=rows.weights)
