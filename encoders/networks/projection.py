"""Projections of tokens to fewer features, fitted on the training tokens of a fold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from data.base import Float32
from encoders.base import FittedProjection, Projection


@dataclass(frozen=True, kw_only=True)
class Projected:
    """The two fields of an encoder whose tokens can be projected; name it before the encoder's other base.

    A projection is fitted on the training tokens of each fold. The stored tokens have all features, so that all folds
    and every `project` share them.

    Args:
        project: Number of features to project to, such as 512; 0 keeps all.
        project_by: `"pca"`, fitted on the training tokens, or `"random"`, Gaussian directions.
    """

    project: int = 0
    project_by: Literal["pca", "random"] = "pca"

    def frozen(self) -> Self:
        """This encoder with all features."""
        return replace(self, project=0, project_by="pca")

    def projection(self) -> Projection | None:
        """The projection to `project` features; None keeps all.

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
        """Learns the mean and the components of tokens `(n, F)`.

        Raises:
            ValueError: There are fewer training tokens or features than components.
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
    """Gaussian directions, drawn independently of the tokens; on average they keep distances.

    Args:
        features: The number of directions.

    References:
        W. Johnson and J. Lindenstrauss, Extensions of Lipschitz mappings into a Hilbert space, 1984.
    """

    learns: ClassVar[bool] = False

    features: int

    def fit(self, values: Float32, *, seed: int) -> FittedProjection:
        """Draws the directions; of the tokens `(n, F)` it uses only F."""
        wide = values.shape[1]
        directions = np.random.default_rng(seed).standard_normal((wide, self.features)) / np.sqrt(self.features)
        return Affine(np.zeros(wide, dtype=np.float32), directions.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Affine:
    """A `FittedProjection` that subtracts a centre and multiplies by a matrix.

    Args:
        centre: `(F,)` float32.
        matrix: `(F, F')` float32.
    """

    centre: Float32
    matrix: Float32

    def __call__(self, values: Float32) -> Float32:
        """`(..., F)` to `(..., F')`."""
        return np.asarray((values - self.centre) @ self.matrix, dtype=np.float32)
