"""What level, side and condition alone tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from heads.base import Features, Head


@dataclass(frozen=True, kw_only=True)
class Location(Head):
    """Logistic regression on the one-hot locating columns alone: what a model knows without having seen the scan.

    Args:
        C: Inverse strength of the L2 penalty.
    """

    words = "logistic regression on the locating columns alone"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    features: ClassVar[Features] = "location"
    balanced: ClassVar[bool] = False

    C: float = 1.0

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=1000)
