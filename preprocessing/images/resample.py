"""Changes the spacing of an image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.base import Image, Vector3
from preprocessing.images.base import ImageStep


@dataclass(frozen=True, kw_only=True)
class Resample(ImageStep):
    """Resamples the image to another spacing, linearly for pixels and to the nearest voxel for the mask.

    An axis that becomes coarser is blurred first by a Gaussian whose full width at half maximum is
    `sqrt(new**2 - old**2)` mm, so that fine structures do not alias. The centre of the image stays in place. An axis of
    one voxel keeps its spacing, since a single slice can't be interpolated. D also keeps its spacing if slices have
    planes of their own.

    Args:
        spacing: New distance of voxel centres along D, H and W, mm; 0 keeps that axis.

    References:
        M. J. Cardoso et al., Scale factor point spread function matching, MICCAI 2015,
        doi:10.1007/978-3-319-24571-3_81.
    """

    words = "resampling to another spacing, blurred first where it is coarser"
    cites = ("cardoso2015",)
    packages = ("scipy",)

    spacing: Vector3 = (0.0, 1.0, 1.0)

    def __call__(self, image: Image) -> Image:
        """The image at the new spacing; its extent along an axis changes by less than half a new voxel at each end.

        Raises:
            ValueError: A spacing is below 0.
        """
        from scipy.ndimage import affine_transform, gaussian_filter

        if min(self.spacing) < 0:
            raise ValueError(f"spacing {self.spacing} must not be negative: lengths in mm, 0 keeps an axis")
        shape, old = np.asarray(image.pixels.shape), np.asarray(image.spacing)
        kept = (np.asarray(self.spacing) == 0) | (shape == 1)
        kept[0] |= image.planes is not None
        new = np.where(kept, old, self.spacing)
        ratio = new / old
        out = np.maximum(np.rint(shape / ratio), 1).astype(int)
        start = (shape - 1) / 2 - ratio * (out - 1) / 2

        fwhm = np.sqrt(np.maximum(ratio**2 - 1, 0))
        smooth = gaussian_filter(image.pixels, fwhm / np.sqrt(8 * np.log(2)), mode="nearest")
        pixels = affine_transform(smooth, ratio, start, tuple(out), order=1, mode="nearest")
        mask = image.mask
        if mask is not None:
            mask = affine_transform(mask, ratio, start, tuple(out), order=0, mode="nearest")
        to_old = np.diag([*ratio, 1.0])
        to_old[:3, 3] = start
        planes = None if image.planes is None else image.planes @ to_old
        return replace(image, pixels=pixels, affine=image.affine @ to_old, mask=mask, planes=planes)
