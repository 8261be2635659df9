"""The contract of a region."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.base import Box, Image, Vector3
from data.describing.plug_in import Description, PlugIn

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Scan:
    """A training patient's scan in one sequence, read when asked for.

    Args:
        study: The study.
        patient: The patient, for inner splits.
        image: Reads the scan with its mask; None where the study lacks the sequence or its file can't be read.
        samples: The study's rows of `Dataset.samples()`.
    """

    study: str
    patient: str
    image: Callable[[], Image | None]
    samples: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Study:
    """A study with all of its sequences, for what finds points.

    Args:
        study: The study.
        patient: The patient, for inner splits.
        images: From each sequence to what reads its scan; None where the study lacks it or its files can't be read.
        samples: The study's rows of `Dataset.samples()`: `sample`, `patient`, `study` and what locates a sample.
        points: The annotated points as `Dataset.points()` gives them; empty for a study that has none.
    """

    study: str
    patient: str
    images: Mapping[str, Callable[[], Image | None]]
    samples: Sequence[Mapping[str, Any]]
    points: pd.DataFrame


class FittedPoints(Protocol):
    """What finds the points of samples: its networks are trained."""

    def find(self, study: Study) -> pd.DataFrame:
        """The points of a study's samples, without a look at the annotated ones.

        Returns:
            Index `sample`; columns as `Dataset.points()` has them (`sequence`, `x`, `y`, `z` in LPS mm, `fault`: why
            there is none, or ""), and `slice`, the index of the slice in that sequence's scan; -1 where there is none.
        """
        ...

    def rate(self, study: Study, found: pd.DataFrame) -> pd.DataFrame:
        """How near the points come to the annotated ones.

        Returns:
            One row a sample that has an annotated point: index `sample`; numeric columns, NaN where none was found.
        """
        ...

    def save(self, folder: Path) -> None:
        """Writes what was learnt (safetensors, JSON)."""
        ...

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """Tables and arrays worth keeping: learning curves."""
        ...


class FittedRegion(Protocol):
    """A region that is ready to look: its network is trained, or read from a file."""

    def prepare(self, image: Image) -> Image:
        """The scan as `locate` wants it, once for all its samples, such as with a predicted mask."""
        ...

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """As `Region.locate`, in a prepared scan."""
        ...

    def rate(self, given: Image, prepared: Image) -> Mapping[str, float]:
        """Measures, by name, of how near a prepared scan comes to the given one; none where nothing was given."""
        ...

    def save(self, folder: Path) -> None:
        """Writes what was learnt (safetensors, JSON)."""
        ...

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """Tables and arrays worth keeping: learning curves."""
        ...


class Region(PlugIn):
    """Where to look for a sample in a scan.

    `uses_points` asks for the dataset's annotated point of a sample, which `locate` then finds in the sample as `point`
    (LPS mm, or None) beside its row. `fitted` says that `fit` gives what locates: once a fold on the scans of its
    training patients, or once for all where `learns` is False, since its weights are given. `finds_points` says that
    `fit_points` gives what finds the points that `locate` then gets, once a fold on all sequences of its training
    patients.
    """

    uses_points: ClassVar[bool] = False
    finds_points: ClassVar[bool] = False
    fitted: ClassVar[bool] = False

    @property
    def learns(self) -> bool:
        """Whether `fit` learns from scans."""
        return self.fitted

    def fit(self, scans: Sequence[Scan], *, seed: int, device: str) -> FittedRegion:
        """What locates; only for a region that is `fitted`.

        Args:
            scans: One a study of the fold's training patients; empty where nothing is learnt.
            seed: For what draws.
            device: `"cpu"` or `"cuda"`.
        """
        raise NotImplementedError

    def load(self, folder: Path, *, device: str) -> FittedRegion:
        """What `FittedRegion.save` wrote; only for a region that learns."""
        raise NotImplementedError

    def fit_points(self, studies: Sequence[Study], *, seed: int, device: str) -> FittedPoints:
        """What finds points; only for a region that `finds_points`.

        Args:
            studies: Those of the fold's training patients, with their annotated points.
            seed: For what draws.
            device: `"cpu"` or `"cuda"`.
        """
        raise NotImplementedError

    def load_points(self, folder: Path, *, device: str) -> FittedPoints:
        """What `FittedPoints.save` wrote; only for a region that `finds_points`."""
        raise NotImplementedError

    def learnt_from(self) -> frozenset[str]:
        """The digests (`patient_digest`) of the patients that given weights learnt from; empty where none are known."""
        return frozenset()

    def trained(self) -> Region:
        """This region without what changes its boxes alone: regions that share it share what is fitted."""
        return self

    def weights_digest(self) -> str:
        """The sha256 of a file of weights; empty where none is given.

        Raises:
            ValueError: There is no such file, or it is another network's.
        """
        return ""

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The box of a sample in an unprocessed image; None where the image does not show it.

        Args:
            image: The unprocessed scan with its mask.
            sample: The sample's row of `Dataset.samples()`.
        """
        raise NotImplementedError

    def describe(self) -> Description:
        """With what it learns from: scans with their masks or points, without the labels of a target."""
        return replace(super().describe(), learns="images" if self.learns else "nothing")


def patient_digest(patient: str) -> str:
    """What weights keep of a patient that they learnt from, so that no score is told of them."""
    return hashlib.sha256(f"scangrid patient {patient}".encode()).hexdigest()[:16]


def box_along_axes(
    image: Image, centre: ArrayLike, size: ArrayLike, *, slices: int | None, structure: int | None = None
) -> Box:
    """A box along the axes of the image's grid.

    Args:
        image: The scan in which it lies.
        centre: Fractional index `(d, h, w)` on `image.affine`.
        size: Length along D, H and W, mm.
        slices: As in `Box`.
        structure: As in `Box`.

    Raises:
        ValueError: Fewer than one slice is wanted.
    """
    centre = np.asarray(centre) @ image.affine[:3, :3].T + image.affine[:3, 3]
    return replace(box_at(centre, size, image.directions, slices=slices), structure=structure)


def box_at(
    position: ArrayLike, size: ArrayLike, directions: NDArray[np.float64], *, slices: int | None, mirrored: bool = False
) -> Box:
    """A box around a patient position (LPS mm); the rest as in `Box`.

    Raises:
        ValueError: Fewer than one slice is wanted.
    """
    if slices is not None and slices < 1:
        raise ValueError(f"slices ({slices}) must be 1 or more; null takes all")
    d, h, w = map(_vector, directions)
    return Box(_vector(position), _vector(size), (d, h, w), slices, mirrored)


def _vector(values: Any) -> Vector3:
    x, y, z = (float(v) for v in values)
    return x, y, z
