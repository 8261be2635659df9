"""Copies of rows."""

from dataclasses import dataclass

from preprocessing.balance.base import Balance


@dataclass(frozen=True, kw_only=True)
class Copies(Balance):
    """Raises every class to the size of the largest by drawing its own rows again."""

    words = "random oversampling"
    cites = ("lemaitre2017",)
    packages = ("imbalanced-learn",)

    def build(self, *, seed):
        from imblearn.over_sampling import RandomOverSampler

        return RandomOverSampler(random_state=seed)
