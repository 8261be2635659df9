"""Extremely randomised trees."""

from dataclasses import dataclass
from typing import Any

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class ExtraTrees(Head):
    """A forest whose trees split at random thresholds.

    Args:
        trees: How many.
        leaf: The fewest samples of a leaf.

    References:
        P. Geurts, D. Ernst, L. Wehenkel, Extremely randomized trees, Machine Learning 63, 2006,
        doi:10.1007/s10994-006-6226-1.
    """

    words = "a forest of extremely randomised trees"
    cites = (
        "@article{geurts2006, author={Geurts, Pierre and Ernst, Damien and Wehenkel, Louis}, "
        "title={Extremely randomized trees}, journal={Machine Learning}, volume={63}, pages={3--42}, year={2006}, "
        "doi={10.1007/s10994-006-6226-1}}",
    )
    packages = ("scikit-learn",)

    trees: int = 200
    leaf: int = 3

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """A classifier as scikit-learn has them."""
        from sklearn.ensemble import ExtraTreesClassifier

        return ExtraTreesClassifier(self.trees, min_samples_leaf=self.leaf, random_state=seed, n_jobs=threads)
