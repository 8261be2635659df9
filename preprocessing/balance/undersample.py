"""Random undersampling to a ratio."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preprocessing.balance.base import Balance


@dataclass(frozen=True, kw_only=True)
class Undersample(Balance):
    """Drops rows at random until no class is larger than `ratio` times the rarest, which is kept whole.

    Args:
        ratio: Largest ratio of the size of a class to the size of the rarest class, 1 or more.

    References:
        C. Drummond, R. C. Holte, C4.5, class imbalance, and cost sensitivity, ICML workshop 2003.
    """

    words = "random undersampling"
    cites = ("lemaitre2017",)
    packages = ("imbalanced-learn",)

    ratio: float = 1.0

    def build(self, *, seed: int) -> Any:
        """The sampler.

        Raises:
            ValueError: `ratio` is below 1.
        """
        from imblearn.under_sampling import RandomUnderSampler

        if self.ratio < 1:
            raise ValueError(f"ratio ({self.ratio}) of majority to minority must be 1 (equal sizes) or more")
        return RandomUnderSampler(sampling_strategy=partial(_sizes, ratio=self.ratio), random_state=seed)


def _sizes(y: NDArray[np.int64], *, ratio: float) -> dict[int, int]:
    classes, counts = np.unique(y, return_counts=True)
    most = round(ratio * int(counts.min()))
    return {int(c): min(int(n), most) for c, n in zip(classes, counts, strict=True)}
