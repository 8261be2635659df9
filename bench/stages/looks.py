"""The look of a scan: signs of its low frequencies, by which a changed copy of it is found again.

A resized, brightened or re-encoded copy has nearly the same signs. A flipped or turned copy has them in a known other
order, and an inverted copy has all of them reversed. A plain border, which padding adds, is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from data.base import Float32

SIDE = 32
"""Pixels of the square that a picture is resized to."""
KEPT = 16
"""The lowest frequencies of each axis whose signs are kept."""
THICK = 32
"""From so many slices on, a scan is seen from three directions; with fewer, from one."""
PLAIN = 0.12
"""A line of pixels is plain where its values differ by less than this share of the picture's range."""
BLANK = 1e-5
"""A picture is blank where its values differ by no more than rounding does, as a share of the largest."""
LARGE = 512
"""Larger pictures are reduced to so many pixels first."""
LEAST = 8
"""The fewest rows and columns that are left of a picture without its border."""


FEW, _SAMPLED = 8, 2000
"""A picture of so few values is flat; so many of its pixels are looked at."""
FEWEST = 64
"""A picture of fewer pixels has no look: small pictures resemble each other by chance."""


def look(pixels: Float32) -> NDArray[np.uint8]:
    """The look of a scan `(D, H, W)` float32, of which a picture has D = 1.

    Returns:
        `(3, 2, 32)` uint8: for the directions D, H and W the packed signs of the whole picture, and of the picture
        without its plain border. Directions from which a thin scan was not seen are zero, and all of a
        scan that is blank or very small.

    References:
        C. Zauner, Implementation and benchmarking of perceptual image hash functions, 2010 (the hash pHash, of which
        this keeps the signs that flips only reorder).
    """
    found = np.zeros((3, 2, KEPT * KEPT // 8), dtype=np.uint8)
    for direction, picture in enumerate(map(_reduced, _pictures(pixels))):
        low, high = float(picture.min()), float(picture.max())
        if picture.size < FEWEST or high - low <= BLANK * max(abs(low), abs(high)):
            break
        found[direction] = _signs(picture)
        rows, columns = inside(picture)
        if (rows.stop - rows.start, columns.stop - columns.start) != picture.shape and not is_flat(picture):
            found[direction, 1] = _signs(picture[rows, columns])
    return found


def inside(picture: Float32) -> tuple[slice, slice]:
    """The rows and columns of a picture `(H, W)` without its plain border, or all of them if hardly any is left."""
    whole = (0, picture.shape[0], 0, picture.shape[1])
    box = whole
    while True:
        top, bottom, left, right = box
        of_rows, of_columns, of_all = _ranges(picture[top:bottom, left:right])
        rows, columns = np.flatnonzero(of_rows > PLAIN * of_all), np.flatnonzero(of_columns > PLAIN * of_all)
        if len(rows) < LEAST or len(columns) < LEAST:
            box = whole
            break
        found = (top + int(rows[0]), top + int(rows[-1]) + 1, left + int(columns[0]), left + int(columns[-1]) + 1)
        if found == box:
            break
        box = found
    return slice(box[0], box[1]), slice(box[2], box[3])


def is_flat(picture: Float32) -> bool:
    """Whether a picture has a few values, as a mask has: without its border, one simple shape looks like another."""
    values = picture.ravel()
    return len(np.unique(values[:: 1 + len(values) // _SAMPLED])) <= FEW


def _ranges(picture: Float32) -> tuple[Float32, Float32, float]:
    """The range of values in each row, in each column, and in the picture: OpenCV is fast along the rows alone."""
    pictures = cv2.transpose(picture), picture
    highs, lows = ([cv2.reduce(one, 0, how) for one in pictures] for how in (cv2.REDUCE_MAX, cv2.REDUCE_MIN))
    of_rows, of_columns = (np.asarray(high - low).ravel() for high, low in zip(highs, lows, strict=True))
    return of_rows, of_columns, float(highs[1].max() - lows[1].min())


def _pictures(pixels: Float32) -> Iterator[Float32]:
    """The mean along D, which blank or reversed slices don't change; of a thick scan also the means along H and W."""
    if len(pixels) == 1:
        yield pixels[0]
        return
    depth, height, width = pixels.shape
    yield (_mean_of(depth) @ pixels.reshape(depth, -1)).reshape(height, width)
    if depth >= THICK:
        yield _mean_of(height) @ pixels
        yield pixels @ _mean_of(width)


def _reduced(picture: Float32) -> Float32:
    """The picture with at most `LARGE` pixels on each side, in which a border is found much faster."""
    factor = LARGE / max(picture.shape)
    if factor >= 1:
        return picture
    height, width = (max(1, round(side * factor)) for side in picture.shape)
    small = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _mean_of(count: int) -> Float32:
    """Weights that give a mean as a product of matrices, which reads a scan faster than NumPy's mean."""
    return np.full(count, 1 / count, dtype=np.float32)


def _signs(picture: Float32) -> NDArray[np.uint8]:
    how = cv2.INTER_AREA if min(picture.shape) >= SIDE else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(picture), (SIDE, SIDE), interpolation=how)
    return np.packbits(cv2.dct(small)[:KEPT, :KEPT].ravel() > 0)
