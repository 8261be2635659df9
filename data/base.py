"""The types that travel between the stages, and the contract of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Float32 = NDArray[np.float32]
Vector3 = tuple[float, float, float]


class DataError(Exception):
    """Input that can't be used: one line that names the file, what is wrong and, if there is one, the way out."""


@dataclass(frozen=True, eq=False)
class Image:
    """A picture or volume with its place in the patient.

    Args:
        pixels: `(D, H, W)` float32 in the scanner's units; a 2D picture has D = 1. D counts slices.
        affine: `(4, 4)` float64; maps an index `(d, h, w, 1)` to patient space, LPS mm.
        mask: Labels of structures, `(D, H, W)` int16, or None.
    """

    pixels: Float32
    affine: NDArray[np.float64]
    mask: NDArray[np.int16] | None = None

    @property
    def spacing(self) -> Vector3:
        """Distance of neighbouring voxel centres along D, H and W, mm."""
        d, h, w = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(d), float(h), float(w)

    @property
    def directions(self) -> NDArray[np.float64]:
        """`(3, 3)`: row i is the unit vector (LPS) in which index axis i grows."""
        columns = self.affine[:3, :3]
        return np.asarray((columns / np.linalg.norm(columns, axis=0)).T, dtype=np.float64)

    def position(self, index: Any) -> NDArray[np.float64]:
        """Patient position (LPS mm) of one index `(3,)` or many `(n, 3)`."""
        return np.asarray(np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def index(self, position: Any) -> NDArray[np.float64]:
        """Fractional index `(d, h, w)` of one patient position `(3,)` or many `(n, 3)`, LPS mm."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(np.asarray(position, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3])


@dataclass(frozen=True)
class Box:
    """A cuboid in patient space: what a region finds.

    Args:
        centre: LPS mm.
        size: Length along the three directions, mm.
        directions: Three unit vectors (LPS): the crop's D, H and W axes.
        slices: The number of slices wanted, those nearest the centre; None takes all inside the box.
        mirrored: Whether the crop is flipped along its D axis (left to right of a sagittal crop).
    """

    centre: Vector3
    size: Vector3
    directions: tuple[Vector3, Vector3, Vector3]
    slices: int | None = None
    mirrored: bool = False


@dataclass(frozen=True)
class Target:
    """A question asked of every sample.

    Args:
        name: What the grid calls it.
        column: The column of `samples()` that holds the label.
        classes: The labels in order; y is the position in this tuple. A missing label (NaN) drops the
            sample for this target only.
        ordinal: Whether the order of the classes means something.
        rows: Picks the samples on which the target is defined, by column values.
    """

    name: str
    column: str
    classes: tuple[int | str, ...]
    ordinal: bool = False
    rows: Mapping[str, Any] = field(default_factory=dict)


class Dataset:
    """Scans and labels of one source. A plug-in is a frozen keyword-only dataclass whose fields say where it lies.

    `samples()` gives one row a sample: index `sample` (str, unique), columns `patient` (str), `study` (str), what
    locates the sample (`level`, `side`, `condition`: str), optional `split` (`train`, `val`, `test`), target columns
    and clinical columns. A row that can't be used is not in it but in `excluded()`.

    `reading_fields` names the fields that change what `load` gives: those alone are part of an embedding's key.
    """

    reading_fields: ClassVar[tuple[str, ...]] = ()

    @property
    def sequences(self) -> tuple[str, ...]:
        """The sequences that studies may have, such as `("t1", "t2")`."""
        raise NotImplementedError

    @property
    def locations(self) -> tuple[str, ...]:
        """The columns of `samples()` that say where in the body a sample lies."""
        return ()

    @property
    def clinical(self) -> tuple[str, ...]:
        """The columns of `samples()` that describe the patient or the scan."""
        return ()

    @property
    def patients_known(self) -> bool:
        """False where the source gives no patient ids, which every table then says."""
        return True

    def targets(self) -> list[Target]:
        """The questions that this dataset can answer."""
        raise NotImplementedError

    def samples(self) -> pd.DataFrame:
        """One row a usable sample, in a fixed order.

        Raises:
            DataError: A table is missing, unreadable or lacks a column.
        """
        raise NotImplementedError

    def excluded(self) -> pd.DataFrame:
        """Rows left out while the tables were read: columns `file`, `sample`, `sequence`, `reason` (str)."""
        return exclusions([])

    def load(self, study: str, sequence: str) -> Image | None:
        """The scan of a study in a sequence; None where the study lacks it.

        Raises:
            DataError: The file is missing, truncated, non-finite or contradicts its mask.
        """
        raise NotImplementedError

    def files(self, study: str) -> list[Path]:
        """The files that `load` may read for a study, those that exist."""
        raise NotImplementedError

    def digest(self, study: str, of_file: Callable[[Path], str]) -> str:
        """A digest that changes when a file of the study does; `of_file` gives the digest of a file's bytes."""
        lines = [f"{path.name} {of_file(path)}" for path in sorted(self.files(study))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def points(self, study: str) -> pd.DataFrame:
        """Annotated points: columns of `locations`, `sequence`, and `x`, `y`, `z` in LPS mm. May be empty."""
        import pandas as pd

        return pd.DataFrame(columns=[*self.locations, "sequence", "x", "y", "z"])


def exclusions(rows: list[tuple[str, str, str, str]]) -> pd.DataFrame:
    """A table of exclusions from `(file, sample, sequence, reason)`; an empty string where one does not apply."""
    import pandas as pd

    return pd.DataFrame(rows, columns=["file", "sample", "sequence", "reason"], dtype="str")
