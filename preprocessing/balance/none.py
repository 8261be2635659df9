"""No balance."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.balance.base import Balance


@dataclass(frozen=True, kw_only=True)
class NoBalance(Balance):
    """Leaves rows and weights as they are."""

    def build(self, *, seed: int) -> None:
        """No sampler."""
