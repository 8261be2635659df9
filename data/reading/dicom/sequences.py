"""Recognises the sequence of a series of lumbar spine MRI from its orientation, its description and its times."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from data.reading.dicom.headers import DicomHeader
from data.reading.dicom.series import IN_PLANE
from data.reading.dicom.traits import PLAIN

_PLANES = ("sagittal", "coronal", "axial")  # whose normals are x, y, z
_WEIGHTS = {"T1": r"t1(?!\d)", "T2": r"t2(?!\d)", "STIR": r"stir|tirm"}
_OTHER = {
    "diffusion": r"\b(adc|b\d{2,4}|dwi?|diff\w*|dti|trace\w*)\b",
    "perfusion": r"\bperf",
    "myelography": r"\bmyelo",
    "angiography": r"\bmra\b",
    "projection": r"\bmip\b",
    "subtraction": r"\bsubtr?",
    "localizer": r"\b(loc\w*|scout|survey)\b",
    "calibration": r"\bcalib",
}
_CORONAL = re.compile(r"\b[ck]or(onal|onar)?\b")
_LESSER = re.compile(
    r"stir|tirm|\bfs\b|fat ?sat|\bspair\b|\bspir\b|dixon.* (f|w|opp)\b|t2 ?star|t2\*|\bmedic\b|\bmerge\b"
    r"|\bgad\b|\bgd\b|\bkm\b|\+ ?c\b|\bpost\b"
)
_OTHER_TYPES = ("LOCALIZER", "PROJECTION IMAGE", "SUBTRACTION")
_LESSER_KINDS = ("trace", "water", "opposed phase", "fat")
_STIR_INVERSION = (80, 350)  # ms: fat's null point is 130-180 at 1.5 T, 180-260 at 3 T
_T1_FLAIR_INVERSION = 500
_SHORT_ECHO, _LONG_ECHO = 30, 60
_T1_REPETITION, _T1_FLAIR_REPETITION, _T2_REPETITION = 1200, 3500, 1000


class Recognised(NamedTuple):
    """The sequence of a series.

    Args:
        sequence: `sagittal_t1`, `sagittal_t2` or `axial_t2`; empty for another or an unknown sequence.
        how: How it was recognised, or why it is not used.
        plain: False for STIR, saturated fat, contrast and T2*, which are used only without a plain series.
    """

    sequence: str
    how: str
    plain: bool = True


def by_plane(group: list[DicomHeader]) -> Iterator[tuple[str, list[DicomHeader]]]:
    """Splits a series by plane, such as a localizer of three planes; the plane with most slices comes first.

    Slices without an orientation stay with the largest group. A block along L5/S1 may be nearer to coronal than to
    axial: slices that are near enough to axial are axial, unless they are described as coronal.
    """
    if all(one.normal is None for one in group):
        yield "", group
        return
    while placed := [np.abs(one.normal) for one in group if one.normal is not None]:
        plane = Counter(int(normal.argmax()) for normal in placed).most_common(1)[0][0]
        if _PLANES[plane] == "coronal" and not _names_coronal(group[0]):
            most = [normal for normal in placed if normal.argmax() == plane]
            if np.median([normal[2] for normal in most]) >= IN_PLANE:
                plane = _PLANES.index("axial")
        near = [one.normal is None or bool(abs(one.normal[plane]) >= IN_PLANE) for one in group]
        yield _PLANES[plane], [one for one, is_near in zip(group, near, strict=True) if is_near]
        group = [one for one, is_near in zip(group, near, strict=True) if not is_near]


def recognise(one: DicomHeader, plane: str) -> Recognised:
    """The sequence of a series in a plane (empty for an unknown plane) from one of its headers.

    The description counts first, then the protocol's name, then the times. An echo below 30 ms with a repetition up to
    1200 ms is T1, an echo from 60 ms is T2, and an inversion at fat's null point is STIR, which counts as T2 in
    sagittal slices. Times don't identify gradient echoes and values in between. Of a description only known words are
    repeated.
    """
    if other := next((kind for kind in _OTHER_TYPES if kind in one.kinds), None):
        return Recognised("", f"image type {other}")
    kind = str(one.traits.get("kind", PLAIN))
    if kind not in (PLAIN, *_LESSER_KINDS):
        return Recognised("", f"image type {kind}")
    if one.traits.get("b-value"):
        return Recognised("", "diffusion")
    if not plane:
        return Recognised("", "has no orientation")
    weight, how = "", ""
    for name, words in (("description", one.description), ("protocol", one.protocol)):
        spaced = _spaced(words)
        if other := next((kind for kind, pattern in _OTHER.items() if re.search(pattern, spaced)), None):
            return Recognised("", f"{name}: {other}")
        found = [kind for kind, pattern in _WEIGHTS.items() if re.search(pattern, spaced)]
        if "STIR" in found or len(found) == 1:
            weight = "STIR" if "STIR" in found else found[0]
            how = f"{name}: {weight}"
            break
    if not weight:
        weight, how = _by_times(one)
    if not weight:
        return Recognised("", how)
    lesser = (
        weight == "STIR"
        or one.contrast
        or kind != PLAIN
        or _LESSER.search(_spaced(f"{one.description} {one.protocol}"))
    )
    sequence = {
        ("sagittal", "T1"): "sagittal_t1",
        ("sagittal", "T2"): "sagittal_t2",
        ("sagittal", "STIR"): "sagittal_t2",
        ("axial", "T2"): "axial_t2",
    }.get((plane, weight), "")
    return Recognised(sequence, how if sequence else f"{plane} {weight}, which is not read ({how})", not lesser)


def _names_coronal(one: DicomHeader) -> bool:
    """Whether the description or the protocol calls the slices coronal."""
    return bool(_CORONAL.search(_spaced(f"{one.description} {one.protocol}")))


def _by_times(one: DicomHeader) -> tuple[str, str]:
    """`T1`, `T2`, `STIR` or an empty text, and how it was recognised."""
    echo, repetition, inversion = one.echo, one.repetition, one.inversion
    if echo is None or repetition is None:
        return "", "neither a description nor echo and repetition times show whether it is T1 or T2"
    times = f"TE {echo:g} ms, TR {repetition:g} ms" + (f", TI {inversion:g} ms" if inversion else "")
    if one.gradient_echo:
        return "", f"gradient echo, {times}: T1 or T2 is unknown"
    if inversion and _STIR_INVERSION[0] <= inversion <= _STIR_INVERSION[1]:
        return "STIR", times
    flair = bool(inversion and inversion >= _T1_FLAIR_INVERSION)
    if echo < _SHORT_ECHO and repetition <= (_T1_FLAIR_REPETITION if flair else _T1_REPETITION):
        return "T1", times
    if echo >= _LONG_ECHO and repetition >= _T2_REPETITION:
        return "T2", times
    return "", f"{times}: neither T1 nor T2"


def _spaced(words: str) -> str:
    return re.sub(r"[_\-./\\]+", " ", words.casefold())
