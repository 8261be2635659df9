"""The geometry of a disc in its mask: heights, widths, angles and volume."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.base import Encoder, FittedEncoder
from encoders.geometry.measures import Geometry, measure_disc

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class DiscGeometry(Encoder):
    """One token for each crop: the disc's geometry in patient space (LPS), in mm, mm3 and degrees.

    Use region `mask` with `slices: null`, so that the crop holds the whole disc, and with a margin of some 40 mm for
    heights relative to the vertebrae. The disc's frame has the axes u (left), v (back) and w (up): w is normal to the
    plane midway between the endplates; u and v are the axes of an oval fitted to the outline in that plane.

    - `height_anterior`, `_middle`, `_posterior`: heights along w in the midsagittal plane, 80 % of the way to the
      front, in the middle, and 80 % of the way to the back; a focal protrusion does not count. `height_mean`: the area
      of the midsagittal plane divided by the front-to-back width.
    - `ap_width` (midsagittal, at mid-height, with a focal protrusion), `lateral_width`, `volume`.
    - `sagittal_angle`: between v and the horizontal, positive where the back is higher than the front. `coronal_angle`:
      between u and the horizontal, positive where the left is higher. `axial_angle`: between u and the left-right axis
      in the horizontal plane, positive where the left lies further back.
    - `height_to_vertebra_above`, `_below`: the middle height divided by that of the vertebral body; disc 200 + N lies
      between vertebrae N (above) and N - 1, as in SPIDER.
    - `seen_fraction`: the share of the surface that does not lie at a border of the scan.

    A border of the crop or the scan cuts those axes of the disc that make less than 60 degrees with the border's
    normal. Some features are then NaN:

    - Cut on the left or right: lateral width, volume, coronal and axial angle. If both sides are cut, the midsagittal
      plane is the middle of the visible part; if one side is cut, it goes through the middle of the oval.
    - Cut in front or behind: all heights, both widths, volume, sagittal and axial angle.
    - Cut above or below: everything.
    - A vertebra that is missing, or cut above or below: the height relative to it.

    Lateral width and axial angle are also NaN where the disc lies in fewer than three slices, or where the oval is more
    than a voxel longer than the disc, for example because a segmenter missed its sides. A front-to-back width that is
    too long in the same way is NaN, with all heights; so is a height where the disc is empty.

    The axial angle of a nearly round outline (less than 1.15 times as wide as long) is NaN. Where a voxel is so high
    that it makes more than 3 degrees over the disc's width, as in axial slices of 5 mm, all but mean height and volume
    are NaN. A structure of fewer than three voxels has only a volume. Of several pieces the largest is measured.

    On discs of known shape with an oval outline, in sagittal slices of up to 5 mm, the error of lengths is less than
    half a voxel and that of angles less than a degree; the axial angle errs by less than 2 degrees in slices as thick
    as 4.4 mm. In coronal slices of 4.4 mm, above all with an angular outline, lengths err by up to 1.7 mm and the axial
    angle by up to 3 degrees.
    """

    words = "height, widths, angles and volume of the structure, from its mask in patient space"
    packages = ("scipy",)

    measures: ClassVar[bool] = True
    feature_names: ClassVar[tuple[str, ...]] = Geometry._fields

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
        """Gives the encoder, which learns nothing."""
        return _Measurer()


class _Measurer:
    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """`(1, F)` for each image.

        Raises:
            ValueError: An image has no mask, or is not around a structure of it.
        """
        for image in images:
            if image.mask is None or image.structure is None:
                raise ValueError("disc_geometry measures a structure of the mask: use region mask on scans with masks")
            yield np.array([measure_disc(image.mask, image.affine, image.structure)], dtype=np.float32)

    def save(self, folder: Path) -> None:
        pass

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        return {}
