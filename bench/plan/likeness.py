"""How alike the looks of scans are, whichever way a copy was flipped, turned, padded or inverted.

A look is what `bench.stages.looks` makes of a scan. Two looks are as alike as the share of their signs that agree, less
the share that do not: near 0 for two scans at random, 1 for a scan and itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Looks = NDArray[np.uint8]
"""`(N, 3, 2, 32)` uint8: see `bench.stages.looks.look`."""
Signs = NDArray[np.float32]

LIKELY = (0.55, 0.7)
"""Scans are worth comparing by their pixels from this likeness on; the second value is for two thick scans."""
SURE = (0.8, 0.8)
"""Scans count as one image from this likeness on, where their pixels can't be compared."""
_SIDE = 16
_COUNT = _SIDE * _SIDE - 1
_ROWS, _PAIRS = 256, 4096


class Placement(NamedTuple):
    """How the first scan of a pair is turned so that it looks like the second.

    Args:
        trimmed: Whether both are without their plain borders.
        swapped: Whether rows and columns are swapped first.
        upside_down: Whether the rows are then reversed.
        mirrored: Whether the columns are then reversed.
    """

    trimmed: bool
    swapped: bool
    upside_down: bool
    mirrored: bool


class Alike(NamedTuple):
    """Two scans whose looks are alike: their rows, their likeness, and the placement that shows it best."""

    first: int
    second: int
    likeness: float
    placement: Placement


_PLACEMENTS = [Placement(*map(bool, np.unravel_index(i, (2, 2, 2, 2)))) for i in range(16)]


def alike(first: Looks, second: Looks | None, least: tuple[float, float]) -> Iterator[Alike]:
    """The pairs of looks that are alike.

    Args:
        first: Some looks.
        second: The looks to compare them with; None compares the first with each other, each pair once.
        least: The likeness of a pair; and that of a pair of thick scans, from their first direction and from all three.
    """
    others = first if second is None else second
    if not len(first) or not len(others):
        return
    thick = [np.asarray(looks[:, 1:].any(axis=(1, 2, 3))) for looks in (first, others)]
    halves = [
        [_signs(others[:, 0, trimmed])[:, half::2].reshape(len(others), -1) for half in (0, 1)] for trimmed in (0, 1)
    ]
    for start in range(0, len(first), _ROWS):
        some = _signs(first[start : start + _ROWS, 0])
        beyond = start if second is None else 0
        best = np.zeros((len(some), len(others) - beyond), dtype=np.float32)
        for trimmed, swapped, mirrored in product((0, 1), (False, True), (False, True)):
            turned = _turned(some[:, trimmed], swapped, False, mirrored)
            even, odd = (
                turned[:, half::2].reshape(len(some), -1) @ halves[trimmed][half][beyond:].T for half in (0, 1)
            )
            # reversed rows change the sign of the odd frequencies alone: the better of both sums is that of the sizes
            np.maximum(best, np.add(np.abs(even, out=even), np.abs(odd, out=odd), out=even), out=best)
        if second is None:
            best[np.tril_indices(len(some), 0, best.shape[1])] = 0
        rows, columns = np.nonzero(best >= least[0] * _COUNT)
        rows, columns = rows + start, columns + beyond
        both = thick[0][rows] & thick[1][columns]
        hopeful = ~both | (best[rows - start, columns - beyond] >= least[1] * _COUNT)
        rows, columns, both = rows[hopeful], columns[hopeful], both[hopeful]
        for directions, these in ((1, np.flatnonzero(~both)), (3, np.flatnonzero(both))):
            for some_pairs in np.array_split(these, range(_PAIRS, len(these), _PAIRS)):
                here, there = rows[some_pairs], columns[some_pairs]
                found = _placed(_signs(first[here, :directions]), _signs(others[there, :directions]))
                for i, j, likeness, number in zip(here, there, *found, strict=True):
                    if likeness >= least[directions > 1]:
                        yield Alike(int(i), int(j), float(likeness), _PLACEMENTS[number])


def _placed(first: Signs, second: Signs) -> tuple[Signs, NDArray[np.uint8]]:
    """The likeness of pairs from one or three directions `(P, 1 or 3, 2, 16, 16)`, and the best placement of each."""
    directions = first.shape[1]
    best = np.full(len(first), -1, dtype=np.float32)
    which = np.zeros(len(first), dtype=np.uint8)
    for number, how in enumerate(_PLACEMENTS):
        along = first[:, :, int(how.trimmed)].swapaxes(0, 1)
        for back in (False, True) if directions > 1 else (False,):
            turned = [_turned(along[0], *how[1:])]
            if directions > 1:
                along_h, along_w = along[:0:-1] if how.swapped else along[1:]
                turned += [_turned(along_h, False, back, how.mirrored), _turned(along_w, False, back, how.upside_down)]
            score = np.abs(np.einsum("dpij,pdij->p", np.stack(turned), second[:, :, int(how.trimmed)]))
            better = score > best
            best[better], which[better] = score[better], number
    return best / (directions * _COUNT), which


def _signs(packed: NDArray[np.uint8]) -> Signs:
    """`(..., 32)` packed signs as `(..., 16, 16)` float32 of 1 and -1; that of the mean is 0."""
    signs = np.unpackbits(packed, axis=-1).astype(np.float32) * 2 - 1
    signs[..., 0] = 0
    return signs.reshape(*packed.shape[:-1], _SIDE, _SIDE)


def _turned(signs: Signs, swapped: bool, upside_down: bool, mirrored: bool) -> Signs:
    """The signs of a picture that is turned: reversing an axis reverses the signs of its odd frequencies."""
    turned = signs.swapaxes(-1, -2).copy() if swapped else signs.copy()
    if upside_down:
        turned[..., 1::2, :] *= -1
    if mirrored:
        turned[..., 1::2] *= -1
    return turned
