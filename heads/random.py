"""Draws from the base rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Random(Head):
    """A class drawn for every row from the training frequencies, with probability 1.

    Row i gets the i-th draw of the seed.
    """

    words = "random draws from the class frequencies of the training fold"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    reads_embedding: ClassVar[bool] = False
    balanced: ClassVar[bool] = False

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="stratified", random_state=seed)
