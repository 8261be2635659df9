"""A weighted loss instead of resampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from preprocessing.balance.base import Balance


@dataclass(frozen=True, kw_only=True)
class ClassWeight(Balance):
    """Weighs the head's loss by inverse class frequency; the rows stay as they are.

    References:
        G. King, L. Zeng, Logistic regression in rare events data, 2001, doi:10.1093/oxfordjournals.pan.a004868.
    """

    words = "weights of the loss by inverse class frequency"
    cites = ("king2001",)

    weights: ClassVar[bool] = True

    def build(self, *, seed: int) -> None:
        """No sampler."""
