"""The contract of a region."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.base import Box, Image, Vector3
from data.describing.plug_in import Description, PlugIn

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Study:
    """A study as regions see it: its scans, its samples and the points that are known in it.

    Args:
        study: The study.
        patient: The patient, for inner splits.
        images: For each sequence a function that reads the scan with its mask. A region that `joins_sequences` gets all
            sequences, any other region the one at hand. The function returns None if the study lacks the sequence or
            its files can't be read.
        samples: The study's rows of `Dataset.samples()` with the columns that locate a sample, without labels and
            clinical columns.
        points: The points of the samples: index `sample`; columns as `Dataset.points()` has them (`sequence`, `x`, `y`,
            `z` in LPS mm, `fault`: why there is no point, or ""). None for a region that doesn't use points.
    """

    study: str
    patient: str
    images: Mapping[str, Callable[[], Image | None]]
    samples: Sequence[Mapping[str, Any]]
    points: pd.DataFrame | None = None


class FittedRegion:
    """A region that is ready: it looks at a study, then it locates the study's samples in a scan."""

    @property
    def name(self) -> str:
        """The name of the region in messages."""
        return "the region"

    def look(self, study: Study) -> Study:
        """Adds to a study what the region sees in it, such as predicted masks or points; nothing by default.

        Args:
            study: The study; its images are read when they are asked for. Its `points` are the annotated ones for a
                fixed region that uses points, and None for every other region.

        Returns:
            The study with predicted masks in its images, or with the points that were found. These points have one more
            column, `slice`: the index of the slice in that sequence's scan, or -1 if there is none.
        """
        return study

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The box of a sample in an unprocessed image; None if the image does not show it.

        Args:
            image: A scan of a study that the region has looked at.
            sample: The sample's row of `Dataset.samples()`; in a study with points also its `point`, LPS mm `(3,)`.
        """
        raise NotImplementedError

    def rate(self, given: Study, seen: Study) -> pd.DataFrame:
        """Measures how near the region came to the given masks or points of a study.

        Args:
            given: The study with its own masks and its annotated points.
            seen: The study as `look` returned it, without the given masks and points.

        Returns:
            A table of numbers. For points it has one row per sample with an annotated point, index `sample`; for masks
            one row for the study, index `study`. It is empty if nothing is given.
        """
        import pandas as pd

        return pd.DataFrame()

    def save(self, folder: Path) -> None:
        """Writes what was learnt (safetensors, JSON); nothing by default."""

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """Tables and arrays worth keeping, such as learning curves; none by default."""
        return {}


class Region(PlugIn):
    """Where to look for a sample in a scan. The plug-in holds the configuration; `fit` returns what locates.

    `fixed`: nothing is fitted; boxes follow from the scan, its mask and its annotated points.
    `uses_points`: boxes stand at points, one for each sample. A fixed region gets the annotated ones; a region that
    learns gets those of the training patients and finds the others.
    `joins_sequences`: one fit looks for points in all sequences of a study; otherwise each sequence has its own fit.
    """

    fixed: ClassVar[bool] = False
    uses_points: ClassVar[bool] = False
    joins_sequences: ClassVar[bool] = False

    @property
    def learns(self) -> Literal["nothing", "images"]:
        """`"images"`: `fit` learns from scans, once per fold; `"nothing"`: it reads weights, once for all folds."""
        return "images"

    def gives_structure(self) -> bool:
        """Whether its boxes are around a structure of a mask, which encoders may then read (`Box.structure`)."""
        return False

    def needs_masks(self) -> bool:
        """Whether it works only on a dataset whose scans have masks."""
        return False

    def fit(self, studies: Sequence[Study], *, seed: int, device: str) -> FittedRegion:
        """Fits the region.

        Args:
            studies: The studies of the fold's training patients; none if nothing is learnt.
            seed: The seed of all draws.
            device: `"cpu"` or `"cuda"`.
        """
        raise NotImplementedError

    def load(self, folder: Path, *, device: str) -> FittedRegion:
        """Reads what `FittedRegion.save` wrote; only for a region that learns."""
        raise NotImplementedError

    def learnt_from(self) -> frozenset[str]:
        """The digests (`patient_digest`) of the patients that given weights learnt from; empty where none are known."""
        return frozenset()

    def trained(self) -> Region:
        """This region without the fields that only change its boxes. Regions that agree in the rest share a fit."""
        return self

    def weights_digest(self) -> str:
        """The sha256 of a file of weights; empty if none is given.

        Raises:
            WeightsError: There is no such file, or it belongs to another network.
        """
        return ""

    def describe(self) -> Description:
        """The description, with what the region learns from: scans with masks or points, but no labels of a target."""
        return replace(super().describe(), learns=self.learns)


class FixedRegion(Region, FittedRegion):
    """A region that is ready as it is; the plug-in only defines `locate`."""

    fixed: ClassVar[bool] = True

    @property
    def learns(self) -> Literal["nothing", "images"]:
        """Nothing."""
        return "nothing"

    @property
    def name(self) -> str:
        """The name in messages, such as `region mask`."""
        return f"region {type(self).__name__.lower()}"

    def fit(self, studies: Sequence[Study], *, seed: int, device: str) -> FixedRegion:
        """The region itself."""
        return self


def patient_digest(patient: str) -> str:
    """A digest that weights keep of each patient that they learnt from, so that no such patient is scored."""
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
    """A box around a position in the patient (LPS mm); the other arguments are as in `Box`.

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
