"""Logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Logistic(Head):
    """Multinomial logistic regression with an L2 penalty, fitted by L-BFGS.

    The penalty is strong because embeddings have more features than there are samples: on disc crops the AUC is two to
    four points lower with C = 1 than with C = .01.

    Args:
        C: Inverse strength of the penalty.
        iterations: Largest number of steps of L-BFGS.
    """

    words = "logistic regression with an L2 penalty"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    C: float = 0.01
    iterations: int = 2000

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=self.iterations)
