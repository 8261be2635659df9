"""The tissues behind and beside the canal in axial slices: the yellow ligaments and the muscles of the back."""

from __future__ import annotations

import numpy as np

from data.phantom.canvas import Canvas
from data.phantom.shapes import Array

# Centre (to the side, behind the sac's middle) and half-widths of muscles that lie along the spine, mm.
_MULTIFIDUS = ((13.0, 27.0), (9.5, 14.0))
_ERECTOR = ((39.0, 24.0), (18.0, 16.0))
_QUADRATUS = ((60.0, -4.0), (12.0, 8.0))


def paint_back(canvas: Canvas, side: Array, back: Array, canal_width: float, streaks: Array) -> None:
    """Paints the ligaments and muscles over plain muscle, the same in every slice.

    Args:
        canvas: A canvas of any orientation.
        side: `(D, H, W)`: distance of each voxel to the middle of the sac, sideways, mm.
        back: `(D, H, W)`: the same distance backwards.
        canal_width: Front-to-back width of the thecal sac, mm.
        streaks: `(D, H, W)`: the share of fat in muscle.
    """
    muscles = np.maximum(_oval(side, back, *_MULTIFIDUS), _oval(side, back, *_ERECTOR))
    fat = canvas.cover(np.minimum(np.minimum(back - 5.5, -muscles), side - 5))
    quadratus = canvas.cover(_oval(side, back, *_QUADRATUS))
    apex = canal_width / 2 + 5
    yellow = np.minimum(1.7 - _line(side, back, (0.0, apex), (14.5, 2.0)), 15 - side)
    ligament = canvas.cover(np.asarray(yellow, dtype=np.float32))
    everywhere = canvas.everywhere
    canvas.paint(everywhere, [(fat * np.float32(0.9), "fat"), (fat * np.float32(0.1), "ligament")])
    canvas.paint(everywhere, [(quadratus * (1 - streaks), "muscle"), (quadratus * streaks, "fat")])
    canvas.paint(everywhere, [(ligament, "ligament")])


def _oval(side: Array, back: Array, centre: tuple[float, float], half: tuple[float, float]) -> Array:
    """Distance inside an oval, mm."""
    across, deep = ((a - np.float32(c)) / np.float32(h) for a, c, h in zip((side, back), centre, half, strict=True))
    return np.asarray((1 - np.hypot(across, deep)) * np.float32(min(half)), dtype=np.float32)


def _line(side: Array, back: Array, start: tuple[float, float], stop: tuple[float, float]) -> Array:
    """Distance to a line through two points, mm."""
    across, deep = stop[0] - start[0], stop[1] - start[1]
    cross = (side - np.float32(start[0])) * np.float32(deep) - (back - np.float32(start[1])) * np.float32(across)
    return np.asarray(np.abs(cross) / np.float32(np.hypot(across, deep)), dtype=np.float32)
