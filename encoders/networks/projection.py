"""Projections of tokens to fewer features, fitted on the training tokens of a fold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from data.base import Float32
from encoders.base import FittedProjection, Projection


@dataclass(frozen=True, kw_only=True)
class Projected:
    """The two fields of an encoder whose tokens can be projected, to be named before its other base.

    A projection is fitted on the training tokens of the fold, so the stored tokens are those of all folds and of every
    `project`.

    Args:
        project: Features to project to, such as 512; 0 keeps all.
        project_by: `"pca"` of the training tokens, or `"random"` Gaussian directions.
    """

    project: int = 0
    project_by: Literal["pca", "random"] = "pca"

    def frozen(self) -> Self:
        """With all features."""
        return replace(self, project=0, project_by="pca")

    def projection(self) -> Projection | None:
        """To `project` features.

        Raises:
            ValueError: `project` is below 0, or there is no such `project_by`.
        """
        if self.project < 0:
            raise ValueError(f"project ({self.project}) must be 0, which keeps all features, or their number")
        if self.project_by not in ("pca", "random"):
            raise ValueError(f"project_by ({self.project_by}) must be pca or random")
        if self.project == 0:
            return None
        return PcaProjection(self.project) if self.project_by == "pca" else RandomProjection(self.project)


@dataclass(frozen=True)
class PcaProjection:
    """Principal components of the training tokens.

    Args:
        features: The number of components.
    """

    learns: ClassVar[bool] = True

    features: int

    def fit(self, values: Float32, *, seed: int) -> FittedProjection:
        """Learns mean and components from `(n, F)`.

        Raises:
            ValueError: More components than training tokens or features.
        """
        from sklearn.decomposition import PCA

        if self.features > min(values.shape):
            raise ValueError(
                f"project ({self.features}) must not exceed the training tokens ({values.shape[0]}) or their features "
                f"({values.shape[1]}): use project={min(values.shape)} or fewer, or project_by=random"
            )
        pca = PCA(self.features, random_state=seed).fit(values)
        return Affine(pca.mean_.astype(np.float32), np.ascontiguousarray(pca.components_.T, dtype=np.float32))


@dataclass(frozen=True)
class RandomProjection:
    """Gaussian directions, drawn without looking at the tokens; distances are kept on average.

    Args:
        features: The number of directions.

    References:
        W. Johnson and J. Lindenstrauss, Extensions of Lipschitz mappings into a Hilbert space, 1984.
    """

    learns: ClassVar[bool] = False

    features: int

    def fit(self, values: Float32, *, seed: int) -> FittedProjection:
        """Takes only F from `(n, F)`."""
        wide = values.shape[1]
        directions = np.random.default_rng(seed).standard_normal((wide, self.features)) / np.sqrt(self.features)
        return Affine(np.zeros(wide, dtype=np.float32), directions.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Affine:
    """A centre taken away, then a matrix applied, as `FittedProjection`.

    Args:
        centre: `(F,)` float32.
        matrix: `(F, F')` float32.
    """

    centre: Float32
    matrix: Float32

    def __call__(self, values: Float32) -> Float32:
        """`(..., F)` to `(..., F')`."""
        return np.asarray((values - self.centre) @ self.matrix, dtype=np.float32)
