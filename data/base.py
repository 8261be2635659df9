"""The types that every stage shares, and the contract of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data import ScangridError
from data.describing.plug_in import PlugIn
from data.text.names import digest_of, readable

if TYPE_CHECKING:
    import pandas as pd

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Vector3 = tuple[float, float, float]
Exclusion = tuple[str, str, str, str]
"""A row of `exclusions`: file, sample, sequence and reason."""

NO_LABEL = "no label can be used"  # the reason for a sample that has a label of no target
OUTSIDE_SCAN = -1  # in the mask of a crop: the voxel lies outside the scan


class DataError(ScangridError):
    """Input can't be used. The message is one line: the file, the fault and, if there is one, the way out."""


@dataclass(frozen=True, eq=False)
class Image:
    """A picture or volume with its position in the patient.

    Args:
        pixels: `(D, H, W)` float32 in the scanner's units; a 2D picture has D = 1. D counts slices.
        affine: `(4, 4)` float64; maps an index `(d, h, w, 1)` to patient space, LPS mm.
        mask: Labels of structures, `(D, H, W)` int16, or None; 0 is no structure, `OUTSIDE_SCAN` lies outside the scan.
        planes: `(D, 4, 4)` float64 where the slices are on no regular grid (turned, with gaps, from several series),
            else None. Each plane maps `(0, h, w, 1)` of its slice to LPS mm; its first column is the slice's normal, as
            long as the distance of neighbouring slices. `affine` is then the nearest regular grid.
        faults: The parts of the scan that could not be read, each as `file: reason`; the image holds the others.
        structure: Label of the structure that a crop is around; None for other images.
    """

    pixels: Float32
    affine: NDArray[np.float64]
    mask: NDArray[np.int16] | None = None
    planes: NDArray[np.float64] | None = None
    faults: tuple[str, ...] = ()
    structure: int | None = None

    @property
    def spacing(self) -> Vector3:
        """Distance between neighbouring voxel centres along D, H and W, mm."""
        d, h, w = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(d), float(h), float(w)

    @property
    def directions(self) -> NDArray[np.float64]:
        """`(3, 3)`: row i is the unit vector (LPS) along which index axis i grows."""
        columns = self.affine[:3, :3]
        return np.asarray((columns / np.linalg.norm(columns, axis=0)).T, dtype=np.float64)

    def position(self, index: Any) -> NDArray[np.float64]:
        """Patient position (LPS mm) of one index `(3,)` or many `(n, 3)`; with planes, d is rounded."""
        index = np.asarray(index, dtype=np.float64)
        if self.planes is None:
            return np.asarray(index @ self.affine[:3, :3].T + self.affine[:3, 3])
        plane = self.planes[np.clip(np.rint(index[..., 0]), 0, len(self.planes) - 1).astype(int)]
        return np.asarray(np.einsum("...ij,...j->...i", plane[..., :3, 1:3], index[..., 1:]) + plane[..., :3, 3])

    def index(self, position: Any) -> NDArray[np.float64]:
        """Fractional index `(d, h, w)` of one patient position `(3,)` or many `(n, 3)`, LPS mm.

        With planes, d is the slice whose plane is nearest along its normal; slices that hold the position come first.
        """
        position = np.asarray(position, dtype=np.float64)
        if self.planes is None:
            inverse = np.linalg.inv(self.affine)
            return np.asarray(position @ inverse[:3, :3].T + inverse[:3, 3])
        away, at = self.on_planes(position)
        beside = np.any((at < -0.5) | (at > np.asarray(self.pixels.shape[1:]) - 0.5), axis=-1)
        nearest = np.lexsort((np.abs(away), beside), axis=-1)[..., :1]
        return np.concatenate([nearest, np.take_along_axis(at, nearest[..., None], axis=-2)[..., 0, :]], axis=-1)

    def on_planes(self, position: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A position's distance from each plane along the normal `(..., D)`, mm, and its place on it `(..., D, 2)`."""
        planes = np.asarray(self.planes)
        inverse = np.linalg.inv(planes)
        place = np.einsum("dij,...j->...di", inverse[:, :3, :3], np.asarray(position, dtype=np.float64))
        place += inverse[:, :3, 3]
        return place[..., 0] * np.linalg.norm(planes[:, :3, 0], axis=1), place[..., 1:]


@dataclass(frozen=True)
class Box:
    """A cuboid in patient space, which a region finds.

    Args:
        centre: Its middle, LPS mm.
        size: Length along the three directions, mm.
        directions: Three unit vectors (LPS): the crop's D, H and W axes.
        slices: The number of slices to take, those nearest the centre; None takes all inside the box.
        mirrored: Whether the crop is flipped along the axis nearest to left-right (D of sagittal slices, W of axial).
        structure: Label of the structure of the mask that the box is around; None for other boxes.
    """

    centre: Vector3
    size: Vector3
    directions: tuple[Vector3, Vector3, Vector3]
    slices: int | None = None
    mirrored: bool = False
    structure: int | None = None


@dataclass(frozen=True)
class Target:
    """A question about every sample.

    Args:
        name: Its name in the grid.
        column: The column of `samples()` that holds the label.
        classes: The labels in order; y is the position in this tuple. NaN drops a sample for this target only.
        ordinal: Whether the classes have an order.
        rows: Column values that pick the samples for which the target is defined.
    """

    name: str
    column: str
    classes: tuple[int | str, ...]
    ordinal: bool = False
    rows: Mapping[str, Any] = field(default_factory=dict)


class Pixel(NamedTuple):
    """A position in a file of a study.

    Args:
        series: The name of the series.
        file: The name of the file; empty unless names are kept.
        instance: InstanceNumber, from 1 as scanners count, or the frame in a file of many; None where there is none.
        x, y: Column and row in the file's own pixels, not in the turned stack, from 0 at the centre of a pixel.
        away: Distance of the position from the file's plane, mm.
    """

    series: str
    file: str
    instance: int | None
    x: float
    y: float
    away: float


class Dataset(PlugIn):
    """Scans and labels of one source.

    A plug-in is a frozen keyword-only dataclass whose fields name the source's files. `samples()` gives one row for
    each sample: index `sample` (str, unique), columns `patient` (str), `study` (str), the location of the sample (such
    as `level`, `side`, `condition`: str), optional `split` (`train`, `val`, `test`), target columns and clinical
    columns. A row that can't be used is in `excluded()` instead.

    `reading_fields` names the fields that change what `load` gives: only these are part of an embedding's key. `losses`
    names the dataset's own metrics for which lower is better. `shown` gives the words for values in a diagnosis, by
    column of `locations` and by `"sequence"`; a value with empty words is left out. `source` names the field with the
    folder or file by which captions name the dataset, `unlabelled` the plug-in that reads the same files without
    labels, `new_studies` the one that reads new studies at the same locations for `diagnose`; "" for none. The last has
    the fields `folders` (one, or a tuple), `descriptions` (a table of series, or "") and `keep_names` (of folders).
    """

    reading_fields: ClassVar[tuple[str, ...]] = ()
    new_studies: ClassVar[str] = ""
    losses: ClassVar[tuple[str, ...]] = ()
    shown: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    source: ClassVar[str] = "folder"
    unlabelled: ClassVar[str] = ""

    @property
    def sequences(self) -> tuple[str, ...]:
        """The sequences that studies may have, such as `("t1", "t2")`."""
        raise NotImplementedError

    @property
    def locations(self) -> tuple[str, ...]:
        """The columns of `samples()` that locate a sample in the body, the finest last."""
        return ()

    @property
    def within(self) -> tuple[str, ...]:
        """Those of `locations` that make up a place: the score "AUC within" compares only samples at the same place."""
        return self.locations

    @property
    def clinical(self) -> tuple[str, ...]:
        """The columns of `samples()` that describe the patient or the scan."""
        return ()

    @property
    def patients_known(self) -> bool:
        """False where the source has no patient ids; every table then notes it."""
        return True

    def targets(self) -> list[Target]:
        """The questions that this dataset can answer."""
        raise NotImplementedError

    def samples(self) -> pd.DataFrame:
        """One row for each usable sample, in a fixed order.

        Raises:
            DataError: A table is missing or unreadable, or lacks a column.
        """
        raise NotImplementedError

    def excluded(self) -> pd.DataFrame:
        """Rows that were left out of `samples()`: columns `file`, `sample`, `sequence`, `reason` (str)."""
        return exclusions([])

    def load(self, study: str, sequence: str) -> Image | None:
        """The scan of a study in a sequence; None where the study lacks it.

        Raises:
            DataError: The file is missing or truncated, has pixels that are not finite, or contradicts its mask.
        """
        raise NotImplementedError

    def files(self, study: str) -> list[Path]:
        """The existing files that `load` or `points` may read for a study."""
        raise NotImplementedError

    def absent(self, study: str) -> list[Path]:
        """The files of a study that a table names but that do not exist; `plan` shows them."""
        return []

    def digest(self, study: str, of_file: Callable[[Path], str]) -> str:
        """A digest that changes when a file of the study does; `of_file` gives the digest of a file's bytes."""
        return digest_of(f"{path.name} {of_file(path)}" for path in sorted(self.files(study)))

    def points(self, study: str) -> pd.DataFrame:
        """Annotated points of a study, one row for each sample that has one; may be empty.

        Index `sample`; columns `sequence` (in which the point was marked), `x`, `y`, `z` (LPS mm) and `fault` (str). A
        point that can't be used has the reason as its fault, and NaN as x, y and z; other points have an empty fault.
        """
        import pandas as pd

        return pd.DataFrame(columns=["sequence", "x", "y", "z", "fault"])

    def reading_notes(self, study: str) -> tuple[str, ...]:
        """Notes for the reader of a new study's results on how it was read, such as a line for each series."""
        return ()

    def pixel(self, study: str, sequence: str, position: Vector3) -> Pixel | None:
        """The place of a position (LPS mm) in the files; None where it is unknown."""
        return None

    def scores(self, predictions: pd.DataFrame, weights: Float64 | None = None) -> dict[str, Float64]:
        """The dataset's own metrics over its targets, by name; most datasets have none.

        Args:
            predictions: One row for each predicted sample of one repeat: index `sample`, columns `y` (class index) and
                `p_0` ... `p_{K-1}`. A sample that the dataset lacks is an error; samples without a row don't count.
            weights: `(R, n)` how often each row counts in each of R resamples; None counts all rows once, with R = 1.

        Returns:
            The `(R,)` values of each metric by its name; empty where the rows don't allow the metrics.
        """
        return {}

    @classmethod
    def submission(
        cls,
        studies: Mapping[str, Mapping[tuple[str, ...], Sequence[float]]],
        *,
        classes: Sequence[str],
        base_rates: Mapping[str, Sequence[float]],
    ) -> pd.DataFrame:
        """The table that a challenge with this dataset asks for.

        Args:
            studies: By study and place (the values of `locations`): the probabilities of the classes where graded.
            classes: The classes of the model.
            base_rates: By value of the first column of `locations`: the probabilities of a place that was not graded.

        Raises:
            DataError: No challenge asks for one, or its table can't be made of these.
        """
        raise DataError(f"no challenge with the dataset {cls.__module__.split('.')[-1]} asks for a submission")


def exclusions(rows: list[Exclusion]) -> pd.DataFrame:
    """A table of `(file, sample, sequence, reason)`; a text is empty where it does not apply."""
    import pandas as pd

    shown = [tuple(map(readable, row)) for row in rows]  # names of files may be no UTF-8
    return pd.DataFrame(shown, columns=["file", "sample", "sequence", "reason"], dtype="str")
