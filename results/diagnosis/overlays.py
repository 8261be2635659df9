"""Slices with the points of the findings on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from results.diagnosis.findings import Diagnosis, Finding, Slice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

COLOURS = ("#56B4E9", "#F0E442", "#FF7F50", "#CC79A7", "#FFFFFF")  # bright on black, different for the colour-blind
MARKERS = ("o", "s", "^", "D", "v")
GLYPHS = ("●", "■", "▲", "◆", "▼")
_TALL, _WIDE, _BESIDE, _ABOVE, _BELOW = 4.6, 4.6, 1.15, 0.5, 0.1  # inches
_LEAST = 3.2
_GAP = 0.35  # inches: a label of two lines
_WINDOW = (1, 99.5)  # percentiles


def draw_overlay(diagnosis: Diagnosis, one: Slice, path: Path) -> None:
    """Writes a slice as PNG with a marker for each finding and a label: its place, grade and probability.

    The picture has the patient's proportions. Letters mark its edges: L and R are the patient's left and right, A is
    front, P back, H head, F feet.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    high, wide = np.multiply(one.pixels.shape, one.spacing)
    left = _BESIDE if any(_is_left(one, finding) for finding in diagnosis.on(one)) else _BELOW
    scale = min(_TALL / high, (_WIDE - left - _BESIDE) / wide)
    width, height = scale * wide, scale * high
    total, tall = max(left + width + _BESIDE, _LEAST), _ABOVE + height + _BELOW
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 8, "text.parse_math": False}):
        figure = Figure(figsize=(total, tall), facecolor="black")
        axes = figure.add_axes((left / total, _BELOW / tall, width / total, height / tall))
        low, bright = np.percentile(one.pixels, _WINDOW)
        axes.imshow(one.pixels, cmap="gray", vmin=low, vmax=max(bright, low + 1e-6), aspect="auto")
        axes.set_axis_off()
        for letter, x, y in zip(one.letters, (0.5, 0.98, 0.5, 0.02), (0.98, 0.5, 0.02, 0.5), strict=True):
            edge = axes.text(
                x, y, letter, transform=axes.transAxes, color="white", ha="center", va="center", fontsize=9
            )
            edge.set_path_effects([withStroke(linewidth=2, foreground="black")])
        figure.text(_BELOW / total, 1 - _BELOW / tall, title(diagnosis, one), color="white", va="top", linespacing=1.4)
        for at_left in (True, False):
            _label(
                axes,
                diagnosis,
                one,
                [finding for finding in diagnosis.on(one) if _is_left(one, finding) == at_left],
                at_left,
                _GAP / height,
            )
        figure.savefig(path, format="png", dpi=160, facecolor="black", bbox_inches=_with_labels(figure))


def _with_labels(figure: Figure) -> Bbox:
    """The part to draw, in inches: the figure, and beside it what long labels need."""
    from matplotlib.transforms import Bbox

    drawn = figure.get_tightbbox().padded(_BELOW)
    return Bbox.union([figure.bbox_inches, Bbox([[drawn.x0, 0], [drawn.x1, 0]])])


def title(diagnosis: Diagnosis, one: Slice) -> str:
    """The sequence and slice, and below them the subjects of the marks, such as `Foramen, Subarticular`."""
    instance = "" if one.instance is None else f", instance {one.instance}"
    subjects = dict.fromkeys(diagnosis.subject(finding) for finding in diagnosis.on(one))
    return f"{diagnosis.sequence(one.sequence)}, slice index {one.index}{instance}\n{', '.join(subjects)}".rstrip()


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Ascending places, 0 to 1, at least a gap apart, near to some ascending ones: one pass up and one down."""
    gap = min(gap, 1 / max(len(wanted) - 1, 1))
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + gap) if places else place)
    top = 1.0
    for i in range(len(places) - 1, -1, -1):
        places[i] = min(places[i], top)
        top = places[i] - gap
    return places


def _label(axes: Axes, diagnosis: Diagnosis, one: Slice, findings: list[Finding], at_left: bool, gap: float) -> None:
    from matplotlib.patheffects import withStroke

    several = len({diagnosis.subject(finding) for finding in diagnosis.on(one)}) > 1
    marks = [(finding.mark.y, finding.mark.x, finding) for finding in findings if finding.mark]
    marks.sort(key=lambda mark: mark[:2])
    heights = spread([(y + 0.5) / one.pixels.shape[0] for y, _, _ in marks], gap)
    for (y, x, finding), height in zip(marks, heights, strict=True):
        grade = diagnosis.classes.index(finding.grade)
        colour = COLOURS[grade % len(COLOURS)]
        words = f"{diagnosis.column(finding)}\n{diagnosis.row(finding)}" if several else diagnosis.place(finding)
        arrow: dict[str, Any] = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 5}
        axes.annotate(
            f"{words}\n{finding.grade} {diagnosis.probability(finding) * 100:.0f} %",
            (x, y),
            (-0.03 if at_left else 1.03, 1 - height),
            textcoords="axes fraction",
            ha="right" if at_left else "left",
            va="center",
            color=colour,
            arrowprops=arrow,
            annotation_clip=False,
        )
        marker = MARKERS[grade % len(MARKERS)]
        (point,) = axes.plot(x, y, marker, markersize=8, markerfacecolor="none", color=colour, markeredgewidth=1.6)
        point.set_path_effects([withStroke(linewidth=3, foreground="black")])


def _is_left(one: Slice, finding: Finding) -> bool:
    """Whether a finding's label goes left of the picture: if it lies in the left half of a slice of both sides."""
    if finding.mark is None or not set(one.letters) >= {"L", "R"}:
        return False
    return bool(finding.mark.x < (one.pixels.shape[1] - 1) / 2)
