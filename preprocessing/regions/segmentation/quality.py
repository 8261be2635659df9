"""How well a predicted mask agrees with a given one, at the image's own resolution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from data.base import Vector3
from preprocessing.regions.segmentation.classes import CLASSES, FIRST_DISC, classes_of

OVERLAP = 0.5  # intersection over union above which a disc counts as found; no disc then has two partners


def quality(truth: NDArray[np.int16], predicted: NDArray[np.int16], spacing: Vector3) -> Mapping[str, float]:
    """Dice and surface distance of each class, and the numbers of discs that are found and numbered rightly.

    A disc is found if its intersection with a predicted disc is more than half of their union.

    Args:
        truth: `(D, H, W)` SPIDER labels as given.
        predicted: `(D, H, W)` SPIDER labels as predicted.
        spacing: The spacing of voxels along D, H and W, mm.

    Returns:
        `dice_vertebra`, `dice_canal`, `dice_disc`: NaN if neither mask has the class. `hd95_vertebra` ...: the 95th
        percentile of surface distances in mm, the larger of both directions; NaN if a mask lacks the class. The border
        of the image is no surface.
        `discs` and `discs_predicted` count discs. `discs_found` counts the true discs that were found, and
        `discs_numbered` those among them with the true label.

    References:
        A. Kirillov et al., Panoptic segmentation, CVPR 2019, arXiv:1801.00868 (matching above one half).
    """
    given, drawn = classes_of(truth), classes_of(predicted)
    scores: dict[str, float] = {}
    for c, name in enumerate(CLASSES[1:], start=1):
        a, b = given == c, drawn == c
        both = int(a.sum()) + int(b.sum())
        scores[f"dice_{name}"] = 2 * int((a & b).sum()) / both if both else float("nan")
        scores[f"hd95_{name}"] = _hd95(a, b, spacing)
    true, found = _discs(truth), _discs(predicted)
    partner = {disc: _partner(truth == disc, predicted, found) for disc in true}
    return scores | {
        "discs": float(len(true)),
        "discs_predicted": float(len(found)),
        "discs_found": float(sum(label > 0 for label in partner.values())),
        "discs_numbered": float(sum(label == disc for disc, label in partner.items())),
    }


def _hd95(a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: Vector3) -> float:
    from scipy.ndimage import distance_transform_edt

    one, other = _surface(a), _surface(b)
    if not (one.any() and other.any()):
        return float("nan")
    # Only the box of both surfaces is needed.
    where = np.argwhere(one | other)
    box = tuple(slice(low, high + 1) for low, high in zip(where.min(axis=0), where.max(axis=0), strict=True))
    one, other = one[box], other[box]
    there = np.percentile(distance_transform_edt(~other, sampling=spacing)[one], 95)
    back = np.percentile(distance_transform_edt(~one, sampling=spacing)[other], 95)
    return float(max(there, back))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The voxels of a mask with a neighbour outside it; the border of the image does not count."""
    from scipy.ndimage import binary_erosion

    surface: NDArray[np.bool_] = mask & ~binary_erosion(mask, border_value=1)
    return surface


def _discs(mask: NDArray[np.int16]) -> list[int]:
    labels = np.unique(mask)
    return [int(label) for label in labels if FIRST_DISC <= label <= 250]


def _partner(disc: NDArray[np.bool_], predicted: NDArray[np.int16], found: list[int]) -> int:
    """The label of the predicted disc that matches a true disc, or 0."""
    labels, inside = np.unique(predicted[disc], return_counts=True)
    for label, shared in zip(labels.tolist(), inside.tolist(), strict=True):
        if label in found:
            union = int(disc.sum()) + int((predicted == label).sum()) - shared
            if shared / union > OVERLAP:
                return int(label)
    return 0
