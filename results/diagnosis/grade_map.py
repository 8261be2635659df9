"""Where a crop spoke for the grade of a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, kw_only=True)
class MappedCrop:
    """A crop and the map over it.

    Args:
        sequence: Such as `sagittal_t1`.
        pixels: `(D, H, W)`.
        values: `(D, H, W)`: log odds of the grade as they are, minus with the place covered.
        spacing: Distance of rows and of columns, mm.
    """

    sequence: str
    pixels: NDArray[Any]
    values: NDArray[Any]
    spacing: tuple[float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class GradeMap:
    """The maps of one finding, one for each sequence that it was read in.

    Args:
        crops: The crops with their maps.
        patch: Side of the patches that were covered, mm.
        least: The lowest probability of the grade under any patch.
    """

    crops: tuple[MappedCrop, ...]
    patch: float
    least: float
