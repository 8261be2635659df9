"""Lengths, angles and volume of a disc in a mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.base import Float64
from encoders.geometry.frame import DiscFrame, between_endplates, columns, rough_frame
from encoders.geometry.oval import Oval, fit_oval, in_slices, within
from encoders.geometry.structure import Structure

NAN = float("nan")
_RIM = 0.4  # of the width, from the middle: where the front and back heights are taken
_ROUND = 1.15  # lateral over front-to-back width: a rounder outline does not show its turn
_STEEPEST = 3.0  # degrees: the largest angle that a voxel's height may make over the disc's width


class Geometry(NamedTuple):
    """The measures of a disc: mm, mm3 and degrees in patient space (LPS); NaN where one can't be measured."""

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
    """The geometry of the disc with a label in a mask `(D, H, W)`; `affine` maps its index to LPS mm."""
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
    coarse = structure.voxel(frame.axes[:, 2]) > 2 * frame.half[1] * np.tan(np.radians(_STEEPEST))
    if coarse:
        mean = NAN if cuts.ap or cuts.lateral else _mean_height(structure, frame, 2 * frame.half[1])
        whole = NAN if len(structure.cuts) else structure.volume
        return Geometry(height_mean=mean, volume=whole, seen_fraction=structure.seen_fraction)
    lateral = axial = NAN
    oval = None
    if not cuts.ap and (cuts.one_sided or not cuts.lateral):
        oval = fit_oval(structure, frame)
    if oval is not None and not oval.lies_in(structure, frame, cut=cuts.lateral):
        oval = None
    if oval is not None:
        frame = frame.moved(oval.u, oval.v, 0.0)
        lateral = NAN if cuts.lateral else oval.lateral
        if oval.lateral > _ROUND * oval.ap:
            frame = frame.turned(oval.turn)
            axial = NAN if cuts.lateral else _angle(frame.axes[1, 0], frame.axes[0, 0])
    heights = _Heights()
    ap = NAN
    if not cuts.ap:
        smooth, ap, middle = _front_and_back(structure, frame, oval)
        if np.isfinite(ap):
            frame = frame.moved(0.0, middle, 0.0)
            heights = _heights(structure, frame, smooth)
    sagittal = NAN if cuts.ap else _angle(frame.axes[2, 1], frame.axes[1, 1])
    coronal = NAN if cuts.lateral else _angle(frame.axes[2, 0], frame.axes[0, 0])
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


def _frame(structure: Structure) -> DiscFrame | None:
    """The disc's frame; None where the disc is less than three voxels long from front to back."""
    points = structure.points()
    if len(points) < 3:
        return None
    frame = rough_frame(structure)
    for _ in range(2):
        if frame.half[1] < structure.voxel(frame.axes[:, 1]):
            return None
        frame = between_endplates(structure, frame)
        frame = DiscFrame(frame.centre, frame.axes, frame.around(points).half)
    return frame


def _cuts(structure: Structure, frame: DiscFrame) -> _Cuts:
    """The cuts: a border cuts each axis that makes less than 60 degrees with the border's normal."""
    along = structure.cuts @ frame.axes
    cut = np.abs(along) > 0.5
    lateral, ap, height = (bool(cut[:, i].any()) for i in range(3))
    return _Cuts(lateral, ap, height, len(np.unique(np.sign(along[cut[:, 0], 0]))) == 1)


def _angle(rise: float, run: float) -> float:
    return float(np.degrees(np.arctan2(rise, run)))


class _Heights(NamedTuple):
    mean: float = NAN
    anterior: float = NAN
    middle: float = NAN
    posterior: float = NAN


def _front_and_back(structure: Structure, frame: DiscFrame, oval: Oval | None) -> tuple[float, float, float]:
    """The width without and with a focal protrusion, and its middle (v), mm, at mid-height in the midsagittal plane.

    NaN where the disc is empty, or where the width is more than a voxel longer than the structure.
    """
    step = structure.voxel(frame.axes[:, 1]) / 4
    reach = frame.half[1] * 1.2 + 4 * step
    v = np.linspace(-reach, reach, int(np.ceil(2 * reach / step)))
    u = np.linspace(-0.25, 0.25, 15) * 2 * frame.half[0]
    w = within(structure, frame, 2, 3)
    points, _ = in_slices(structure, frame, frame.points(u[:, None, None], v[:, None], w))
    inside = structure.at(points)
    u, v, _ = np.moveaxis((points - frame.centre) @ frame.axes, -1, 0)
    total = inside.sum(axis=(1, 2), dtype=np.float64)
    there = total > 0.3 * total.max()
    if not there.any():
        return NAN, NAN, NAN
    u, total = u.mean(axis=(1, 2))[there], total[there]
    width = total * (2 * reach / (v.shape[1] - 1)) / len(w)
    middle = (inside * v).sum(axis=(1, 2))[there] / total
    if oval is not None:
        width /= np.sqrt(1 - np.minimum(np.abs(2 * u / oval.lateral), 0.9) ** oval.power)
    pixel = structure.voxel(frame.axes[:, 1])
    (smooth, focal), (centre, _) = _at_zero(u, width, 2 * pixel), _at_zero(u, middle, 2 * pixel)
    if oval is not None and abs(smooth - oval.ap) < pixel:
        # Rows along the grid's edges all err in the same way; the oval's edge crosses them.
        smooth = oval.ap
    ap = smooth + (focal if abs(focal) > pixel else 0.0)
    places = (structure.points() - frame.centre) @ frame.axes[:, 1]
    if min(smooth, ap) <= 0 or max(smooth, ap) > np.ptp(places) + 2 * pixel:
        return NAN, NAN, NAN
    return smooth, ap, centre


def _at_zero(x: Float64, y: Float64, usual: float) -> tuple[float, float]:
    """The value at 0 of a parabola through points, and the difference between it and y there.

    Points that are off by more than `usual` weigh less. Fewer than three points get the flattest parabola.
    """
    reach = max(float(np.abs(x).max()), 1e-6)
    terms = np.vander(x / reach, 3, increasing=True) * [1, 1e-3, 1e-3]
    off = np.zeros(len(x))
    for _ in range(10):
        root = 1 / np.sqrt(1 + (off / usual) ** 2)
        parabola = np.linalg.lstsq(terms * root[:, None], y * root, rcond=1e-9)[0]
        off = y - terms @ parabola
    nearest = np.abs(x) <= np.abs(x).min() + 1.0
    return float(parabola[0]), float(off[nearest].mean())


def _heights(structure: Structure, frame: DiscFrame, ap: float) -> _Heights:
    """The midsagittal heights, by local parabolas through columns around each place; the mean is area over width."""
    across = np.linspace(-0.1, 0.1, 7) * 2 * frame.half[0]
    found = []
    for place in (-_RIM, 0.0, _RIM):
        along = np.linspace(max(place - 0.12, -0.46), min(place + 0.12, 0.46), 13)
        u, v = (a.ravel() for a in np.meshgrid(across, along * ap, indexing="ij"))
        height, _ = columns(structure, frame, u, v)
        x, y = u / max(float(np.abs(across).max()), 1e-6), (v / ap - place) / 0.12
        terms = np.column_stack([np.ones(len(x)), x, y, x * x, y * y])
        found.append(_positive(np.linalg.lstsq(terms, height, rcond=1e-6)[0][0]))
    return _Heights(_mean_height(structure, frame, ap), *found)


def _mean_height(structure: Structure, frame: DiscFrame, ap: float) -> float:
    """The area of the midsagittal plane over the front-to-back width, mm."""
    v = np.linspace(-0.6, 0.6, 121) * ap
    u = within(structure, frame, 0, 5)
    height, _ = columns(structure, frame, np.repeat(u, len(v)), np.tile(v, len(u)))
    return _positive(height.sum() / len(u) * (v[1] - v[0]) / ap)


def _positive(length: float) -> float:
    """The length, or NaN where the disc is empty."""
    return float(length) if length > 0 else NAN


def _vertebra_height(mask: NDArray[np.int16], affine: Float64, label: int, disc: DiscFrame, ap: float) -> float:
    """The height of a vertebral body in its middle, mm; NaN where the body is missing or a border cuts its height."""
    if not 1 <= label < 100 or not np.isfinite(ap):
        return NAN
    structure = Structure.of(mask, affine, label)
    if structure is None:
        return NAN
    half = np.array([0.6 * disc.half[0], 0.35 * ap, 0.0])
    points = structure.points()
    places = (points - disc.centre) @ disc.axes
    near = (np.abs(places[:, :2]) < half[:2]).all(axis=1)
    if near.sum() < 9 or _cuts(structure, disc).height:
        return NAN
    low, high = places[near, 2].min(), places[near, 2].max()
    start = disc.moved(0.0, 0.0, float(low + high) / 2)
    half[2] = (high - low) / 2 + 2
    frame = between_endplates(structure, DiscFrame(start.centre, start.axes, half))
    across, along = (np.linspace(-0.3, 0.3, 7) * h for h in half[:2])
    u, v = (a.ravel() for a in np.meshgrid(across, along, indexing="ij"))
    return _positive(columns(structure, frame, u, v)[0].mean())
