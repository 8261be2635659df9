"""What the missing sequences alone tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from heads.base import Features, Head


@dataclass(frozen=True, kw_only=True)
class Presence(Head):
    """Logistic regression on which sequences a sample has, 0 or 1 each: what a model knows from missingness alone.

    Args:
        C: Inverse strength of the L2 penalty.
    """

    words = "logistic regression on which sequences a sample has"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    features: ClassVar[Features] = "presence"
    balanced: ClassVar[bool] = False

    C: float = 1.0

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=1000)
