"""Lengths, angles and volume of a disc in a mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.base import Float64
from encoders.geometry.frame import Frame, between_endplates, columns, rough_frame
from encoders.geometry.oval import Oval, fit_oval, in_slices
from encoders.geometry.structure import Structure

NAN = float("nan")
_RIM = 0.4  # of the width, from the middle: where the front and back heights are taken
_STEEPEST = 3.0  # degrees that a voxel's height may make over the disc's width, for angles to be told


class Geometry(NamedTuple):
    """What is measured of a disc: mm, mm3 and degrees in patient space (LPS); NaN where it can't be told."""

    height_mean: float = NAN
    height_anterior: float = NAN
    height_middle: float = NAN
    height_posterior: float = NAN
    ap_width: float = NAN
    lateral_width: float = NAN
    sagittal_angle: float = NAN
    coronal_angle: float = NAN
    axial_angle: float = NAN
    volume: float = NAN
    height_to_vertebra_above: float = NAN
    height_to_vertebra_below: float = NAN
    seen_fraction: float = 0.0


class _Cuts(NamedTuple):
    """Which of a disc's axes a border cuts, and whether the lateral cut is on one side only."""

    lateral: bool
    ap: bool
    height: bool
    one_sided: bool


def measure_disc(mask: NDArray[np.int16], affine: Float64, label: int) -> Geometry:
    """The geometry of the disc of a label in a mask `(D, H, W)`; `affine` leads from its index to LPS mm."""
    structure = Structure.of(mask, affine, label)
    if structure is None:
        return Geometry()
    frame = _frame(structure)
    if frame is None:
        whole = structure.volume if not len(structure.cuts) else NAN
        return Geometry(volume=whole, seen_fraction=structure.seen_fraction)
    cuts = _cuts(structure, frame)
    if cuts.height:
        return Geometry(seen_fraction=structure.seen_fraction)
    lateral = axial = NAN
    oval = None
    if not (cuts.lateral or cuts.ap):
        oval = fit_oval(structure, frame)
        frame = frame.moved(oval.u, oval.v, 0.0).turned(oval.turn)
        lateral = oval.lateral
        axial = _angle(frame.axes[1, 0], frame.axes[0, 0])
    heights = _Heights()
    ap = NAN
    if not (cuts.ap or cuts.one_sided):
        ap, middle = _ap_width(structure, frame, oval)
        frame = frame.moved(0.0, middle, 0.0)
        heights = _heights(structure, frame, ap)
    thick = structure.voxel(frame.axes[:, 2]) / np.tan(np.radians(_STEEPEST))
    sagittal = NAN if cuts.ap or thick > 2 * frame.half[1] else _angle(frame.axes[2, 1], frame.axes[1, 1])
    coronal = NAN if cuts.lateral or thick > 2 * frame.half[0] else _angle(frame.axes[2, 0], frame.axes[0, 0])
    above, below = (_vertebra_height(mask, affine, n, frame, ap) for n in (label - 200, label - 201))
    return Geometry(
        height_mean=heights.mean,
        height_anterior=heights.anterior,
        height_middle=heights.middle,
        height_posterior=heights.posterior,
        ap_width=ap,
        lateral_width=lateral,
        sagittal_angle=sagittal,
        coronal_angle=coronal,
        axial_angle=axial,
        volume=NAN if len(structure.cuts) else structure.volume,
        height_to_vertebra_above=heights.middle / above,
        height_to_vertebra_below=heights.middle / below,
        seen_fraction=structure.seen_fraction,
    )


def _frame(structure: Structure) -> Frame | None:
    """The disc's frame; None where it is less than three voxels long from front to back."""
    points = structure.points()
    if len(points) < 3:
        return None
    frame = rough_frame(structure)
    for _ in range(2):
        if frame.half[1] < structure.voxel(frame.axes[:, 1]):
            return None
        frame = between_endplates(structure, frame)
        frame = Frame(frame.centre, frame.axes, frame.around(points).half)
    return frame


def _cuts(structure: Structure, frame: Frame) -> _Cuts:
    """A border cuts each axis to which its normal lies at less than 60 degrees."""
    along = structure.cuts @ frame.axes
    cut = np.abs(along) > 0.5
    sides = np.unique(np.sign(along[cut[:, 0], 0]))
    return _Cuts(*(bool(c) for c in cut.any(axis=0)), len(sides) == 1)


def _angle(rise: float, run: float) -> float:
    return float(np.degrees(np.arctan2(rise, run)))


class _Heights(NamedTuple):
    mean: float = NAN
    anterior: float = NAN
    middle: float = NAN
    posterior: float = NAN


def _ap_width(structure: Structure, frame: Frame, oval: Oval | None) -> tuple[float, float]:
    """Front-to-back width at mid-height in the midsagittal plane, and where its middle lies (v), mm."""
    step = structure.voxel(frame.axes[:, 1]) / 4
    reach = frame.half[1] * 1.2 + 4 * step
    v = np.linspace(-reach, reach, int(np.ceil(2 * reach / step)))
    u = np.linspace(-0.25, 0.25, 15) * 2 * frame.half[0]
    w = np.linspace(-0.5, 0.5, 3) * structure.voxel(frame.axes[:, 2])
    points, _ = in_slices(structure, frame, frame.points(u[:, None, None], v[:, None], w))
    inside = structure.at(points)
    at = (points - frame.centre) @ frame.axes
    total = inside.sum(axis=(1, 2), dtype=np.float64)
    chord = total * (v[1] - v[0]) / len(w)
    there = chord > 0.3 * chord.max()
    place = at[..., 0].mean(axis=(1, 2))
    middle = (inside * at[..., 1]).sum(axis=(1, 2)) / np.maximum(total, 1e-6)
    # Without the oval's own shape, a parabola is enough.
    shape = 1.0 if oval is None else np.sqrt(1 - np.minimum(np.abs(2 * place / oval.lateral), 0.9) ** oval.power)
    return _at_zero(place[there], (chord / shape)[there]), _at_zero(place[there], middle[there])


def _at_zero(x: Float64, y: Float64) -> float:
    """The value at 0 of a parabola through points."""
    scale = max(float(np.abs(x).max()), 1e-6)
    terms = np.vander(x / scale, 3, increasing=True)
    return float(np.linalg.lstsq(terms, y, rcond=1e-6)[0][0])


def _heights(structure: Structure, frame: Frame, ap: float) -> _Heights:
    """The midsagittal heights: local parabolas through the columns around each place; the mean is area over width."""
    across = np.linspace(-0.12, 0.12, 7) * 2 * frame.half[0]
    found = []
    for place in (-_RIM, 0.0, _RIM):
        low, high = max(place - 0.15, -0.45), min(place + 0.15, 0.45)
        u, v = (a.ravel() for a in np.meshgrid(across, np.linspace(low, high, 13) * ap, indexing="ij"))
        height, _ = columns(structure, frame, u, v)
        x, y = u / max(float(np.abs(across).max()), 1e-6), (v - place * ap) / (0.15 * ap)
        terms = np.column_stack([np.ones(len(x)), x, y, x * x, y * y])
        found.append(float(np.linalg.lstsq(terms, height, rcond=1e-6)[0][0]))
    v = np.linspace(-0.6, 0.6, 121) * ap
    u = np.linspace(-0.5, 0.5, 5) * structure.voxel(frame.axes[:, 0])
    height, _ = columns(structure, frame, np.repeat(u, len(v)), np.tile(v, len(u)))
    mean = float(height.sum() / len(u) * (v[1] - v[0])) / ap
    return _Heights(mean, *found)


def _vertebra_height(mask: NDArray[np.int16], affine: Float64, label: int, disc: Frame, ap: float) -> float:
    """The height of a vertebral body in its middle, mm; NaN where it is not there or a border cuts its height."""
    if not 1 <= label < 100 or not np.isfinite(ap):
        return NAN
    structure = Structure.of(mask, affine, label)
    if structure is None:
        return NAN
    half = np.array([0.3 * 2 * disc.half[0], 0.35 * ap, 0.0])
    points = structure.points()
    places = (points - disc.centre) @ disc.axes
    near = (np.abs(places[:, :2]) < half[:2]).all(axis=1)
    if near.sum() < 9 or _cuts(structure, disc).height:
        return NAN
    low, high = places[near, 2].min(), places[near, 2].max()
    start = disc.moved(0.0, 0.0, float(low + high) / 2)
    frame = between_endplates(structure, Frame(start.centre, start.axes, half + [0, 0, (high - low) / 2 + 2]))
    across, along = (np.linspace(-0.3, 0.3, 7) * h for h in half[:2])
    u, v = (a.ravel() for a in np.meshgrid(across, along, indexing="ij"))
    return float(columns(structure, frame, u, v)[0].mean())
