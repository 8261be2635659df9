"""Whether the images of a sequence lie alike in the patient, as their pixels are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

_LETTERS = ("LR", "PA", "SI")  # towards which an axis grows, by the sign of its LPS direction


def mixed(sequence: str, affines: NDArray[np.float64]) -> str:
    """A note if the axes of some images grow elsewhere in the patient than those of others; empty if all lie alike.

    Args:
        sequence: Its name.
        affines: `(M, 4, 4)` from an index (slice, row, column) of each image to LPS mm.
    """
    found = Counter(letters(affine) for affine in affines)
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


def letters(affine: NDArray[np.float64]) -> str:
    """The ends of the patient towards which columns, rows and slices grow, such as LPS."""
    nearest = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)).argmax(axis=0)
    return "".join(_LETTERS[nearest[i]][int(affine[nearest[i], i] < 0)] for i in (2, 1, 0))
