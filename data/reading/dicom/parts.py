"""Parts a series that holds several images of one place, such as two echoes, into stacks of one image each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from data.reading.dicom import traits as dicom_traits
from data.reading.dicom.headers import DicomHeader
from data.reading.dicom.traits import Trait

_OTHER_ECHO = 1.25  # ratio from which two echo times are another contrast, whatever their places


class SeriesPart(NamedTuple):
    """Frames of a series that are one stack.

    Args:
        words: What sets it apart from the other parts, such as `TE 12 ms`; empty for a series of one part.
        headers: Its frames, in their order.
    """

    words: str
    headers: list[DicomHeader]


def parted(headers: Sequence[DicomHeader]) -> list[SeriesPart]:
    """The parts of a series, in the order of their first frames.

    Images of another kind (phase, Dixon's water ...), b-value or an echo time that differs by a quarter are always
    parted. Where several images still lie at one place, they are parted by the first of `dicom_traits.ORDERS` that
    distinguishes them: an attribute that has no more values than the place has images.
    """
    parts = [SeriesPart("", list(headers))]
    if len(headers) == 1:
        return parts
    for name in dicom_traits.CONTRASTS:
        parts = [inner for part in parts for inner in _split(part, name, _trait(name))]
    parts = [inner for part in parts for inner in _split(part, "TE", _clusters(part.headers))]
    return [inner for part in parts for inner in _split_where_needed(part, dicom_traits.ORDERS)]


def preferred(parts: Sequence[SeriesPart], weight: str = "") -> int:
    """The part that fits a sequence best: a plain image before phase, water or fat, then by echo, then by slices.

    Args:
        parts: Parts of one series.
        weight: `t1` wants the shortest echo, `t2` the one nearest to 90 ms; another weight the first echo.
    """

    def rank(i: int) -> tuple[float, ...]:
        head = parts[i].headers[0]
        echo = head.echo or 0.0
        kind = dicom_traits.PREFERENCE.index(str(head.traits.get("kind", "")))
        b_value = head.traits.get("b-value", 0)
        away = abs(echo - _T2_ECHO) if weight == "t2" and echo else echo
        return kind, float(b_value) if isinstance(b_value, float | int) else 0, away, -len(parts[i].headers), i

    return min(range(len(parts)), key=rank)


_T2_ECHO = 90.0  # ms


def _split_where_needed(part: SeriesPart, names: tuple[str, ...]) -> list[SeriesPart]:
    """The part split by the first of some traits that parts the images of a place, and so on."""
    places = [_place(one) for one in part.headers]
    most = max(Counter(place for place in places if place is not None).values(), default=1)
    if most == 1:
        return [part]
    for i, name in enumerate(names):
        values = [one.traits.get(name) for one in part.headers]
        if not 1 < len(set(values)) <= most:
            continue
        seen = Counter(pair for pair in zip(places, values, strict=True) if pair[0] is not None)
        if max(seen.values()) < most:
            parts = _split(part, name, _trait(name))
            return [inner for one in parts for inner in _split_where_needed(one, names[i + 1 :])]
    return [part]


def _split(part: SeriesPart, name: str, key: Callable[[DicomHeader], Trait | None]) -> list[SeriesPart]:
    groups: dict[Trait | None, list[DicomHeader]] = defaultdict(list)
    for one in part.headers:
        groups[key(one)].append(one)
    if len(groups) == 1:
        return [part]
    found = []
    for some in groups.values():
        words = dicom_traits.words(name, some[0].traits.get(name))
        found.append(SeriesPart(f"{part.words}, {words}" if part.words else words, some))
    return found


def _trait(name: str) -> Callable[[DicomHeader], Trait | None]:
    return lambda one: one.traits.get(name)


def _clusters(headers: list[DicomHeader]) -> Callable[[DicomHeader], Trait | None]:
    """The smallest echo time of those that are near a frame's own."""
    first: dict[float, float] = {}
    start = before = -1.0
    for echo in sorted({one.echo for one in headers if one.echo}):
        if before < 0 or echo > before * _OTHER_ECHO:
            start = echo
        first[echo] = start
        before = echo
    return lambda one: first.get(one.echo) if one.echo else None


def _place(one: DicomHeader) -> tuple[float, ...] | None:
    """What frames at one place share: the normal, and the distance along it to a tenth of a millimetre."""
    if one.plane is None:
        return None
    normal = one.plane[:3, 0]
    return (*np.round(normal, 3).tolist(), round(float(normal @ one.plane[:3, 3]), 1))
