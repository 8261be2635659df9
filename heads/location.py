"""A model that sees only the level, side and condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Location(Head):
    """A smoothed rate for each place, which shows how far a model gets without the scan.

    It is a logistic regression on indicators of the locating columns (level, side, condition) and of their
    combinations. The penalty draws the rate of a place with few samples towards what its level, side and condition
    alone give.

    Args:
        C: Inverse strength of the L2 penalty.
    """

    words = "logistic regression on the locating columns alone, with their interactions"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    reads_embedding: ClassVar[bool] = False
    reads_locations: ClassVar[bool] = True
    balanced: ClassVar[bool] = False
    in_every_grid: ClassVar[int | None] = 1

    C: float = 1.0

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=1000)
