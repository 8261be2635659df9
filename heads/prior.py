"""The base rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from heads.base import Features, Head


@dataclass(frozen=True, kw_only=True)
class Prior(Head):
    """Class frequencies of the training rows, whatever the scan: the floor under every table."""

    words = "the class frequencies of the training fold"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    features: ClassVar[Features] = "none"
    balanced: ClassVar[bool] = False

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior")
