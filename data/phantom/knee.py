"""A phantom patient's two knees: grades as frequent as in OAI, and the anatomy that the grades change.

A knee's frame: u to its inner side, v to the back, w up, origin in the middle of the tibia's plateau. Lengths in it are
those of a knee of usual size, mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from data.base import Float64
from data.phantom.shapes import turn

SIDES = ("right", "left")
COUNTS = (3253, 1495, 2175, 1086, 251)
"""Knees of OAI's baseline with a grade of 0 to 4: doi:10.17632/56rmx5bjcr.1."""

_PATIENT_SHARE = 0.6
_FIRST_LOSS = 0.2  # the severity from which the joint space narrows: a grade of 1
_LOST = 0.85  # share of the joint space that the worst knee loses
_OTHER_COMPARTMENT = 0.3  # share of the loss on the other side
_LATERAL_SHARE = 0.25  # share of the knees that lose joint space on the outer side
_OSTEOPHYTE = 8.0  # mm, in the worst knee
_JOINT_SPACE = (6.0, 0.5)
_APART = 95.0  # mm, from the middle of the body


@dataclass(frozen=True, kw_only=True)
class Knee:
    """A knee, as far as scans show it.

    Args:
        side: `right` or `left`.
        grade: Grade of Kellgren and Lawrence, 0 to 4.
        severity: 0 to 1; each grade covers a fifth.
        gaps: Distances between the bones of tibia and femur on the inner and the outer side, mm of the knee's frame.
        osteophyte: Half-width of the spurs at the joint's edges, mm of the knee's frame; 0 for none.
        pose: `(4, 4)`, from the knee's frame to LPS mm; it also scales the knee, and mirrors a left one.
        effusion: Half-width of the fluid above the patella, mm.
        fat: Thickness of the fat under the skin, mm.
        signals: Signals of cartilage and muscle, as a share of the usual ones.
    """

    side: str
    grade: int
    severity: float
    gaps: tuple[float, float]
    osteophyte: float
    pose: Float64
    effusion: float
    fat: float
    signals: tuple[float, float]

    @property
    def size(self) -> float:
        """The knee's size, as a share of the usual one."""
        return float(np.linalg.norm(self.pose[:3, 2]))


def draw_knees(rng: np.random.Generator, effect: float) -> tuple[Knee, Knee]:
    """A patient's right and left knee.

    Grades are normal latents, cut so that they have OAI's shares; 60 % of a latent's variance is common to both knees.
    With severity the joint space narrows, mostly on one side, and spurs grow at its edges; `effect` (0 to 1) scales
    both. The knees share the patient's size, fat, signals and most of the joint space's width.
    """
    patient, size, fat = rng.standard_normal(3)
    signals = 1 + 0.1 * rng.standard_normal(2)
    latents = np.sqrt(_PATIENT_SHARE) * patient + np.sqrt(1 - _PATIENT_SHARE) * rng.standard_normal(2)
    space = _JOINT_SPACE[0] + _JOINT_SPACE[1] * rng.standard_normal()
    first, second = (
        _draw_knee(
            rng,
            side,
            float(latent),
            effect,
            space=space,
            size=1 + 0.05 * float(np.clip(size, -2, 2)),
            fat=float(np.clip(9 + 3 * fat, 3, 15)),
            signals=(float(signals[0]), float(signals[1])),
        )
        for side, latent in zip(SIDES, latents, strict=True)
    )
    return first, second


def _draw_knee(
    rng: np.random.Generator,
    side: str,
    latent: float,
    effect: float,
    *,
    space: float,
    size: float,
    fat: float,
    signals: tuple[float, float],
) -> Knee:
    cuts = _cuts()
    marks = [cuts[0] - 1.5, *cuts, cuts[-1] + 1]
    severity = float(np.interp(latent, marks, np.linspace(0, 1, len(marks))))
    loss = effect * _LOST * max(0.0, (severity - _FIRST_LOSS) / (1 - _FIRST_LOSS))
    losses = np.array([loss, _OTHER_COMPARTMENT * loss])
    if rng.random() < _LATERAL_SHARE:
        losses = losses[::-1]
    medial, lateral = (space + 0.2 * rng.standard_normal(2)) * (1 - losses)
    outwards = -1 if side == "right" else 1
    turned, tilted, flexed = rng.normal((outwards * 4, 0, 3), (4, 2, 3))
    pose = np.eye(4)
    pose[:3, :3] = turn(2, turned) @ turn(1, tilted) @ turn(0, flexed) @ np.diag([-outwards, 1, 1]) * size
    pose[:3, 3] = rng.normal((outwards * _APART, 0, 0), (5, 8, 15))
    return Knee(
        side=side,
        grade=int((latent > np.array(cuts)).sum()),
        severity=severity,
        gaps=(float(medial), float(lateral)),
        osteophyte=effect * _OSTEOPHYTE * severity,
        pose=pose,
        effusion=float(np.clip(rng.normal(3, 1.5), 1, 7)),
        fat=fat,
        signals=signals,
    )


@cache
def _cuts() -> tuple[float, ...]:
    """The latents that separate the grades."""
    shares = np.cumsum(COUNTS)[:-1] / sum(COUNTS)
    return tuple(NormalDist().inv_cdf(float(share)) for share in shares)
