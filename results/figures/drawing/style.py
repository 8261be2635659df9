"""How figures look: widths of journal columns, small type, and colours that differ for the colour-blind and in grey.

References:
    M. Okabe and K. Ito, Color universal design, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from results.run_folder import ResultsError

Width = Literal["single", "double"]
Given = ParamSpec("Given")

WIDTHS: dict[Width, float] = {"single": 89.0, "double": 183.0}
MILLIMETRES = 25.4
SMALL = 7.0
LINE = 3.4
KEY = 16.0
SPAN = 0.1
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#737373"
LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 3)))
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
RULES: Any = {
    "font.family": "DejaVu Sans",
    "font.size": SMALL,
    "axes.titlesize": SMALL + 0.5,
    "axes.labelsize": SMALL + 0.5,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "figure.titlesize": SMALL + 1,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "text.parse_math": False,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
}


class NothingToDrawError(ResultsError):
    """The run lacks what a figure shows; the message names it."""


class Drawing(Figure):
    """A matplotlib figure of a journal's width, with its caption.

    Args:
        width: 89 mm (`single`) or 183 mm (`double`).
        height: In mm.
    """

    caption: str = ""

    def __init__(self, width: Width, height: float) -> None:
        super().__init__(figsize=(WIDTHS[width] / MILLIMETRES, height / MILLIMETRES), layout="constrained")
        self.width = width

    def grow(self, height: float) -> None:
        """Adds to the height, in mm."""
        self.set_figheight(self.get_figheight() + height / MILLIMETRES)

    def savefig(self, fname: Any, **options: Any) -> None:
        """Saves it as matplotlib does, with TrueType fonts and no date, so that the same run gives the same bytes."""
        if options.get("format", Path(str(fname)).suffix[1:]) == "pdf":
            options.setdefault("metadata", {"CreationDate": None})
        with mpl.rc_context(RULES):
            super().savefig(fname, **options)

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def styled(draw: Callable[Given, Drawing]) -> Callable[Given, Drawing]:
    """Draws under the rules of this module, whatever the caller's own rules are."""

    @wraps(draw)
    def with_rules(*args: Given.args, **kwargs: Given.kwargs) -> Drawing:
        with mpl.rc_context(RULES):
            return draw(*args, **kwargs)

    return with_rules


def colour(i: int) -> str:
    """The colour of the i-th thing."""
    return COLOURS[i % len(COLOURS)]


def line(i: int) -> dict[str, Any]:
    """Colour and dashes of the i-th line; dashes keep lines apart in grey."""
    return {"color": colour(i), "linestyle": LINES[i % len(LINES)]}


def mark(i: int) -> dict[str, Any]:
    """Colour and marker of the i-th kind of point; a second round of markers is hollow."""
    hollow = (i // len(MARKERS)) % 2 == 1
    return {
        "color": colour(i),
        "marker": MARKERS[i % len(MARKERS)],
        "markerfacecolor": "white" if hollow else colour(i),
    }


def legend_below(figure: Drawing, handles: Sequence[Any]) -> None:
    """Adds a legend under all panels, for which the figure grows; long names are broken into lines."""
    if not handles:
        return
    full = WIDTHS[figure.width]
    least = 2 if figure.width == "double" and len(handles) > 1 else 1
    longest = max(text_width(str(h.get_label())) for h in handles)
    columns = max(least, min(int(full / (longest + KEY)), len(handles), 4))
    names = [wrapped(str(h.get_label()), full / columns - KEY) for h in handles]
    rows = -(-len(names) // columns)
    lines = max(sum(name.count("\n") + 1 for name in names[c * rows : (c + 1) * rows]) for c in range(columns))
    figure.grow(lines * LINE + 3)
    figure.legend(list(handles), names, loc="outside lower center", ncols=columns, labelspacing=0.3)


def titled(panels: Sequence[Axes], titles: Sequence[str]) -> None:
    """Names panels a, b, c as papers do, each with its title; a single panel has no letter.

    The figure grows for titles of several lines.
    """
    lines: dict[int, int] = {}
    for panel, name, title in zip(panels, "abcdefghijklmnopqrstuvwxyz", titles, strict=False):
        panel.set_title(f"{name}  {title}" if len(panels) > 1 else title, loc="left")
        place = panel.get_subplotspec()
        row = place.rowspan.start if place else 0
        lines[row] = max(lines.get(row, 0), title.count("\n"))
    figure = panels[0].figure
    if isinstance(figure, Drawing):
        figure.grow(sum(lines.values()) * (LINE + 0.2))


def auc_scale(values: Any) -> tuple[float, float]:
    """The ends of a scale of AUC that holds all values: at least 0.1 apart, so that small differences look small."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if high - low < SPAN:
        high = min((low + high + SPAN) / 2, 1.0)
        low = high - SPAN
    return low, high


def readable_on(background: Any) -> str:
    """Black or white, whichever has more contrast with a colour (WCAG 2 relative luminance)."""
    rgb = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(background)]
    return "black" if 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2] > 0.179 else "white"


def wrapped(words: str, widest: float) -> str:
    """Broken into lines of at most `widest` mm: at spaces, in a longer word after `(`, else after `_`, `=` or `+`."""
    lines = [""]
    for word in words.split(" "):
        halves = _after("(", word) if text_width(word) > widest else [word]
        parts = [part for half in halves for part in (_after("_=+", half) if text_width(half) > widest else [half])]
        for i, part in enumerate(parts or [""]):
            longer = f"{lines[-1]}{'' if i else ' '}{part}".strip()
            if lines[-1] and text_width(longer) > widest:
                lines.append(part)
            else:
                lines[-1] = longer
    return "\n".join(lines)


def _after(marks: str, word: str) -> list[str]:
    """A word in parts that end with one of some marks."""
    return re.findall(f"[^{marks}]*[{marks}]+|[^{marks}]+", word)


@lru_cache(maxsize=4096)
def text_width(words: str, size: float = SMALL) -> float:
    """The width of one line of text in mm."""
    if not words.strip():
        return 0.0
    font = FontProperties(family=RULES["font.family"], size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    return float(width) / 72 * MILLIMETRES
