"""The contract of an image step."""

from __future__ import annotations

from data.base import Image
from data.describing.plug_in import PlugIn


class ImageStep(PlugIn):
    """A pure function of a whole image: same shape of contract for 2D and 3D, `(D, H, W)` float32 in and out.

    A step may change pixels, affine and mask together (`resample`); it never draws, learns or reads a file.
    """

    def __call__(self, image: Image) -> Image:
        """The image after the step; the one that comes in is left as it was."""
        raise NotImplementedError
