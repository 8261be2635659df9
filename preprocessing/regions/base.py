"""The contract of a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from data.base import Box, Image, Vector3


class Region:
    """Where to look for a sample in a scan."""

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The box of a sample in an unprocessed image; None where the image does not show it.

        Args:
            image: The unprocessed scan with its mask.
            sample: The sample's row of `Dataset.samples()`.
        """
        raise NotImplementedError


def box_along_axes(image: Image, centre: ArrayLike, size: ArrayLike, *, slices: int | None) -> Box:
    """A box along the image's own axes.

    Args:
        image: The scan in which it lies.
        centre: Fractional index `(d, h, w)`.
        size: Length along D, H and W, mm.
        slices: As in `Box`.

    Raises:
        ValueError: Fewer than one slice is wanted.
    """
    if slices is not None and slices < 1:
        raise ValueError(f"slices ({slices}) must be 1 or more; null takes all")
    d, h, w = image.directions
    return Box(_vector(image.position(centre)), _vector(size), (_vector(d), _vector(h), _vector(w)), slices)


def _vector(values: Any) -> Vector3:
    x, y, z = (float(v) for v in values)
    return x, y, z
