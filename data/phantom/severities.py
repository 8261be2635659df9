"""Severities of stenosis as RSNA 2024 grades them, drawn as they occur: by level, and several in one patient."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.base import Float64
from data.rsna_challenge.places import LEVELS

COUNTS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "spinal_canal_stenosis": (
        (1886, 67, 21), (1770, 151, 53), (1622, 230, 122), (1482, 237, 255), (1904, 51, 19),
    ),
    "left_neural_foraminal_narrowing": (
        (1908, 63, 2), (1791, 171, 11), (1522, 411, 40), (1204, 629, 140), (1247, 520, 206),
    ),
    "right_neural_foraminal_narrowing": (
        (1891, 63, 13), (1793, 168, 6), (1512, 414, 41), (1208, 629, 130), (1281, 496, 190),
    ),
    "left_subarticular_stenosis": (
        (1690, 93, 28), (1555, 255, 83), (1324, 454, 194), (887, 624, 461), (1408, 409, 147),
    ),
    "right_subarticular_stenosis": (
        (1680, 110, 24), (1577, 243, 73), (1322, 454, 197), (891, 622, 460), (1399, 396, 173),
    ),
}  # fmt: skip
"""The numbers of RSNA's training studies in each class, by condition and level, L1/L2 first."""

# Shares of a latent's variance that are common to all conditions of a disc, and besides to both sides of one.
_DISC_SHARE = 0.4
_SIDES_SHARE = 0.2
_PATIENT_SHARE = 0.6


class Severities(NamedTuple):
    """A patient's severities, `(5 conditions of COUNTS, 5 LEVELS)` each.

    Args:
        grades: 0 to 2 of RSNA's classes, int64.
        whole: The share of room that is lost, 0 to 1; it rises with the grade's latent, and 1/3 and 2/3 separate the
            grades.
        first: The same for the first of two independent halves, whose sum is the latent.
        second: The same for the second.
        patient: The patient's degeneration, standard normal: what the latents of all places have in common.
    """

    grades: NDArray[np.int64]
    whole: Float64
    first: Float64
    second: Float64
    patient: float = 0.0


def draw_severities(rng: np.random.Generator) -> Severities:
    """One patient's severities: normal latents, cut so that each condition and level has RSNA's shares of its grades.

    The latent z of each condition and level is (a + b) / sqrt(2) of two independent standard normals: a shows as much
    of z as b does, and only both show all of it.
    """
    conditions, levels = len(COUNTS), len(LEVELS)
    patient = rng.standard_normal(1)
    degeneration = _mixed(_PATIENT_SHARE, patient, rng.standard_normal(levels))
    sides = rng.standard_normal((3, levels))[[0, 1, 1, 2, 2]]
    own = _mixed(_SIDES_SHARE / (1 - _DISC_SHARE), sides, rng.standard_normal((conditions, levels)))
    latent = _mixed(_DISC_SHARE, degeneration, own)
    contrast = rng.standard_normal((conditions, levels))
    first, second = (latent + contrast) / np.sqrt(2), (latent - contrast) / np.sqrt(2)
    cuts = _cuts()
    grades = (latent[..., None] > cuts).sum(axis=-1)
    return Severities(grades, _lost(latent, cuts), _lost(first, cuts), _lost(second, cuts), float(patient[0]))


def _mixed(share: float, common: Float64, own: Float64) -> Float64:
    """A standard normal with a share of its variance in common."""
    return np.asarray(np.sqrt(share) * common + np.sqrt(1 - share) * own)


def _lost(latent: Float64, cuts: Float64) -> Float64:
    """The share of room lost: 0, 1/3, 2/3 and 1 at 2.5 below the first cut, at the cuts and 1 above the second."""
    mild, severe = cuts[..., 0], cuts[..., 1]
    parts = [(latent - mild + 2.5) / 2.5, (latent - mild) / (severe - mild), latent - severe]
    return np.asarray(sum(np.clip(part, 0, 1) for part in parts) / 3)


@cache
def _cuts() -> Float64:
    """`(conditions, levels, 2)`: the latents that separate the grades."""
    shares = [[np.cumsum(level)[:2] / sum(level) for level in levels] for levels in COUNTS.values()]
    return np.vectorize(NormalDist().inv_cdf)(np.array(shares))  # type: ignore[no-any-return]
