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
    """One token a crop."""

    reads_mask: ClassVar[bool] = True
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
        """Raises:
        ValueError: A crop without a mask, or that is around no structure of it.
        """
        for image in images:
            if image.mask is None or image.structure is None:
                raise ValueError("disc_geometry measures a structure of the mask: use region mask on scans with masks")
            yield np.array([measure_disc(image.mask, image.affine, image.structure)], dtype=np.float32)

    def save(self, folder: Path) -> None:
        pass

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        return {}
