"""A model that sees only the clinical columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Clinical(Head):
    """Logistic regression on the clinical columns alone, which shows how far a model gets without the scan.

    Gaps are filled and categories are coded as by the table step `forest_onehot`.

    Args:
        C: Inverse strength of the L2 penalty.
    """

    words = "logistic regression on the clinical columns alone"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    reads_embedding: ClassVar[bool] = False
    reads_clinical: ClassVar[bool] = True
    features_by: ClassVar[Mapping[str, tuple[str, Mapping[str, Any]]]] = {"tables": ("forest_onehot", {})}
    balanced: ClassVar[bool] = False
    in_every_grid: ClassVar[int | None] = 3

    C: float = 1.0

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=1000)
