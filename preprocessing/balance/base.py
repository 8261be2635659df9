"""The contract of a balance step."""

from __future__ import annotations

from typing import Any, ClassVar


class Balance:
    """How class imbalance is treated inside whatever a head fits on.

    `weights` says that the head's loss is weighted by inverse class frequency instead of resampling.
    """

    weights: ClassVar[bool] = False

    def build(self, *, seed: int) -> Any | None:
        """An imbalanced-learn sampler (`fit_resample(X, y)`), or None where rows stay as they are."""
        raise NotImplementedError
