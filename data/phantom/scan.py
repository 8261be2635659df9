"""Scans of a phantom patient: thick slices, tissues with T1-, T2- and STIR-like contrast, noise, coil bias."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.base import Image
from data.phantom.back import paint_back
from data.phantom.canvas import SEQUENCES, Canvas
from data.phantom.passages import paint_passage
from data.phantom.shapes import Anatomy, Array, Body, Float64, turn

CANAL = 100
_SACRUM_SEEN = 42.0
_FIELD_AP = 165.0
_SAGITTAL = [0, 1, 2]
_COIL_LENGTH = 260.0


def sagittal_grid(
    rng: np.random.Generator, anatomy: Anatomy, spacing: tuple[float, float], slices: int
) -> tuple[Float64, tuple[int, int, int]]:
    """Affine (index D left, H down, W back, to LPS mm) and shape of sagittal slices that hold the labelled spine.

    `spacing` (between slices, in the plane) is in mm; the patient's pixel size varies about it.
    """
    f = anatomy.factors
    axes = turn(2, f["rotation"] + f["misalignment"]) @ turn(1, f["lean"] - f["misalignment"])
    axes = axes @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    highest = [v for v in anatomy.vertebrae if v.label][-1]
    points = [d.centre for d in anatomy.discs if d.label] + [highest.at(0, 0, highest.height / 2)]
    left, down, back = ((np.array(points) @ anatomy.pose[:3, :3].T + anatomy.pose[:3, 3]) @ axes).T
    tall = down.max() + _SACRUM_SEEN - down.min() + f["field_margin"]
    pixel = spacing[1] * f["pixel_size"]
    shape = slices, round(tall / pixel), round(_FIELD_AP / pixel)
    behind = back.mean() + 0.75 * f["ap_width"] + 50 + f["fat_thickness"] + rng.uniform(2, 10)
    middle = (
        left.mean() + f["off_centre"],
        (down.max() + _SACRUM_SEEN + down.min()) / 2 + rng.normal(0, 3),
        behind - _FIELD_AP / 2,
    )
    affine = np.eye(4)
    affine[:3, :3] = axes * [spacing[0], pixel, pixel]
    affine[:3, 3] = axes @ middle - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine, shape


def scan(
    rng: np.random.Generator,
    anatomy: Anatomy,
    affine: Float64,
    shape: tuple[int, int, int],
    sequences: Sequence[str],
    *,
    thickness: float | None = None,
    parts: int = 3,
    gain: float | None = None,
) -> dict[str, Image]:
    """The patient in each sequence, on one grid `(D, H, W)` and with one mask: D left, H down, W back where sagittal.

    Slices are `thickness` mm thick (None: no gap), and the anatomy is sampled at `parts` places in each. A sequence
    looks the same whatever other sequences are requested. The scanner's `gain` is drawn where it is None.
    """
    canvas = Canvas(anatomy, affine, shape, sequences, thickness, parts)
    texture_rng, bias_rng, *noise_rngs = rng.spawn(2 + len(SEQUENCES))
    order = _body_axes(canvas)
    texture = _texture(texture_rng, shape, order)
    sac = _Sac(anatomy.canal)
    _paint_soft_tissue(canvas, anatomy, sac, texture)
    if anatomy.room is not None:
        _paint_canal(canvas, anatomy, _Sac(anatomy.room), fluid=False)
    _paint_canal(canvas, anatomy, sac)
    for vertebra in anatomy.vertebrae:
        _paint_processes(canvas, anatomy, vertebra)
    for body in [*anatomy.sacrum, *anatomy.vertebrae, *anatomy.discs]:
        _paint_body(canvas, body)
    for passage in anatomy.passages:
        paint_passage(canvas, passage)
    canvas.pixels *= 1 + 0.07 * texture
    canvas.pixels *= _bias(bias_rng, anatomy, affine, shape, order)
    images = {}
    for sequence, signal in zip(sequences, canvas.pixels, strict=True):
        noise_rng = noise_rngs[SEQUENCES.index(sequence)]
        noise = noise_rng.standard_normal((2, *shape), dtype=np.float32) * np.float32(anatomy.factors["noise"])
        drawn = noise_rng.uniform(0.6, 1.4)
        pixels = np.hypot(signal + noise[0], noise[1]) * np.float32(drawn if gain is None else gain)
        images[sequence] = Image(pixels=pixels, affine=affine, mask=canvas.mask)
    return images


def _paint_body(canvas: Canvas, body: Body) -> None:
    """Paints a disc with annulus and nucleus, or a vertebral body with cortex, marrow and Modic changes."""
    frame = _frame(body)
    box = canvas.box(frame, -body.reach, body.reach)
    if box is None:
        return
    u, v, w = canvas.coordinates(box, frame)
    depth, above, below = body.depth(u, v, w)
    inside = canvas.cover(depth)
    if body.is_disc:
        wet, dry = _nucleus(body, u, v, w)
        rim = inside * (1 - canvas.cover(depth - 1.2))
        water = canvas.signals["dry"] + (canvas.signals["water"] - canvas.signals["dry"]) * np.float32(body.water)
        inner = inside - rim
        canvas.paint(box, [(rim, "ligament"), (inner * dry, "annulus"), (inner * wet, water)], body.label)
        return
    marrow = inside * canvas.cover(depth - 0.9)
    tissues: list[tuple[Array, str | Array]] = [(inside - marrow, "cortex")]
    for (grade, strength), distance in zip(body.modic, (above, below), strict=True):
        if grade and strength:
            changed = np.asarray(marrow * np.clip((1.6 - distance / 6) * min(strength, 1), 0, 1), dtype=np.float32)
            marrow = marrow - changed
            tissues.append((changed, f"modic_{grade}"))
    canvas.paint(box, [*tissues, (marrow, "marrow")], body.label)


def _nucleus(disc: Body, u: Array, v: Array, w: Array) -> tuple[Array, Array]:
    """Shares of nucleus and annulus; they blur in dry discs, and a wet nucleus has a cleft."""
    upper, lower = disc.surfaces(np.zeros(1, dtype=np.float32), np.zeros(1, dtype=np.float32))
    radius = np.sqrt(
        np.square(u / (0.36 * disc.lateral))
        + np.square((v - 1) / (0.34 * disc.ap))
        + np.square(w / (0.46 * float(upper[0] - lower[0])))
    )
    blur = 0.3 + 0.7 * (1 - disc.water)
    wet = np.clip((1 - radius) / blur + 0.5, 0, 1) * (1 - 0.35 * disc.water * np.exp(-np.square(w / 0.8)))
    return np.asarray(wet), np.asarray(1 - wet)


def _paint_processes(canvas: Canvas, anatomy: Anatomy, vertebra: Body) -> None:
    """Paints pedicles, articular and spinous processes as rounded blocks in the vertebra's frame."""
    h, rear = vertebra.height, vertebra.ap / 2
    sac = anatomy.factors["canal_width"]
    side = vertebra.lateral * 0.28
    # Centre and half-lengths along u, v and w, mm, and slant downwards, degrees.
    blocks: list[tuple[tuple[float, ...], tuple[float, ...], float]]
    blocks = [((0, rear + sac + 17, -0.3 * h), (3.5, 12, 0.38 * h), 18)]
    for sign in (-1, 1):
        blocks += [
            ((sign * side, rear + 5, 0.2 * h), (4.5, 8, 0.26 * h), 0),
            ((sign * (side + 1), rear + sac + 2, -0.2 * h), (6, 6, 0.62 * h), 8),
            ((sign * 6, rear + sac + 6, -0.15 * h), (6, 3.5, 0.35 * h), 15),
        ]
    for centre, half, slant in blocks:
        frame = _frame(vertebra) @ np.block([[turn(0, slant), np.array([centre]).T], [np.zeros(3), 1]])
        box = canvas.box(frame, -np.array(half), half)
        if box is None:
            continue
        radius = np.sqrt(
            sum(np.square(a / np.float32(r)) ** 2 for a, r in zip(canvas.coordinates(box, frame), half, strict=True))
        )
        depth = (1 - np.sqrt(radius)) * np.float32(min(half))
        inside = canvas.cover(depth)
        marrow = inside * canvas.cover(depth - 1)
        canvas.paint(box, [(inside - marrow, "cortex"), (marrow, "marrow")], vertebra.label)


def _paint_canal(canvas: Canvas, anatomy: Anatomy, sac: _Sac, *, fluid: bool = True) -> None:
    """Paints the thecal sac with cord and roots, or dark tissue in its place, one band of rows at a time."""
    path = canvas.index(sac.path)
    reach = np.ceil(canvas.voxels_in(sac.path[:, 3].max() * 0.75 + 2))
    conus = anatomy.discs[min(4, len(anatomy.discs) - 1)].centre[2]
    for top in range(0, canvas.shape[1], 32):
        near = path[(path[:, 1] > top - reach[1]) & (path[:, 1] < top + 32 + reach[1])]
        if not len(near):
            continue
        low, high = near.min(axis=0) - reach, near.max(axis=0) + reach
        low[1], high[1] = top, top + 31
        box = canvas.clipped(low, high)
        if box is None:
            continue
        x, y, z = canvas.coordinates(box, np.eye(4))
        x, y, width = x - sac.x(z), y - sac.y(z), sac.width(z)
        depth = 0.5 * width - np.hypot(x * 0.7, y)
        inside = canvas.cover(depth)
        if not fluid:
            canvas.paint(box, [(inside, "ligament")])
            continue
        cord_width = np.clip((z - (conus - 15)) / 25, 0, 1) * 4.5
        cord = canvas.cover(cord_width - np.hypot(x, (y - 0.08 * width) * 1.2)) * (cord_width > 0)
        roots = 0.55 * np.exp(-np.square((y / width - 0.22) / 0.12)) * (1 - cord)
        nerve = inside * np.clip(cord + roots, 0, 1)
        canvas.paint(box, [(nerve, "nerve"), (inside - nerve, "csf")], CANAL)


def _paint_soft_tissue(canvas: Canvas, anatomy: Anatomy, sac: _Sac, texture: Array) -> None:
    """Paints belly, vessels, muscles and fat around the canal; none of them is labelled."""
    f = anatomy.factors
    x, y, z = canvas.coordinates(canvas.everywhere, np.eye(4), fine=False)
    side, course = np.abs(x - sac.x(z)), sac.y(z)
    back = y - course
    slope, start = (float(c) for c in np.polyfit(anatomy.canal[3:, 2], anatomy.canal[3:, 1], 1))
    skin = np.asarray(0.3 * course + (0.7 * slope) * z + (0.7 * start + 48 + f["fat_thickness"]) - y, dtype=np.float32)
    front = back + (f["ap_width"] + f["canal_width"] / 2)

    def layer(depth: Array, mix: dict[str, float | Array], low: float, high: float) -> None:
        """Paints a mix of tissues where `depth` is above 0, which is only so for y from `low` to `high`."""
        box = canvas.box(np.eye(4), (-300, low, -300), (300, high, 600))
        if box is not None:
            inside = canvas.cover(depth[box])
            parts = {t: share[box] if isinstance(share, np.ndarray) else np.float32(share) for t, share in mix.items()}
            canvas.paint(box, [(inside * share, tissue) for tissue, share in parts.items()])

    first, last = float(course.min()), float(course.max())
    ap = f["ap_width"] + f["canal_width"] / 2
    loose = np.clip(texture * 0.8 + 0.45, 0, 1)
    streaks = np.clip(texture * 0.35 - 0.25, 0, 0.7)
    layer(np.full_like(y, 9), {"viscera": loose, "fat": 1 - loose}, -300, last)
    layer(front + 7, {"fat": 0.85, "muscle": 0.15}, first - ap - 8, last)
    layer(8 - np.hypot(x - sac.x(z) - 11, front + 9), {"vessel": 1.0}, first - ap - 18, last - ap)
    psoas = 13.5 - np.hypot(side - 38, (back + 17) * 0.65)
    layer(psoas, {"muscle": 0.9, "fat": 0.1}, first - 40, last + 5)
    layer(back - 6, {"muscle": 1 - streaks, "fat": streaks}, first + 5, 300)
    layer(np.minimum(back - 10, 4.5 - side), {"fat": 0.55, "ligament": 0.45}, first + 9, 300)
    layer(np.minimum(np.minimum(back + 14, 17 - back), 22 - side), {"fat": 0.9, "ligament": 0.1}, first - 15, last + 18)
    if anatomy.passages:
        paint_back(canvas, side, back, f["canal_width"], streaks)
        layer(8 - np.hypot(x - sac.x(z) + 13, front + 8), {"vessel": 1.0}, first - ap - 18, last - ap)
        skin = skin - np.square(side) / 350
    surface = float((y + skin).min())
    layer(f["fat_thickness"] - skin, {"fat": 0.95, "ligament": 0.05}, surface - f["fat_thickness"] - 1, 300)
    layer(1.5 - skin, {"ligament": 1.0}, surface - 3, 300)
    canvas.pixels *= canvas.cover(skin)


class _Sac:
    """The course of the thecal sac: its points joined, smoothed and looked up by height."""

    def __init__(self, points: Float64) -> None:
        heights = np.arange(points[0, 2] - 60, points[-1, 2] + 60, 0.25)
        smooth = []
        for column in (0, 1, 3):
            values = np.interp(heights, points[:, 2], points[:, column])
            smooth.append(np.convolve(np.pad(values, 16, mode="edge"), np.full(33, 1 / 33), mode="valid"))
        self.path = np.column_stack([smooth[0], smooth[1], heights, smooth[2]])
        self._tables = [column.astype(np.float32) for column in smooth]

    def x(self, z: Array) -> Array:
        return self._look_up(0, z)

    def y(self, z: Array) -> Array:
        return self._look_up(1, z)

    def width(self, z: Array) -> Array:
        return self._look_up(2, z)

    def _look_up(self, column: int, z: Array) -> Array:
        return np.take(
            self._tables[column], ((z - np.float32(self.path[0, 2])) * 4 + 0.5).astype(np.int32), mode="clip"
        )


def _body_axes(canvas: Canvas) -> list[int]:
    """The index axes that run left-right, along the body and to the back."""
    nearest = np.abs(canvas.to_body[:3, :3] / np.linalg.norm(canvas.to_body[:3, :3], axis=0)).argmax(axis=0)
    return [int(np.flatnonzero(nearest == axis)[0]) for axis in (0, 2, 1)]


def _bias(
    rng: np.random.Generator, anatomy: Anatomy, affine: Float64, shape: tuple[int, int, int], order: list[int]
) -> Array:
    """The coil's sensitivity `(D, H, W)`: it falls from the back to the front, where a saturation band lies too."""
    mm = np.linalg.norm(affine[:3, :3], axis=0)[order]
    shape = shape[order[0]], shape[order[1]], shape[order[2]]
    d, h, w = (np.linspace(-1, 1, n) for n in shape)
    if order != _SAGITTAL:
        h = h * min(1.0, shape[1] * mm[1] / _COIL_LENGTH)
    fall = anatomy.factors["bias"] * (w - 1) * shape[2] * mm[2] / 200
    band = 0.15 + 0.85 / (1 + np.exp(-(np.arange(shape[2]) * mm[2] - rng.uniform(15, 35)) / 4))
    a, b, c, e = rng.normal(0, (0.05, 0.1, 0.2, 0.05))
    bias = np.exp(a * d)[:, None, None] * np.exp(b * h - (0.25 + c) * h**2)[:, None] * (np.exp(fall + e * w) * band)
    return np.asarray(bias.transpose(np.argsort(order)), dtype=np.float32)


def _texture(rng: np.random.Generator, shape: tuple[int, int, int], order: list[int]) -> Array:
    """Smooth noise `(D, H, W)` of mean 0 and variance 1, longer along the body than across."""
    from scipy.ndimage import gaussian_filter

    # Widths in voxels, smaller across thick slices.
    widths = (0.3, 3, 1.5) if order == _SAGITTAL else (0.6, 1.5, 1.5)
    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), widths, truncate=3)
    return np.asarray(noise / noise.std(), dtype=np.float32)


def _frame(body: Body) -> Float64:
    return np.block([[body.axes, body.centre[:, None]], [np.zeros(3), 1]])
