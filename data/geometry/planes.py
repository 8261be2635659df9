"""Stacks whose slices have planes of their own, and the regular grid nearest to such a stack."""

from __future__ import annotations

import numpy as np

from data.base import Float64

_UNEVEN = 0.05  # of the distance between slices
_TURNED = np.cos(np.radians(0.5))


def centres(planes: Float64, shape: tuple[int, ...]) -> Float64:
    """`(D, 3)`: the middle of each slice of shape `(H, W)`, LPS mm."""
    return np.asarray(planes[:, :3] @ [0.0, (shape[-2] - 1) / 2, (shape[-1] - 1) / 2, 1.0])


def normals(planes: Float64) -> Float64:
    """`(D, 3)`: the unit vector (LPS) to the next slice."""
    return np.asarray(planes[:, :3, 0] / np.linalg.norm(planes[:, :3, 0], axis=1, keepdims=True))


def regular_grid(planes: Float64, shape: tuple[int, ...]) -> Float64:
    """The affine `(4, 4)` of the regular grid nearest to some planes `(D, 4, 4)` of slices of shape `(H, W)`.

    It has the mean axes of the planes, and reaches along D from the middle of the first slice to that of the last.
    """
    affine: Float64 = planes.mean(axis=0)
    h, w = affine[:3, 1] / np.linalg.norm(affine[:3, 1]), affine[:3, 2]
    w = w - (w @ h) * h
    w /= np.linalg.norm(w)
    d = np.cross(h, w)
    d *= np.sign(d @ affine[:3, 0])
    middle = centres(planes, shape)
    along = middle @ d
    reach = float(np.ptp(along))
    apart = reach / (len(planes) - 1) if reach > 0 else np.linalg.norm(affine[:3, 0])
    lengths = [apart, *np.linalg.norm(planes[:, :3, 1:3], axis=1).mean(axis=0)]
    affine[:3, :3] = np.column_stack([d, h, w]) * lengths
    across = middle.mean(axis=0)
    centre = across + ((along.min() + along.max()) / 2 - across @ d) * d
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array([len(planes), *shape[-2:]]) - 1) / 2)
    return affine


def are_regular(planes: Float64, shape: tuple[int, ...], affine: Float64) -> bool:
    """Whether a grid places each slice as its plane does, to a twentieth of their distance, half a pixel and .5°."""
    axes = planes[:, :3, :3] / np.linalg.norm(planes[:, :3, :3], axis=1, keepdims=True)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.einsum("dij,ij->dj", axes, affine[:3, :3] / spacing)
    index = np.linalg.inv(affine)[:3] @ np.column_stack([centres(planes, shape), np.ones(len(planes))]).T
    expected = [np.arange(len(planes)), *np.full((2, len(planes)), (np.array(shape[-2:])[:, None] - 1) / 2)]
    tolerance = np.array([_UNEVEN, 0.5, 0.5])[:, None]
    return bool((cosines > _TURNED).all() and (np.abs(index - expected) <= tolerance).all())
