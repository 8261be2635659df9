"""Compares the pixels of two scans that look alike: is one a changed copy of the other?

Both are brought to one place and size, the grey values of one are mapped to those of the other, and what is left is
correlated as a whole, and in the finest detail. Two patients have similar anatomy, but never the same detail. Detail
counts twice: by its values, which edges decide, and by its ranks, which the texture and noise between the edges decide.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.stages.looks import inside, is_flat
from data.base import Float32

WHOLE, DETAIL, TEXTURE = 0.93, 0.83, 0.7
"""A copy correlates at least like this with its original: as a whole, in detail, and in the ranks of its detail."""
SMALL = 1024
"""Pictures with fewer pixels in common are small."""
LARGEST = 192
"""Pixels of the longer side at which scans are compared."""
SLICES = 5
"""At most so many slices are compared."""
_HOPELESS = 0.5
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
_GREYS = 32


class Agreement(NamedTuple):
    """How two scans agree: the correlation of their pixels, and that of their detail of about one pixel.

    Args:
        whole: Correlation of the pixels, after the grey values of one were mapped to those of the other.
        detail: Correlation of what differs from the neighbourhood of 1 or 2 pixels.
        texture: The same of its ranks.
    """

    whole: float
    detail: float
    texture: float

    @property
    def copied(self) -> bool:
        """Whether one scan is a copy of the other."""
        return self.whole >= WHOLE and self.detail >= DETAIL and self.texture >= TEXTURE


NONE = Agreement(0.0, 0.0, 0.0)


def compare(first: Float32, second: Float32, how: tuple[bool, bool, bool, bool]) -> Agreement:
    """How two scans `(D, H, W)` float32 agree.

    Args:
        first: One scan.
        second: The other.
        how: How the first is turned so that it looks like the second: whether both are without plain borders, then
            whether rows and columns are swapped, rows reversed, and columns reversed.

    References:
        G. D. Evangelidis and E. Z. Psarakis, Parametric image alignment using enhanced correlation coefficient
        maximization, IEEE TPAMI 30(10), 2008, doi:10.1109/TPAMI.2008.113.
    """
    trimmed, *turns = how
    flat = any(is_flat(one[len(one) // 2]) for one in (first, second))
    trimmed = trimmed and not flat
    boxes = [inside(one.mean(axis=0)) if trimmed else (slice(None), slice(None)) for one in (first, second)]
    depths = [_filled(one) for one in (first, second)]
    count = min(SLICES, *(len(depth) for depth in depths))
    places = [_places(depth, count) for depth in depths]
    best = NONE
    for backwards in (False, True) if count > 1 else (False,):
        order = _places(depths[1][::-1], count) if backwards else places[1]

        def pair(i: int, order: NDArray[np.int64] = order) -> tuple[Float32, Float32]:
            return _paired(first[places[0][i]][boxes[0]], second[order[i]][boxes[1]], turns)

        middle = pair(count // 2)
        if abs(_correlation(*middle)) < _HOPELESS:
            continue
        warp = np.eye(2, 3, dtype=np.float32) if flat else _registered(*middle)
        found = [_agreement(*middle, warp)]
        if found[0].detail < _HOPELESS:
            continue
        found += [_agreement(*pair(i), warp) for i in range(count) if i != count // 2]
        best = max(best, Agreement(*np.mean(found, axis=0).tolist()), key=lambda one: one.detail)
    return best


def side_by_side(first: Float32, second: Float32) -> NDArray[np.uint8]:
    """The middle slices of two scans `(D, H, W)` as one picture for the eye, uint8 `(H, W)`; heights are made equal."""
    middles = [one[_filled(one)[len(_filled(one)) // 2]] for one in (first, second)]
    height = min(LARGEST, max(len(one) for one in middles))
    shown: list[Any] = []
    for one in middles:
        low, high = np.percentile(one, (1, 99))
        grey = np.clip((one - low) / max(float(high - low), 1e-12), 0, 1)
        width = max(1, round(one.shape[1] * height / one.shape[0]))
        shown.append(cv2.resize((255 * grey).astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA))
    gap = np.full((height, 4), 255, dtype=np.uint8)
    return np.hstack([shown[0], gap, shown[1]])


def _filled(scan: Float32) -> NDArray[np.int64]:
    """The slices of a scan that are not blank; all of them if every one is."""
    found = np.flatnonzero(scan.max(axis=(1, 2)) > scan.min(axis=(1, 2)))
    return found if len(found) else np.arange(len(scan))


def _places(slices: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Some slices at equal distances."""
    return np.asarray(slices[((np.arange(count) + 0.5) / count * len(slices)).astype(int)])


def _paired(first: Float32, second: Float32, turns: list[bool]) -> tuple[Float32, Float32]:
    """Two slices, the first turned like the second, at the smaller of their sizes, with light and dark alike."""
    swapped, upside_down, mirrored = turns
    first = first.T if swapped else first
    first = first[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
    height, width = (min(a, b, LARGEST) for a, b in zip(first.shape, second.shape, strict=True))
    size = (width, height)
    one, two = (_float(cv2.resize(_float(each), size, interpolation=cv2.INTER_AREA)) for each in (first, second))
    if _correlation(one, two) < 0:
        one = one.max() + one.min() - one
    return one, two


def _registered(first: Float32, second: Float32) -> Float32:
    """`(2, 3)` float32: maps a place in the first picture to its place in the second; no map if it would be large.

    Only what a border cut off a little differently explains is taken: a shift and a scale of a tenth, and no turn.
    """
    warp = np.eye(2, 3, dtype=np.float32)
    try:
        everywhere = np.ones(first.shape, dtype=np.uint8)
        cv2.findTransformECC(_to_one(first), _to_one(second), warp, cv2.MOTION_AFFINE, _STEPS, everywhere, 3)
    except cv2.error:  # it did not converge
        return np.eye(2, 3, dtype=np.float32)
    height, width = first.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float32)
    moved = np.abs(corners @ warp.T - corners[:, :2]) / (width, height)
    small = moved.max() < 0.12 and abs(warp[0, 1]) < 0.04 and abs(warp[1, 0]) < 0.04
    return warp if small else np.eye(2, 3, dtype=np.float32)


def _agreement(first: Float32, second: Float32, warp: Float32) -> Agreement:
    size = (first.shape[1], first.shape[0])
    back = cv2.WARP_INVERSE_MAP
    moved = _float(cv2.warpAffine(second, warp, size, flags=cv2.INTER_LINEAR | back))
    common = cv2.warpAffine(np.ones_like(second), warp, size, flags=cv2.INTER_NEAREST | back) > 0
    if common.sum() < 2:
        return NONE
    mapped = np.zeros_like(first)
    mapped[common] = _like(first[common], moved[common])
    moved[~common] = 0
    inner = cv2.erode(common.astype(np.uint8), np.ones((7, 7), dtype=np.uint8)) > 0
    fine = [_float(cv2.GaussianBlur(one, (0, 0), 0.5) - cv2.GaussianBlur(one, (0, 0), 1.5)) for one in (mapped, moved)]
    own, other = (one[inner] for one in fine)
    whole, detail = _correlation(mapped[common], moved[common]), _correlation(own, other)
    return Agreement(whole, detail, _texture(own, other) if detail >= DETAIL else 0.0)


def _texture(own: Float32, other: Float32) -> float:
    """The correlation of ranks; in a small picture, where edges are everywhere, that of the fainter half."""
    if len(own) < SMALL:
        size = np.abs(own) + np.abs(other)
        faint = size <= np.median(size)
        own, other = own[faint], other[faint]
    return _correlation(*(_float(rankdata(one)) for one in (own, other)))


def _like(values: Float32, others: Float32) -> Float32:
    """The values mapped to the mean of the others at the same grey, which undoes brightening, clipping and gamma."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _GREYS + 1)))
    if len(edges) < 3:
        return values
    grey = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(grey, minlength=len(edges) - 1)
    there = counts > 0
    own, their = (np.bincount(grey, one, len(edges) - 1)[there] / counts[there] for one in (values, others))
    return np.asarray(np.interp(values, own, their), dtype=np.float32)


def _correlation(first: Float32, second: Float32) -> float:
    if first.size < 2:
        return 0.0
    one, two = (each.astype(np.float64) - float(each.mean(dtype=np.float64)) for each in (first, second))
    scale = float(np.sqrt((one * one).sum() * (two * two).sum()))
    return float((one * two).sum() / scale) if scale > 0 else 0.0


def _to_one(picture: Float32) -> Float32:
    low, high = float(picture.min()), float(picture.max())
    return np.asarray((picture - low) / max(high - low, 1e-12), dtype=np.float32)


def _float(picture: Any) -> Float32:
    return np.ascontiguousarray(picture, dtype=np.float32)
