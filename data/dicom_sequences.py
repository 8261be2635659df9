"""Which sequence a series of lumbar spine MRI is: told from its orientation, its description and its times."""

from __future__ import annotations

import re
from typing import NamedTuple

from data.dicom_headers import Header

_WEIGHTS = {"T1": r"t1(?!\d)", "T2": r"t2(?!\d)", "STIR": r"stir|tirm"}
_OTHER = re.compile(
    r"\b(adc|b\d{2,4}|dwi?|diff\w*|dti|trace\w*|perf\w*|myelo\w*|mra|mip|subtr?\w*|loc\w*|scout|survey|calib\w*)\b"
)
_LESSER = re.compile(
    r"stir|tirm|\bfs\b|fat ?sat|\bspair\b|\bspir\b|dixon.* (f|w|opp)\b|t2 ?star|t2\*|\bmedic\b|\bmerge\b"
    r"|\bgad\b|\bgd\b|\bkm\b|\+ ?c\b|\bpost\b"
)
_OTHER_KINDS = ("LOCALIZER", "PROJECTION IMAGE", "SUBTRACTION")
_STIR_INVERSION = (80, 350)  # ms: fat's null point is 130-180 at 1.5 T, 180-260 at 3 T
_T1_FLAIR_INVERSION = 500
_SHORT_ECHO, _LONG_ECHO = 30, 60
_T1_REPETITION, _T1_FLAIR_REPETITION, _T2_REPETITION = 1200, 3500, 1000


class Told(NamedTuple):
    """What a series is.

    Args:
        sequence: `sagittal_t1`, `sagittal_t2` or `axial_t2`; empty where it is none of these or can't be told.
        how: From what it was told, or why it is not used.
        plain: False for STIR, saturated fat, contrast and T2*, which are used where there is no plain one.
    """

    sequence: str
    how: str
    plain: bool = True


def tell(one: Header) -> Told:
    """The sequence of a series from one of its headers.

    The description counts first, then the protocol's name, then the times: an echo below 30 ms with a repetition up to
    1200 ms is T1, an echo from 60 ms is T2, an inversion at fat's null point is STIR, which counts as T2 in sagittal
    slices. Gradient echoes, and what lies between, are not told by times.
    """
    if other := next((kind for kind in _OTHER_KINDS if kind in one.kinds), None):
        return Told("", f"image type {other}")
    if one.diffusion:
        return Told("", "diffusion")
    if not one.plane:
        return Told("", "has no orientation")
    weight, how = "", ""
    for name, words in (("description", one.description), ("protocol", one.protocol)):
        spaced = _spaced(words)
        if _OTHER.search(spaced):
            return Told("", f"{name} '{words}'")
        found = [kind for kind, pattern in _WEIGHTS.items() if re.search(pattern, spaced)]
        if "STIR" in found or len(found) == 1:
            weight, how = "STIR" if "STIR" in found else found[0], f"{name} '{words}'"
            break
    if not weight:
        weight, how = _by_times(one)
    if not weight:
        return Told("", how)
    lesser = weight == "STIR" or one.contrast or _LESSER.search(_spaced(f"{one.description} {one.protocol}"))
    sequence = {
        ("sagittal", "T1"): "sagittal_t1",
        ("sagittal", "T2"): "sagittal_t2",
        ("sagittal", "STIR"): "sagittal_t2",
        ("axial", "T2"): "axial_t2",
    }.get((one.plane, weight), "")
    return Told(sequence, how if sequence else f"{one.plane} {weight}, which is not read ({how})", not lesser)


def _by_times(one: Header) -> tuple[str, str]:
    """`T1`, `T2`, `STIR` or nothing, and how it was told."""
    echo, repetition, inversion = one.echo, one.repetition, one.inversion
    if echo is None or repetition is None:
        return "", "neither a description nor echo and repetition times tell T1 from T2"
    said = f"TE {echo:g} ms, TR {repetition:g} ms" + (f", TI {inversion:g} ms" if inversion else "")
    if one.gradient_echo:
        return "", f"gradient echo, {said}: T1 or T2 can't be told"
    if inversion and _STIR_INVERSION[0] <= inversion <= _STIR_INVERSION[1]:
        return "STIR", said
    flair = bool(inversion and inversion >= _T1_FLAIR_INVERSION)
    if echo < _SHORT_ECHO and repetition <= (_T1_FLAIR_REPETITION if flair else _T1_REPETITION):
        return "T1", said
    if echo >= _LONG_ECHO and repetition >= _T2_REPETITION:
        return "T2", said
    return "", f"{said}: neither T1 nor T2"


def _spaced(words: str) -> str:
    return re.sub(r"[_\-./\\]+", " ", words.casefold())
