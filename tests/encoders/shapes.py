"""Discs of known shape, drawn on any grid: what geometry is measured against."""

from __future__ import annotations

import numpy as np

from data.base import Image
from data.phantom.canvas import Canvas
from data.phantom.scan import _paint_body, sagittal_grid
from data.phantom.shapes import turn

DISC = 203


def axes_of(sagittal=0.0, coronal=0.0, axial=0.0):
    """`(3, 3)`: the columns u, v, w of a disc turned about x, then y, then z (LPS), degrees."""
    return turn(2, axial) @ turn(1, coronal) @ turn(0, sagittal)


def grid(spacing, shape, axes=None, middle=(0.0, 0.0, 0.0)):
    """The affine of sagittal slices (D left, H down, W back), turned by `axes`, around `middle`."""
    columns = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=float)
    columns = (np.eye(3) if axes is None else axes) @ columns
    affine = np.eye(4)
    affine[:3, :3] = columns * spacing
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def draw(shapes, affine, shape, parts=3):
    """A mask: each voxel that a shape covers by half or more, judged at `parts**3` places in it, has its label.

    `parts` is odd, so that half of them is never ambiguous.

    `shapes` are `(label, centre, axes, inside)` with `inside(u, v, w)` in the shape's frame.
    """
    mask = np.zeros(shape, dtype=np.int16)
    index = np.indices(shape).reshape(3, -1).T
    within = (np.arange(parts) + 0.5) / parts - 0.5
    for label, centre, axes, inside in shapes:
        covered = np.zeros(len(index))
        to_frame = axes.T @ affine[:3, :3]
        origin = axes.T @ (affine[:3, 3] - np.asarray(centre))
        for d in within:
            for h in within:
                for w in within:
                    places = index + np.array([d, h, w])
                    covered += inside(*(to_frame @ places.T + origin[:, None]))
        mask.ravel()[covered >= parts**3 / 2] = label
    return mask


def wedge(height, ap, lateral, degrees=0.0, power=2.0):
    """An elliptic cylinder between two planes: `degrees` apart and higher in front, `height` on the axis."""
    slope = np.tan(np.radians(degrees) / 2)
    return lambda u, v, w: (
        (np.abs(2 * u / lateral) ** power + (2 * v / ap) ** 2 <= 1) & (np.abs(w) <= height / 2 - slope * v)
    )


def image(mask, affine, structure=DISC):
    return Image(np.zeros(mask.shape, np.float32), affine, mask, structure=structure)


def phantom_mask(rng, anatomy, *, spacing, slices):
    """A scan of a phantom patient's discs and vertebrae: only the mask matters."""
    affine, shape = sagittal_grid(rng, anatomy, spacing, slices)
    canvas = Canvas(anatomy, affine, shape, ("t2",), 0.9 * spacing[0], 3)
    for body in [*anatomy.sacrum, *anatomy.vertebrae, *anatomy.discs]:
        _paint_body(canvas, body)
    return Image(canvas.pixels[0], affine, canvas.mask)


def true_height(disc, place):
    """The height of a phantom disc in its midsagittal plane, at a share of its whole width behind its middle, mm."""
    front, back = disc.ap / 2 + disc.front, disc.ap / 2 + disc.back
    at = np.full(1, (back - front) / 2 + place * (back + front), dtype=np.float32)
    upper, lower = disc.surfaces(np.zeros_like(at), at)
    return float((upper - lower)[0])
