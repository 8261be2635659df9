"""Draws the anatomy of a phantom patient: what differs between people, and what the gradings change."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from data.phantom.gradings import Gradings
from data.phantom.shapes import Anatomy, Body, Endplate, Float64, turn


class Factor(NamedTuple):
    """The distribution of a quantity that differs between patients: normal, cut at `low` and `high`."""

    mean: float
    sd: float
    low: float
    high: float
    meaning: str


FACTORS: dict[str, Factor] = {
    "vertebra_height": Factor(27, 1.8, 22, 32, "height of L5's body, mm"),
    "ap_width": Factor(34, 2.2, 28, 41, "front-to-back width of L5's body, mm"),
    "lateral_width": Factor(48, 3, 40, 57, "left-to-right width of L5's body, mm"),
    "disc_height": Factor(1, 0.15, 0.6, 1.4, "disc heights, as a share of the usual ones"),
    "disc_wedge": Factor(0, 1, -2.5, 2.5, "additional wedge of every disc, degrees"),
    "lordosis": Factor(47, 9, 22, 70, "angle between the upper endplates of L1 and S1, degrees"),
    "sacral_slope": Factor(38, 6, 22, 54, "angle of S1's upper endplate with the horizontal, degrees"),
    "scoliosis": Factor(0, 5, -12, 12, "largest sideways tilt of the lateral curve, degrees"),
    "rotation": Factor(0, 4, -10, 10, "turn of the body about its long axis in the scanner, degrees"),
    "lean": Factor(0, 3, -8, 8, "tilt of the body to its side in the scanner, degrees"),
    "pitch": Factor(0, 8, -18, 18, "tilt of the body to its back in the scanner, degrees"),
    "misalignment": Factor(0, 1.5, -4, 4, "angle between the sagittal slices and the body, degrees"),
    "off_centre": Factor(0, 2.5, -7, 7, "distance of the middle slice from the spine, mm"),
    "field_margin": Factor(35, 10, 15, 60, "field of view beyond the labelled spine, mm"),
    "pixel_size": Factor(1, 0.06, 0.85, 1.15, "in-plane spacing, as a share of the requested one"),
    "vertebra_signal": Factor(1, 0.28, 0.45, 1.8, "marrow signal, as a share of the usual one"),
    "disc_signal": Factor(0, 0.2, -0.45, 0.45, "additional water of the discs' nuclei, where 0 is dry and 1 is wet"),
    "csf_signal": Factor(1, 0.1, 0.7, 1.3, "signal of cerebrospinal fluid, as a share of the usual one"),
    "muscle_signal": Factor(1, 0.12, 0.7, 1.4, "muscle signal, as a share of the usual one"),
    "fat_thickness": Factor(18, 7, 5, 40, "fat under the skin of the back, mm"),
    "canal_width": Factor(15.5, 1.7, 11, 20, "front-to-back width of the thecal sac, mm"),
    "noise": Factor(38, 11, 12, 70, "standard deviation of the noise in each channel; fat in T1 is 900"),
    "bias": Factor(0.55, 0.2, 0.1, 1.1, "fall of the surface coil's signal, nepers in 100 mm from the skin"),
}
"""What differs between patients, independently of each other and of every grading."""

# L5/S1 first; the last two are seen only above the highest labelled level.
_DISC_HEIGHTS = (9.5, 11, 10.5, 9.5, 8.5, 7, 6, 5.5, 5, 5)
_DISC_WEDGES = (14, 10, 8, 6, 4, 2, 0, -1, -1, -1)
_BODY_WEDGES = (8, 3, 0, -2, -3, -3, -3, -3, -3, -3)
_BODY_HEIGHTS = (1, 1.02, 1.02, 1, 0.97, 0.93, 0.89, 0.86, 0.83, 0.8)
_BODY_WIDTHS = (1, 0.99, 0.97, 0.95, 0.92, 0.89, 0.86, 0.84, 0.82, 0.8)
# S1, the rest of its disc, S2, the rest of its disc, S3: height, width as a share of L5/S1's, wedge, taper, water.
_SACRUM = (
    (29, 0.82, -8, 0.3, 0.0),
    (3, 0.6, -3, 0.0, 0.1),
    (23, 0.52, -9, 0.25, 0.0),
    (2, 0.42, -3, 0.0, 0.1),
    (20, 0.36, -9, 0.2, 0.0),
)
_UNSEEN = 2
# What a positive grade of average severity changes at effect 1: shares of height, canal and marrow; otherwise mm.
_FULL_SIGNS = {
    "narrowing": 0.35,
    "bulging": 3.6,
    "herniation": 8.0,
    "spondylolisthesis": 8.0,
    "stenosis": 0.5,
    "modic": 1.0,
    "upper_endplate": 4.0,
    "lower_endplate": 4.0,
}


def draw_anatomy(rng: np.random.Generator, gradings: Gradings, effect: float) -> Anatomy:
    """A patient whose anatomy shows the gradings `(discs,)`: not at all at `effect` 0, as in a textbook at 1.

    The same generator state gives the same patient at every effect, except for what the gradings change.
    """
    factors = {name: float(np.clip(rng.normal(f.mean, f.sd), f.low, f.high)) for name, f in FACTORS.items()}
    signs = _draw_signs(rng, gradings, effect)
    discs, vertebrae, canal = _draw_column(rng, factors, signs, labelled=len(gradings["narrowing"]))
    sacrum = _draw_sacrum(discs[0], (int(signs["modic_grade"][0]), float(signs["modic"][0])))
    for bone in sacrum[::2]:
        canal.insert(0, np.append(bone.at(0, bone.ap / 2 + 4, 0), factors["canal_width"] * bone.ap / discs[0].ap / 1.5))
    _, backward, upward = vertebrae[len(gradings["narrowing"]) - 1].centre
    # Whatever their curves, people lie with their back along the table.
    upright = float(np.degrees(np.arctan2(backward, upward)))
    pose = np.eye(4)
    pose[:3, :3] = turn(2, factors["rotation"]) @ turn(1, factors["lean"]) @ turn(0, factors["pitch"] + upright)
    pose[:3, 3] = rng.normal(0, (4, 10, 15)) - pose[:3, :3] @ vertebrae[2].centre
    course = np.array(canal)
    return Anatomy(factors=factors, discs=discs, vertebrae=vertebrae, sacrum=sacrum, canal=course, pose=pose)


def _draw_signs(rng: np.random.Generator, gradings: Gradings, effect: float) -> dict[str, Float64]:
    """The signs of its gradings that each disc shows `(discs + 2,)`: mm, shares and signals; 0 at effect 0.

    Signs grow with the square of the effect: at .5 they are a quarter of a textbook's and drown in normal variation.
    """
    signs: dict[str, Float64] = {}
    for name, strength in _FULL_SIGNS.items():
        severity = rng.uniform(0.6, 1.4, len(gradings[name]))
        signs[name] = np.asarray(effect**2 * strength * severity * (gradings[name] > 0))
    signs["water"] = np.asarray(effect**2 * 0.2 * (3.0 - gradings["pfirrmann"]), dtype=np.float64)
    signs["modic_grade"] = gradings["modic"].astype(np.float64)
    return {name: np.append(values, np.zeros(_UNSEEN)) for name, values in signs.items()}


def _draw_column(
    rng: np.random.Generator, factors: dict[str, float], signs: dict[str, Float64], labelled: int
) -> tuple[list[Body], list[Body], list[Float64]]:
    """Discs, vertebrae and the points of the canal, built upwards from S1's endplate."""
    count = labelled + _UNSEEN
    size = _draw_sizes(rng, factors, signs, count)
    lordosis = factors["lordosis"] / (sum(_DISC_WEDGES[:5]) + sum(_BODY_WEDGES[:5]))
    foot, axes = np.zeros(3), turn(0, factors["sacral_slope"])
    discs: list[Body] = []
    vertebrae: list[Body] = []
    canal: list[Float64] = []
    for i in range(count):
        width = _BODY_WIDTHS[i] * size["width"][i]
        # A disc that loses height loses its wedge, and its endplates never meet.
        wedge = (_DISC_WEDGES[i] * (lordosis if i < 5 else 1) + size["wedge"][i]) * (1 - signs["narrowing"][i])
        steepest = 2 * np.degrees(np.arctan((size["height"][i] - 1.5) / (factors["ap_width"] * width)))
        plates = [
            Endplate(dome=size["dome"][i], node=size[f"{side}_node"][i], at=(size["node_u"][i], size["node_v"][i]))
            for side in ("upper", "lower")
        ]
        disc = Body(
            label=201 + i if i < labelled else 0,
            centre=foot,
            axes=axes,
            height=size["height"][i],
            ap=factors["ap_width"] * width * size["disc_ap"][i],
            lateral=factors["lateral_width"] * width,
            wedge=float(np.clip(wedge, -steepest, steepest)),
            tilt=_sideways(factors["scoliosis"], i, count),
            upper=plates[0],
            lower=plates[1],
            front=size["front"][i],
            back=size["back"][i],
            protrusion=signs["herniation"][i],
            protrusion_at=size["protrusion_at"][i],
            water=float(np.clip(size["water"][i], 0.03, 1)),
        )
        disc, foot, axes = _stack(disc, foot, axes, shift=signs["spondylolisthesis"][i])
        body = Body(
            label=1 + i if i < labelled else 0,
            centre=foot,
            axes=axes,
            height=factors["vertebra_height"] * _BODY_HEIGHTS[i] * size["body_height"][i],
            ap=factors["ap_width"] * width,
            lateral=factors["lateral_width"] * width,
            wedge=_BODY_WEDGES[i] * (lordosis if i < 5 else 1) + size["body_wedge"][i],
            tilt=_sideways(factors["scoliosis"], i + 0.5, count),
            upper=Endplate(dome=1.0),
            lower=plates[0],
            front=-size["waist"][i],
            back=-size["waist"][i],
            modic=((0, 0.0), (int(signs["modic_grade"][i]), signs["modic"][i])),
        )
        body, foot, axes = _stack(body, foot, axes)
        if vertebrae:
            below = vertebrae[-1]
            upper_modic = (int(signs["modic_grade"][i]), signs["modic"][i])
            vertebrae[-1] = replace(below, upper=disc.lower, modic=(upper_modic, below.modic[1]))
        discs.append(disc)
        vertebrae.append(body)
        sac = factors["canal_width"] * size["canal"][i]
        for part, share in ((disc, 1 - signs["stenosis"][i]), (body, 1.0)):
            back = body.ap / 2 + 1.5 + sac / 2
            canal.append(np.append(part.at(0, back, 0), sac * share))
    return discs, vertebrae, canal


def _draw_sizes(
    rng: np.random.Generator, factors: dict[str, float], signs: dict[str, Float64], count: int
) -> dict[str, Float64]:
    """The sizes that differ between the levels of a patient, changed by the gradings, `(count,)` each."""

    def normal(mean: float, sd: float) -> Float64:
        return np.asarray(mean + sd * np.clip(rng.standard_normal(count), -2.5, 2.5))

    height = np.array(_DISC_HEIGHTS[:count]) * factors["disc_height"] * normal(1, 0.12)
    dome = np.clip(normal(1.4, 0.5), 0.3, 3)
    shrunk = 1 - signs["narrowing"]
    return {
        "height": np.maximum(height * shrunk, 2),
        "dome": dome * shrunk,
        "wedge": normal(factors["disc_wedge"], 3),
        "disc_ap": normal(1, 0.05),
        "front": normal(0.6, 0.9) + signs["bulging"] / 2,
        "back": normal(0.6, 1.2) + signs["bulging"],
        "water": 0.52 + factors["disc_signal"] + normal(0, 0.18) + signs["water"],
        "upper_node": np.abs(normal(0, 0.7)) + signs["upper_endplate"],
        "lower_node": np.abs(normal(0, 0.7)) + signs["lower_endplate"],
        "node_u": normal(0, 8),
        "node_v": normal(0, 6),
        "protrusion_at": normal(0, 4),
        "width": normal(1, 0.02),
        "body_height": normal(1, 0.03),
        "body_wedge": normal(0, 2),
        "waist": normal(1.8, 0.4),
        "canal": normal(1, 0.05),
    }


def _draw_sacrum(lowest: Body, modic: tuple[int, float]) -> list[Body]:
    """S1 to S3 with the remains of their discs, built downwards from S1's upper endplate."""
    # S1 starts where the lowest disc ends: at the origin, in the direction of the disc's lower rim.
    half_disc = turn(0, -lowest.wedge / 2) @ turn(1, lowest.tilt / 2)
    foot, axes = np.zeros(3), lowest.axes @ half_disc.T
    parts: list[Body] = []
    for height, width, wedge, taper, water in _SACRUM:
        half = turn(0, wedge / 2)
        axes = axes @ half
        parts.append(
            Body(
                label=0,
                centre=foot - axes[:, 2] * height / 2,
                axes=axes,
                height=height,
                ap=lowest.ap * width,
                lateral=lowest.lateral,
                wedge=wedge,
                tilt=0,
                upper=lowest.lower if not parts else Endplate(dome=0),
                lower=Endplate(dome=0),
                taper=taper,
                modic=(modic if not parts else (0, 0.0), (0, 0.0)),
                water=water,
            )
        )
        foot, axes = foot - axes[:, 2] * height, axes @ half
    return parts


def _stack(body: Body, foot: Float64, axes: Float64, shift: float = 0.0) -> tuple[Body, Float64, Float64]:
    """Puts a structure on the one below, and gives the place and axes of its upper rim; `shift` slips it forward."""
    half = turn(0, -body.wedge / 2) @ turn(1, body.tilt / 2)
    middle = axes @ half
    head = foot + middle[:, 2] * body.height - middle[:, 1] * shift
    return replace(body, centre=(foot + head) / 2, axes=middle), head, middle @ half


def _sideways(scoliosis: float, level: float, count: int) -> float:
    """The part of the lateral curve that one structure makes, degrees: an S over the spine that starts upright."""
    start, stop = (scoliosis * np.sin(1.5 * np.pi * (level + step) / count) for step in (0.0, 0.5))
    return float(stop - start)
