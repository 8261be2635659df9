"""Shows severities in the anatomy: a squeezed thecal sac, foramina that lose their fat, lateral recesses that close."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.base import Float64
from data.phantom.severities import COUNTS, Severities
from data.phantom.shapes import Anatomy, Body, Passage
from data.rsna_challenge.places import LEVELS

_SACRAL_POINTS = 3
# Standard deviations of the share of normal passages that is not open, by condition.
_USUALLY_LOST = (0.0, 0.08, 0.08, 0.15, 0.15)
# Half-lengths along the tube and across it, mm.
_FORAMEN = (4.5, 5.4, 9.5)
_RECESS = (5.0, 3.8, 3.6)


def narrow(
    rng: np.random.Generator,
    anatomy: Anatomy,
    severities: Severities,
    grid: Float64,
    *,
    effect: float,
    split: bool = False,
    confined: float | None = None,
) -> tuple[Anatomy, Float64]:
    """The anatomy with the passages of five levels, narrowed by the severities, and the place of each condition.

    All passages vary between people, whatever the effect; signs grow with its square, like those of `draw_anatomy`.

    Args:
        rng: Draws what varies between normal passages.
        anatomy: The anatomy; its five lowest discs are graded.
        severities: Severities of one patient.
        grid: `(4, 4)`, the affine of the sagittal slices.
        effect: 0 (nothing shows) to 1.
        split: Whether foramina show `first` only in T1 and `second` only in T2, instead of `whole` in both.
        confined: Thickness of the sagittal slices, mm: each foramen then lies in one of them and is dull outside it.
            With None foramina are 9 mm long, wherever the slices are.

    Returns:
        The anatomy, and `(5 conditions of COUNTS, 5 LEVELS, 3)` float64: LPS mm.
    """
    shape = len(COUNTS), len(LEVELS)
    usual = np.abs(rng.normal(0, 1, shape)) * np.array(_USUALLY_LOST)[:, None]
    sizes, shifts = np.clip(rng.standard_normal((2, *shape)), -2, 2)
    sizes, shifts = 1 + 0.07 * sizes, 0.6 * shifts
    lost = severities.whole, severities.first, severities.second
    whole, first, second = (np.clip(effect**2 * part + usual, 0, 1) for part in lost)
    foraminal = {"t1": first, "t2": second} if split else {"t1": whole, "t2": whole}
    passages: list[Passage] = []
    places = np.zeros((*shape, 3))
    discs = [anatomy.discs[len(LEVELS) - 1 - level] for level in range(len(LEVELS))]
    for level, disc in enumerate(discs):
        sac = anatomy.canal[_SACRAL_POINTS + 2 * (len(LEVELS) - 1 - level)]
        places[0, level] = sac[:3]
        for condition, side in ((1, 1), (2, -1), (3, 1), (4, -1)):
            here = condition, level
            if condition < 3:
                closed = {sequence: float(shares[here]) for sequence, shares in foraminal.items()}
                tube = _foramen(anatomy, disc, side, grid, closed, confined)
            else:
                tube = _recess(disc, sac, side, float(whole[here]))
            along, across, deep = tube.half
            half = along, across * float(sizes[here]), deep * float(sizes[here])
            places[here] = tube.centre + tube.axes[:, 2] * shifts[here]
            passages.append(replace(tube, centre=places[here], half=half))
    room, canal = _squeezed(anatomy.canal, whole[0])
    narrowed = replace(anatomy, canal=canal, room=room, passages=passages)
    return narrowed, places @ anatomy.pose[:3, :3].T + anatomy.pose[:3, 3]


def _foramen(
    anatomy: Anatomy, disc: Body, side: int, grid: Float64, lost: dict[str, float], confined: float | None
) -> Passage:
    """Between the pedicles, behind disc and vertebra: fat with the root in its upper part."""
    centre = disc.at(side * 0.3 * disc.lateral, disc.ap / 2 + 6, 5.5)
    along, across, down = _FORAMEN
    axes, sleeve = disc.axes, 0.0
    if confined is not None:
        to_body = np.linalg.inv(anatomy.pose) @ grid
        slices = np.linalg.inv(to_body)[0]
        offset = float(slices[:3] @ centre + slices[3])
        centre = centre + to_body[:3, 0] * (round(offset) - offset)
        normal = to_body[:3, 0] / np.linalg.norm(to_body[:3, 0])
        up = disc.axes[:, 2] - normal * (normal @ disc.axes[:, 2])
        up /= np.linalg.norm(up)
        axes = np.column_stack([normal, np.cross(up, normal), up])
        along, sleeve = 0.45 * confined, 1.6 * confined
    return Passage(
        centre=centre,
        axes=axes,
        half=(along, across, down),
        root=(0.0, 3.8),
        radius=2.5,
        filling="fat",
        lost=lost,
        sleeve=sleeve,
    )


def _recess(disc: Body, sac: Float64, side: int, lost: float) -> Passage:
    """The corner of the canal beside the sac, in front: fluid with the root that leaves one level below."""
    axes = disc.axes[:, [2, 0, 1]]
    return Passage(
        centre=sac[:3] + disc.axes @ np.array([side * 0.66 * sac[3], -0.17 * sac[3], 0.0]),
        axes=axes,
        half=_RECESS,
        root=(side * 0.6, 0.3),
        radius=1.3,
        filling="csf",
        lost={"t1": lost, "t2": lost},
    )


def _squeezed(canal: Float64, lost: Float64) -> tuple[Float64, Float64]:
    """The sac's room and the sac `(n, 4)`: narrowed at the five lowest discs `(5,)`, L1/L2 first, and nowhere else."""
    room: list[Float64] = []
    canal_points: list[Float64] = []
    for i, point in enumerate(canal):
        level = len(LEVELS) - 1 - (i - _SACRAL_POINTS) // 2
        is_graded_disc = i >= _SACRAL_POINTS and (i - _SACRAL_POINTS) % 2 == 0 and level >= 0
        if not is_graded_disc:
            room.append(point)
            canal_points.append(point)
            continue
        # Points close by keep the narrowing near the disc; the sac's course is smoothed, so that some of it stays open.
        near = [0.55 * point + 0.45 * canal[i - 1], point, 0.55 * point + 0.45 * canal[i + 1]]
        room += near
        canal_points += [near[0], np.append(point[:3], point[3] * (1 - lost[level])), near[2]]
    return np.array(room), np.array(canal_points)
