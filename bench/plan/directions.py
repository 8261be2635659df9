"""Whether the images of a sequence lie alike in the patient, and whether their slices are cut along the thick axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data import ScangridError
from data.base import Dataset, Image

if TYPE_CHECKING:
    import pandas as pd

THICK = 1.5
"""An axis is the thick one if its voxels are so many times as long as along each other axis."""
SETTING = "orientation"
"""The field by which a dataset turns images to slices of a plane."""

_LETTERS = ("LR", "PA", "SI")  # towards which an axis grows, by the sign of its LPS direction
_EXCHANGED = str.maketrans("LR", "RL")
_TRIED = 20  # studies, of which some may lack the sequence
_PLANES = ("sagittal", "coronal", "axial")  # whose slices follow each other along x, y and z


@dataclass(frozen=True)
class ScanGrid:
    """The voxels of a scan along D (slices), H and W.

    Args:
        shape: Their numbers.
        spacing: The distances of their centres, mm.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    @property
    def thick(self) -> int:
        """The axis along which voxels are clearly longest; -1 if there is none."""
        by_length = np.argsort(self.spacing)
        longest, second = (self.spacing[axis] for axis in (by_length[2], by_length[1]))
        return int(by_length[2]) if longest > THICK * second else -1


def lying(
    affines: Iterable[NDArray[np.float64]], rows: Iterable[int], mirror: bool, samples: pd.DataFrame
) -> Counter[str]:
    """How many crops have each `letters`, those that a region mirrors as they were before.

    Args:
        affines: `(4, 4)` from an index (slice, row, column) of each crop to LPS mm.
        rows: For each sample the position of its crop; -1 if it has none.
        mirror: Whether the region flips samples whose `side` is `left`, as the field `mirror` of regions says.
        samples: The samples.
    """
    left = (samples["side"] == "left").tolist() if mirror and "side" in samples else [False] * len(samples)
    flipped = {row for row, mirrored in zip(rows, left, strict=True) if mirrored}
    found = [letters(affine).translate(_EXCHANGED if i in flipped else {}) for i, affine in enumerate(affines)]
    return Counter(found)


def mixed(sequence: str, found: Counter[str]) -> str:
    """A note if the axes of some images grow elsewhere in the patient than those of others; empty if all lie alike.

    Args:
        sequence: Its name.
        found: How many of its images have each `letters`.
    """
    if len(found) < 2:
        return ""
    shown = ", ".join(f"{letters} in {count}" for letters, count in found.most_common(6))
    return (
        f"{sequence}: its images lie differently in the patient: columns, rows and slices grow towards {shown}, so "
        "that left and right, or rows and slices, are exchanged between them: have the dataset turn them alike "
        "(orientation: sagittal, axial or coronal)"
    )


def unlike(sequence: str, known: Collection[str], found: Mapping[str, int]) -> str:
    """A note if the axes of new images grow elsewhere in the patient than in training; empty if they do not.

    Args:
        sequence: Its name.
        known: The `letters` of the images of training; empty where they are not known.
        found: How many new images have each of these.
    """
    other = {one: count for one, count in found.items() if one not in known}
    if not other or not known:
        return ""
    shown = ", ".join(f"{one} in {count}" for one, count in sorted(other.items(), key=lambda pair: -pair[1])[:6])
    return (
        f"{sequence}: {sum(other.values())} of {sum(found.values())} images lie otherwise in the patient than those of "
        f"training: columns, rows and slices grow towards {shown}, in training towards {', '.join(sorted(known)[:6])}. "
        "The model has not learnt from such images: have the dataset turn them alike."
    )


def across(scans: Mapping[str, ScanGrid], affine: NDArray[np.float64] | None) -> str:
    """A note on a sequence if slices are cut across the thick axis of some of its scans; empty if none is.

    Scanners make slices that are thicker than their pixels are wide. Where a file lists the slices in another place,
    as arrays of slices first often do in NIfTI, slices of thick and thin pixels are read that no scanner made.

    Args:
        scans: The voxels of scans, by study.
        affine: `(4, 4)` from an index (slice, row, column) of one of its images to LPS mm, which shows in which plane
            the slices lie; None if it is unknown.

    Returns:
        The note without the name of the sequence, for `joined`.
    """
    odd = {
        name: scan for name, scan in scans.items() if scan.shape[0] > 1 and None not in scan.spacing and scan.thick > 0
    }
    if not odd:
        return ""
    name, scan = next(iter(odd.items()))
    (n, height, width), (apart, high, wide) = scan.shape, scan.spacing
    plane = "" if affine is None else _PLANES[int(np.abs(affine[:3, scan.thick]).argmax())]
    way_out = f"{SETTING}: {plane}" if plane else f"{SETTING}: sagittal, axial or coronal"
    many = f"{len(odd)} of {len(scans)} images" if len(scans) > 1 else "its image"
    return (
        f"{many} may be cut into slices along the wrong axis: {name} is read as {n} slices that are "
        f"{apart:.3g} mm apart, each of {height} x {width} pixels of {high:.3g} x {wide:.3g} mm, but the thickest "
        f"side of a voxel ({max(high, wide):.3g} mm) is usually the distance of slices: look at it with `preview`, and "
        f"set `{way_out}` in the dataset if it is wrong"
    )


def first_look(dataset: Dataset, studies: Sequence[str], sequences: Iterable[str]) -> list[str]:
    """The notes of `across` on one scan of each sequence, which is read for it; none of a dataset that turns no scans.

    Args:
        dataset: Gives the scans.
        studies: Its studies; the first with a scan that can be read counts.
        sequences: The sequences.
    """
    if SETTING not in dataset.reading_fields:
        return []
    found = {}
    for sequence in sequences:
        for study in studies[:_TRIED]:
            image = _image(dataset, study, sequence)
            if image is not None:
                scans = {study: ScanGrid(_three(image.pixels.shape), image.spacing)}
                found[sequence] = across(scans, image.affine)
                break
    return joined(found)


def joined(notes: Mapping[str, str]) -> list[str]:
    """Notes by sequence as sentences; what holds of several sequences is said once."""
    sequences: dict[str, list[str]] = {}
    for sequence, note in notes.items():
        sequences.setdefault(note, []).append(sequence)
    return [f"{', '.join(names)}: {note}" for note, names in sequences.items() if note]


def _image(dataset: Dataset, study: str, sequence: str) -> Image | None:
    try:
        return dataset.load(study, sequence)
    except (ScangridError, OSError):  # a run names the fault
        return None


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    d, h, w = shape
    return d, h, w


def letters(affine: NDArray[np.float64]) -> str:
    """The ends of the patient towards which columns, rows and slices grow, such as LPS."""
    nearest = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)).argmax(axis=0)
    return "".join(_LETTERS[nearest[i]][int(affine[nearest[i], i] < 0)] for i in (2, 1, 0))
