"""First-order and texture features of a structure of the mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64, Image
from encoders.base import Encoder, FittedEncoder

if TYPE_CHECKING:
    import pandas as pd

_FIRST_ORDER = (
    "mean",
    "standard_deviation",
    "skewness",
    "excess_kurtosis",
    "minimum",
    "percentile_10",
    "median",
    "percentile_90",
    "maximum",
    "interquartile_range",
    "mean_absolute_deviation",
    "energy",
    "root_mean_square",
)
_HISTOGRAM = ("discretised_entropy", "discretised_uniformity")
_PROPERTIES = {
    "joint_angular_second_moment": "ASM",
    "joint_energy": "energy",
    "contrast": "contrast",
    "dissimilarity": "dissimilarity",
    "inverse_difference_moment": "homogeneity",
    "correlation": "correlation",
}
"""The names of the Image Biomarker Standardisation Initiative with those of scikit-image."""


@dataclass(frozen=True, kw_only=True)
class Radiomics(Encoder):
    """One token for each crop: statistics of the structure's pixels, of their histogram and of neighbouring pixels.

    Pixels are sorted into `bins` bins of equal width between the structure's own minimum and maximum, so that the
    texture does not depend on the scanner's units. Neighbours are one pixel apart within a slice, in 4 directions. The
    grey-level co-occurrence matrices (symmetric, normalised) of a direction are merged over slices, and features are
    averaged over directions (2.5D, since slices are thick). The joint entropy is in bits. Names follow the Image
    Biomarker Standardisation Initiative, but `standard_deviation` and `joint_energy` are the square roots of its
    variance and angular second moment.

    A feature is NaN where the structure does not determine it: skewness and kurtosis of a constant structure, texture
    where no two of its voxels are neighbours, and all features where it has no voxel.

    Args:
        bins: Number of grey levels.

    References:
        A. Zwanenburg et al., The Image Biomarker Standardization Initiative, Radiology 295, 2020,
        doi:10.1148/radiol.2020191145. R. M. Haralick, K. Shanmugam, I. Dinstein, Textural features for image
        classification, 1973, doi:10.1109/TSMC.1973.4309314.
    """

    words = "first-order and grey-level co-occurrence features of the structure"
    cites = ("zwanenburg2020", "haralick1973", "vanderwalt2014")
    packages = ("scikit-image",)

    measures: ClassVar[bool] = True
    feature_names: ClassVar[tuple[str, ...]] = (*_FIRST_ORDER, *_HISTOGRAM, *_PROPERTIES, "joint_entropy")

    bins: int = 32

    def needs_structure(self) -> bool:
        """True."""
        return True

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedEncoder:
        """Gives the encoder, which learns nothing.

        Raises:
            ValueError: `bins` is not between 2 and 255.
        """
        if not 2 <= self.bins <= 255:
            raise ValueError(f"bins ({self.bins}) must be between 2 and 255")
        return _Extractor(self.bins)


class _Extractor:
    def __init__(self, bins: int) -> None:
        self._bins = bins

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """`(1, F)` for each image.

        Raises:
            ValueError: An image has no mask, or is not around a structure of it.
        """
        for image in images:
            if image.mask is None or image.structure is None:
                raise ValueError("radiomics measures a structure of the mask: use region mask on scans with masks")
            inside = image.mask == image.structure
            values = image.pixels[inside].astype(np.float64)
            features = np.full(len(Radiomics.feature_names), np.nan)
            if len(values):
                grey = np.zeros(inside.shape, dtype=np.uint8)
                grey[inside] = _discretised(values, self._bins)
                features[:] = [*_first_order(values), *_histogram(grey[inside]), *_texture(grey, self._bins)]
            yield features.astype(np.float32)[None]

    def save(self, folder: Path) -> None:
        pass

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        return {}


def _discretised(values: Float64, bins: int) -> NDArray[np.uint8]:
    """The bin of each value `(n,)`, from 1 to `bins`."""
    low, high = values.min(), values.max()
    if low == high:
        return np.ones(len(values), dtype=np.uint8)
    return np.asarray(np.minimum(np.floor(bins * (values - low) / (high - low)) + 1, bins), dtype=np.uint8)


def _first_order(values: Float64) -> list[float]:
    mean, deviation = float(values.mean()), float(values.std())
    low, p10, p25, median, p75, p90, high = (float(p) for p in np.percentile(values, (0, 10, 25, 50, 75, 90, 100)))
    skewness = kurtosis = float("nan")
    if low < high:
        standard = (values - mean) / deviation
        skewness, kurtosis = float((standard**3).mean()), float((standard**4).mean()) - 3
    energy = float((values**2).sum())
    spread = float(np.abs(values - mean).mean())
    root = float(np.sqrt(energy / len(values)))
    return [mean, deviation, skewness, kurtosis, low, p10, median, p90, high, p75 - p25, spread, energy, root]


def _histogram(grey: NDArray[np.uint8]) -> list[float]:
    shares = np.bincount(grey)[1:] / len(grey)
    return [_entropy(shares), float((shares**2).sum())]


def _texture(grey: NDArray[np.uint8], bins: int) -> list[float]:
    """Texture features, averaged over directions with neighbours; `grey` `(D, H, W)` is 0 outside the structure."""
    from skimage.feature import graycomatrix, graycoprops

    angles = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
    counts = sum(graycomatrix(one, [1], angles, levels=bins + 1, symmetric=True).astype(np.float64) for one in grey)
    counts = np.asarray(counts)[1:, 1:]
    pairs = counts.sum(axis=(0, 1))
    there = pairs[0] > 0
    if not there.any():
        return [float("nan")] * (len(_PROPERTIES) + 1)
    shares = counts[..., there] / pairs[:, there]
    means = [float(graycoprops(shares, name).mean()) for name in _PROPERTIES.values()]
    entropies = [_entropy(shares[..., 0, i].ravel()) for i in range(shares.shape[3])]
    return [*means, float(np.mean(entropies))]


def _entropy(shares: Float64) -> float:
    """In bits."""
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum()) + 0.0
