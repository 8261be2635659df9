"""No balance."""

from __future__ import annotations

from dataclasses import dataclass, replace

from data.describing.plug_in import Description
from preprocessing.balance.base import Balance


@dataclass(frozen=True, kw_only=True)
class NoBalance(Balance):
    """Leaves rows and weights as they are."""

    words = "rows and weights as they are"

    def build(self, *, seed: int) -> None:
        """No sampler."""

    def describe(self) -> Description:
        """The description: the step changes no row."""
        return replace(super().describe(), resamples=False)
