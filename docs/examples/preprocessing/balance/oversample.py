"""Random oversampling."""

from dataclasses import dataclass
from typing import Any

from preprocessing.balance.base import Balance


@dataclass(frozen=True, kw_only=True)
class Oversample(Balance):
    """Raises every class to the size of the largest by drawing its own rows again.

    References:
        G. Lemaitre, F. Nogueira, C. K. Aridas, Imbalanced-learn, J. Mach. Learn. Res. 2017, arXiv:1609.06570.
    """

    def build(self, *, seed: int) -> Any:
        """The sampler; the engine gives it training rows only."""
        from imblearn.over_sampling import RandomOverSampler

        return RandomOverSampler(random_state=seed)
