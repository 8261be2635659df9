"""The contract of a region."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.base import Box, Image, Vector3

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Scan:
    """A training patient's scan in one sequence, read when asked for.

    Args:
        study: The study.
        patient: The patient, for inner splits.
        image: Reads the scan with its mask; gives None where the study lacks the sequence.
        samples: The study's rows of `Dataset.samples()`.
    """

    study: str
    patient: str
    image: Callable[[], Image | None]
    samples: Sequence[Mapping[str, Any]]


Scans = Sequence[Scan]


class FittedRegion(Protocol):
    """A region that has learnt where to look."""

    def prepare(self, image: Image) -> Image:
        """The scan as `locate` wants it, once for all its samples."""
        ...

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """As in `Region`, in a prepared image."""
        ...

    def save(self, folder: Path) -> None:
        """Writes what was learnt (safetensors, JSON)."""
        ...

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """Tables and arrays worth keeping: learning curves."""
        ...


class Region:
    """Where to look for a sample in a scan.

    `uses_points` asks for the dataset's annotated point of a sample, which `locate` then finds in the sample as `point`
    (LPS mm, or None) beside its row.
    """

    uses_points: ClassVar[bool] = False
    learns: ClassVar[bool] = False

    def fit(self, scans: Scans, *, seed: int, device: str) -> FittedRegion:
        """Learns from the training patients of the fold; only for a region that learns.

        Args:
            scans: One a study and sequence.
            seed: For what draws.
            device: `"cpu"` or `"cuda"`.
        """
        raise NotImplementedError

    def load(self, folder: Path, *, device: str) -> FittedRegion:
        """What `FittedRegion.save` wrote; only for a region that learns."""
        raise NotImplementedError

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The box of a sample in an unprocessed image; None where the image does not show it.

        Args:
            image: The unprocessed scan with its mask.
            sample: The sample's row of `Dataset.samples()`.
        """
        raise NotImplementedError


def box_along_axes(
    image: Image, centre: ArrayLike, size: ArrayLike, *, slices: int | None, structure: int | None = None
) -> Box:
    """A box along the axes of the image's grid.

    Args:
        image: The scan in which it lies.
        centre: Fractional index `(d, h, w)` on `image.affine`.
        size: Length along D, H and W, mm.
        slices: As in `Box`.
        structure: As in `Box`.

    Raises:
        ValueError: Fewer than one slice is wanted.
    """
    centre = np.asarray(centre) @ image.affine[:3, :3].T + image.affine[:3, 3]
    return replace(box_at(centre, size, image.directions, slices=slices), structure=structure)


def box_at(
    position: ArrayLike, size: ArrayLike, directions: NDArray[np.float64], *, slices: int | None, mirrored: bool = False
) -> Box:
    """A box around a patient position (LPS mm); the rest as in `Box`.

    Raises:
        ValueError: Fewer than one slice is wanted.
    """
    if slices is not None and slices < 1:
        raise ValueError(f"slices ({slices}) must be 1 or more; null takes all")
    d, h, w = map(_vector, directions)
    return Box(_vector(position), _vector(size), (d, h, w), slices, mirrored)


def _vector(values: Any) -> Vector3:
    x, y, z = (float(v) for v in values)
    return x, y, z
