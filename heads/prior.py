"""The base rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Prior(Head):
    """The class frequencies of the training rows for every scan: the floor of every table."""

    words = "the class frequencies of the training fold"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    reads_embedding: ClassVar[bool] = False
    balanced: ClassVar[bool] = False
    in_every_grid: ClassVar[int | None] = 0

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior")
