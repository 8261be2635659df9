"""The contract of a balance step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.describing.plug_in import Description, PlugIn


class Balance(PlugIn):
    """How class imbalance is treated in the rows that a head is fitted on.

    A plug-in is a frozen keyword-only dataclass. `weights` is true if it weights the head's loss by inverse class
    frequency instead of resampling.
    """

    weights: ClassVar[bool] = False

    def build(self, *, seed: int) -> Any | None:
        """An imbalanced-learn sampler (`fit_resample(X, y)`), or None if the rows stay as they are."""
        raise NotImplementedError

    def describe(self) -> Description:
        """The description; a step without weights resamples the training rows."""
        return replace(super().describe(), resamples=not self.weights)


def neighbours(y: NDArray[np.int64], wanted: int) -> int:
    """The k of SMOTE for these labels: `wanted`, but at most the size of the rarest class minus one.

    Raises:
        ValueError: A class has a single sample, which has no neighbour.
    """
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"class {classes[counts.argmin()]} has 1 sample, but SMOTE needs 2 of each class: "
            "merge classes, use fewer folds or balance by class_weight"
        )
    return min(wanted, int(counts.min()) - 1)
