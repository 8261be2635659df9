"""From voxel classes to single discs and vertebrae, numbered from the bottom in patient space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocessing.regions.segmentation.classes import CANAL, CANAL_LABEL, DISC, FIRST_DISC, VERTEBRA

APART = 17.0  # mm along the spine: neighbouring lumbar discs lie about twice as far apart, parts of one disc do not
BESIDE = 12.0  # mm between a disc and the nearest vertebra; S1 is about 30 mm high
Bool = NDArray[np.bool_]
Float = NDArray[np.float64]


def instances(classes: NDArray[np.uint8], affine: Float, *, smallest: float = 0.05) -> NDArray[np.int16]:
    """Labels as in SPIDER: vertebrae 1, 2 .. and discs 201, 202 .. from the bottom, the canal 100.

    Discs that touch are parted where the bridge is thinnest. Parts of one disc that do not touch get one label. Specks
    are removed, and so is a disc without a vertebra near it (S1/S2), unless there are no vertebrae at all. The lowest
    disc is 201 even if the image cuts L5/S1 off. Vertebrae are approximate: their voxels are cut by the planes
    through the discs across the spine; without discs they are all 1.

    Args:
        classes: `(D, H, W)`, as `classes_of` gives them.
        affine: `(4, 4)` index to LPS mm; any orientation.
        smallest: The smallest volume of a disc, as a share of the largest; a part of a disc may be a fifth of it.

    Returns:
        `(D, H, W)` int16.
    """
    labels = np.zeros(classes.shape, dtype=np.int16)
    vertebra = _without_specks(classes == VERTEBRA, smallest / 5)
    labels[_without_specks(classes == CANAL, smallest)] = CANAL_LABEL
    disc = classes == DISC
    axis = _spine(classes, affine)
    number = _numbered(disc, _without_specks(vertebra, smallest), affine, axis, smallest)
    labels[number > 0] = number[number > 0] + FIRST_DISC - 1
    labels[vertebra] = _levels(vertebra, number, affine, axis)
    return labels


def _spine(classes: NDArray[np.uint8], affine: Float) -> Float:
    """The unit vector (LPS) along which the spine runs to the head."""
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    head = np.array([0.0, 0.0, 1.0])
    if classes.shape[0] == 1 and abs(columns[2, 0]) > 0.9:
        head = -columns[:, 1]  # a picture without a place in the patient: its rows run to the feet
    places = _places(classes > 0, affine)
    if len(places) < 3:
        return head
    _, _, directions = np.linalg.svd(np.cov((places - places.mean(axis=0)).T))
    along: Float = directions[0] * np.sign(directions[0] @ head)
    return along if along @ head > 0.5 else head


def _numbered(disc: Bool, vertebra: Bool, affine: Float, axis: Float, smallest: float) -> NDArray[np.int16]:
    """The disc of each voxel, from 1 at the bottom; 0 is none."""
    from scipy.ndimage import distance_transform_edt, label

    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    found, n = label(disc, np.ones((3, 3, 3)))
    pieces = [part for i in range(1, n + 1) for part in _parted(found == i, affine, axis)]
    pieces.sort(key=len, reverse=True)
    pieces = [p for p in pieces if len(p) >= smallest / 5 * len(pieces[0])]
    if vertebra.any():
        away = distance_transform_edt(~vertebra, sampling=spacing)
        pieces = [p for p in pieces if away[tuple(p.T)].min() <= BESIDE]
    discs = [voxels for voxels in _apart(pieces, affine, axis) if len(voxels) >= smallest * len(pieces[0])]
    discs.sort(key=lambda voxels: _height(voxels, affine, axis))
    number = np.zeros(disc.shape, dtype=np.int16)
    for i, voxels in enumerate(discs, start=1):
        number[tuple(voxels.T)] = i
    return number


def _parted(component: Bool, affine: Float, axis: Float) -> list[NDArray[np.int64]]:
    """The voxels `(n, 3)` of each disc in a connected component.

    The component is eroded until it falls into the most parts that lie apart along the spine. Every voxel then belongs
    to the nearest part.
    """
    from scipy.ndimage import distance_transform_edt, find_objects, label

    # A margin of one voxel, since voxels beyond the image are not known to lie outside the disc.
    box = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in find_objects(component.astype(np.int8))[0])
    inside, start = component[box], np.array([side.start for side in box])
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    voxels = np.argwhere(inside)
    depth = distance_transform_edt(inside, sampling=spacing)
    best: list[NDArray[np.int64]] = []
    for worn in np.arange(0.0, depth.max(), max(0.5, spacing.min() / 2)):
        found, n = label(depth > worn, np.ones((3, 3, 3)))
        parts = [np.argwhere(found == i) + start for i in range(1, n + 1)]
        groups = _apart([p for p in parts if len(p) >= 0.02 * len(voxels)], affine, axis)
        if len(groups) > max(1, len(best)):
            best = groups
    if not best:
        return [voxels + start]
    seeds = np.zeros(inside.shape, dtype=np.int16)
    for i, group in enumerate(best, start=1):
        seeds[tuple((group - start).T)] = i
    nearest = distance_transform_edt(seeds == 0, sampling=spacing, return_distances=False, return_indices=True)
    owner = seeds[tuple(nearest)][tuple(voxels.T)]
    return [voxels[owner == i] + start for i in range(1, len(best) + 1)]


def _apart(parts: list[NDArray[np.int64]], affine: Float, axis: Float) -> list[NDArray[np.int64]]:
    """Parts joined to groups that lie apart along the spine, from the largest on."""
    groups: list[NDArray[np.int64]] = []
    heights: list[float] = []
    for part in sorted(parts, key=len, reverse=True):
        height = _height(part, affine, axis)
        gaps = [abs(height - other) for other in heights]
        if gaps and min(gaps) < APART:
            nearest = int(np.argmin(gaps))
            groups[nearest] = np.concatenate([groups[nearest], part])
        else:
            groups.append(part)
            heights.append(height)
    return groups


def _levels(vertebra: Bool, number: NDArray[np.int16], affine: Float, axis: Float) -> NDArray[np.int16]:
    """The vertebra `(n,)` of each vertebra voxel: the number of discs that it lies above, at least 1."""
    places = _places(vertebra, affine)
    centres = np.array([_places(number == i, affine).mean(axis=0) for i in range(1, int(number.max(initial=0)) + 1)])
    above = np.zeros(len(places), dtype=np.int16)
    for i, centre in enumerate(centres):
        across = centres[min(i + 1, len(centres) - 1)] - centres[max(i - 1, 0)] if len(centres) > 1 else axis
        above += ((places - centre) @ across > 0).astype(np.int16)
    return np.maximum(above, 1)


def _without_specks(mask: Bool, share: float) -> Bool:
    """A mask without the connected parts that are smaller than a share of the largest."""
    from scipy.ndimage import label

    found, _ = label(mask, np.ones((3, 3, 3)))
    sizes = np.bincount(found.ravel())
    sizes[0] = 0
    kept: Bool = (sizes >= share * sizes.max())[found] & mask
    return kept


def _places(mask: Bool, affine: Float) -> Float:
    """The places of the voxels of a mask, `(n, 3)` LPS mm."""
    places: Float = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    return places


def _height(voxels: NDArray[np.int64], affine: Float, axis: Float) -> float:
    """The mean position of voxels `(n, 3)` along the spine, mm."""
    return float((voxels.mean(axis=0) @ affine[:3, :3].T + affine[:3, 3]) @ axis)
