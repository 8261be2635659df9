"""A model that sees only which sequences are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Presence(Head):
    """Logistic regression on which sequences a sample has (0 or 1 for each), to show how far missingness alone gets.

    Args:
        C: Inverse strength of the L2 penalty.
    """

    words = "logistic regression on which sequences a sample has"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    reads_embedding: ClassVar[bool] = False
    reads_presence: ClassVar[bool] = True
    balanced: ClassVar[bool] = False
    in_every_grid: ClassVar[int | None] = 2

    C: float = 1.0

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=1000)
