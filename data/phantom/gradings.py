"""Gradings of phantom discs, drawn as they occur in life: more often at low levels, and several in one patient."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Gradings = dict[str, NDArray[np.int64]]

LEVELS = ("L5/S1", "L4/L5", "L3/L4", "L2/L3", "L1/L2", "T12/L1", "T11/T12", "T10/T11")
SPIDER_NAMES = {
    "modic": "Modic",
    "upper_endplate": "UP endplate",
    "lower_endplate": "LOW endplate",
    "spondylolisthesis": "Spondylolisthesis",
    "herniation": "Disc herniation",
    "narrowing": "Disc narrowing",
    "bulging": "Disc bulging",
    "pfirrmann": "Pfirrman grade",
}
# SPIDER's discs in each grade, L5/S1 first; its two discs without a level and those above T10/T11 are left out.
_BINARY = {
    "upper_endplate": ((147, 71), (125, 93), (115, 103), (119, 99), (117, 101), (144, 73), (88, 56), (40, 15)),
    "lower_endplate": ((139, 79), (114, 104), (118, 100), (120, 98), (122, 96), (146, 71), (88, 56), (40, 15)),
    "spondylolisthesis": ((199, 19), (207, 11), (214, 4), (215, 3), (215, 3), (215, 2), (144, 0), (55, 0)),
    "herniation": ((197, 21), (184, 34), (208, 10), (214, 4), (217, 1), (216, 1), (143, 1), (55, 0)),
    "narrowing": ((92, 126), (89, 129), (120, 98), (139, 79), (168, 50), (188, 29), (119, 25), (48, 7)),
    "bulging": ((67, 151), (55, 163), (68, 150), (87, 131), (135, 83), (181, 36), (120, 24), (49, 6)),
}
_MODIC = (
    (131, 0, 86, 1), (112, 1, 103, 2), (130, 0, 88, 0), (136, 2, 79, 1),
    (148, 1, 67, 2), (175, 0, 41, 1), (117, 0, 27, 0), (47, 0, 8, 0),
)  # fmt: skip
_PFIRRMANN = (
    (23, 28, 59, 49, 59), (22, 26, 72, 57, 41), (31, 43, 71, 47, 26), (39, 50, 69, 35, 25),
    (49, 64, 51, 37, 17), (59, 74, 54, 23, 7), (41, 42, 28, 28, 5), (16, 12, 10, 14, 3),
)  # fmt: skip
# Moderate or severe, in percent: SPIDER does not grade the canal; rates rise to L4/L5 as in RSNA 2024.
_STENOSIS = ((95, 5), (78, 22), (84, 16), (91, 9), (96, 4), (98, 2), (99, 1), (99, 1))
COUNTS: dict[str, tuple[tuple[int, ...], ...]] = {
    **_BINARY, "modic": _MODIC, "pfirrmann": _PFIRRMANN, "stenosis": _STENOSIS
}  # fmt: skip
"""Discs in each grade by grading and level; Pfirrmann's grades start at 1, all others at 0."""

# How much of a grading's latent comes from the disc's degeneration, and how much more the two endplates share.
_LOADINGS = {
    "pfirrmann": (0.91, 0.0),
    "narrowing": (0.86, 0.0),
    "bulging": (0.78, 0.0),
    "modic": (0.68, 0.4),
    "upper_endplate": (0.6, 0.76),
    "lower_endplate": (0.6, 0.76),
    "herniation": (0.3, 0.0),
    "spondylolisthesis": (0.4, 0.0),
    "stenosis": (0.6, 0.0),
}
_PATIENT_SHARE = 0.6


def draw_gradings(rng: np.random.Generator, discs: int) -> tuple[Gradings, float]:
    """The gradings of one patient's discs `(discs,)`, L5/S1 first, and the patient's degeneration (standard normal).

    Every grading is a normal latent cut so that each level has SPIDER's shares of its grades. Latents share the disc's
    degeneration, and 60 % of its variance is common to all discs of the patient.
    """
    patient = rng.standard_normal()
    own, endplates = rng.standard_normal((2, discs))
    degeneration = np.sqrt(_PATIENT_SHARE) * patient + np.sqrt(1 - _PATIENT_SHARE) * own
    gradings = {}
    for name, (disc, endplate) in _LOADINGS.items():
        rest = np.sqrt(max(0.0, 1 - disc**2 - endplate**2)) * rng.standard_normal(discs)
        latent = disc * degeneration + endplate * endplates + rest
        grades = [int((z > cuts).sum()) for z, cuts in zip(latent, _cuts(name), strict=False)]
        gradings[name] = np.array(grades, dtype=np.int64) + (name == "pfirrmann")
    return gradings, float(patient)


@cache
def _cuts(name: str) -> list[NDArray[np.float64]]:
    """The thresholds between a grading's grades at each level."""
    shares = [np.cumsum(counts)[:-1] / np.sum(counts) for counts in COUNTS[name]]
    return [np.array([NormalDist().inv_cdf(min(max(s, 1e-9), 1 - 1e-9)) for s in level]) for level in shares]
