"""Gaussian naive Bayes."""

from dataclasses import dataclass

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Gaussians(Head):
    """One normal distribution for each class and feature.

    Args:
        smoothing: Share of the largest variance that is added to all.
    """

    words = "Gaussian naive Bayes"
    cites = ("pedregosa2011",)
    packages = ("scikit-learn",)

    smoothing: float = 1e-3

    def build(self, *, seed, threads, device):
        from sklearn.naive_bayes import GaussianNB

        return GaussianNB(var_smoothing=self.smoothing)
