"""Paints the ways out of the canal that stenosis narrows: foramina and lateral recesses, with the root in each."""

from __future__ import annotations

import numpy as np

from data.phantom.canvas import Canvas
from data.phantom.shapes import Array, Passage


def paint_passage(canvas: Canvas, passage: Passage) -> None:
    """Paints the tube in each sequence without the share that is lost there."""
    frame = np.block([[passage.axes, passage.centre[:, None]], [np.zeros(3), 1]])
    reach = np.array([max(passage.sleeve, passage.half[0]), *passage.half[1:]]) + 1
    box = canvas.box(frame, -reach, reach)
    if box is None:
        return
    along, p, q = canvas.coordinates(box, frame)
    whole = canvas.cover(_depth(passage, p, q, 1.0))
    if passage.sleeve:
        dull = _both(whole, canvas.cover(np.float32(passage.sleeve) - np.abs(along)))
        canvas.paint(box, [(dull * np.float32(0.45), "fat"), (dull * np.float32(0.55), "muscle")])
    within = canvas.cover(np.float32(passage.half[0]) - np.abs(along))
    canvas.paint(box, [(_both(within, whole), "annulus")])
    for sequence, lost in passage.lost.items():
        if sequence not in canvas.sequences:
            continue
        filled = canvas.cover(_depth(passage, p, q, 1 - lost))
        canvas.paint(box, [(_both(within, filled), passage.filling)], only=sequence)
        # A crowded root is flattened.
        flat = np.float32(1 + 0.8 * lost)
        distance = np.hypot((p - np.float32(passage.root[0])) * flat, q - np.float32(passage.root[1]))
        root = canvas.cover(np.float32(passage.radius) - distance)
        canvas.paint(box, [(_both(within, root), "nerve")], only=sequence)


def _both(first: Array, second: Array) -> Array:
    return np.asarray(first * second, dtype=np.float32)


def _depth(passage: Passage, p: Array, q: Array, size: float) -> Array:
    """Distance inside the outline `(..., H, W)`, shrunk around the root to `size`, mm."""
    size = max(size, 1e-3)
    p0, q0 = passage.root
    _, across, down = passage.half
    u, v = (p - np.float32(p0)) / np.float32(size), (q - np.float32(q0)) / np.float32(size)
    u, v = u + np.float32(p0), v + np.float32(q0)
    # A keyhole: wide around the root, narrow on the other side.
    width = np.float32(across) * (1 + np.float32(0.25 * np.sign(q0)) * np.tanh(v * np.float32(3 / down)))
    return np.asarray((1 - np.hypot(u / width, v / np.float32(down))) * np.float32(min(across, down) * size))
