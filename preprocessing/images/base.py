"""The contract of an image step."""

from __future__ import annotations

from data.base import Image
from data.describing.plug_in import PlugIn


class ImageStep(PlugIn):
    """A pure function of a whole image in 2D or 3D, `(D, H, W)` float32 in and out.

    A plug-in is a frozen keyword-only dataclass. A step may change pixels, affine and mask together (`resample`); it
    never draws, learns or reads a file.
    """

    def __call__(self, image: Image) -> Image:
        """The image after the step; the input stays as it is."""
        raise NotImplementedError
