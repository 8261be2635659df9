"""What a disc's mask measures: heights, widths, angles and volume."""

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
    """One token a crop: the disc's geometry in patient space (LPS), in mm, mm3 and degrees.

    The crop is one of region `mask` with `slices: null`, so that nothing of the disc is left out, and a margin of some
    40 mm where heights are wanted relative to the vertebrae. The disc's frame is u (left), v (back) and w (up): w is
    normal to the plane midway between the endplates, u and v are the axes of the oval that its outline is there.

    - `height_anterior`, `_middle`, `_posterior`: along w in the midsagittal plane, 80 % of the way to the front, in the
      middle, and 80 % of the way to the back, a focal protrusion not counted. `height_mean`: area of the midsagittal
      plane over front-to-back width.
    - `ap_width` (midsagittal, at mid-height, with a focal protrusion), `lateral_width`, `volume`.
    - `sagittal_angle`: of v with the horizontal, above 0 where the back is higher than the front. `coronal_angle`: of u
      with the horizontal, above 0 where the left is higher. `axial_angle`: of u with the left-right axis in the
      horizontal plane, above 0 where the left lies further back.
    - `height_to_vertebra_above`, `_below`: middle height over that of the vertebral body, labels N and N - 1 for disc
      200 + N as in SPIDER.
    - `seen_fraction`: the share of the surface that does not lie at a border of the scan.

    A border of the crop or the scan cuts an axis of the disc to which its normal lies at less than 60 degrees. What is
    NaN then:

    - cut on its left and right: lateral width, volume, coronal and axial angle. The midsagittal plane is the middle of
      what is seen; cut on one side, it is where the oval has its middle.
    - cut in front or behind: all heights, both widths, volume, sagittal and axial angle.
    - cut above or below: everything.
    - cut anywhere: the volume.
    - a vertebra that is not there, or is cut above or below: the height relative to it.

    Besides, lateral width and axial angle are NaN where the disc lies in less than three slices or the oval is longer
    than the disc by more than a voxel, as where a segmenter missed its sides. So is a front-to-back width that is so
    long, with all heights, and a height where nothing is.

    The axial angle of a nearly round outline (less than 1.15 times as wide as long) is NaN; and where a voxel is so
    high that it makes more than 3 degrees over the disc's width, as in axial slices of 5 mm, all but mean height and
    volume. A structure of less than three voxels has a volume alone. Of several pieces the largest is measured.

    On discs of known shape with an oval outline, in sagittal slices of up to 5 mm, lengths are off by less than half a
    voxel and angles by less than a degree; the axial angle by less than 2 in slices as thick as 4.4 mm. In coronal
    slices of 4.4 mm, above all of an angular outline, lengths are off by up to 1.7 mm and the axial angle by up to 3
    degrees.
    """

    words = "height, widths, angles and volume of the structure, from its mask in patient space"
    packages = ("scipy",)

    measures: ClassVar[bool] = True
    feature_names: ClassVar[tuple[str, ...]] = Geometry._fields

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedEncoder:
        """Learns nothing."""
        return _Measurer()


class _Measurer:
    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """`(1, F)` an image.

        Raises:
            ValueError: An image without a mask, or one that is around no structure of it.
        """
        for image in images:
            if image.mask is None or image.structure is None:
                raise ValueError("disc_geometry measures a structure of the mask: use region mask on scans with masks")
            yield np.array([measure_disc(image.mask, image.affine, image.structure)], dtype=np.float32)

    def save(self, folder: Path) -> None:
        pass

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        return {}
