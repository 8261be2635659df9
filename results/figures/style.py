"""How figures look: widths of journal columns, small type, colours that the colour-blind and a grey printer keep apart.

References:
    M. Okabe and K. Ito, Color universal design, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from results.run_folder import ResultsError

Width = Literal["single", "double"]
Given = ParamSpec("Given")

WIDTHS: dict[Width, float] = {"single": 89.0, "double": 183.0}
MILLIMETRES = 25.4
SMALL = 7.0
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#737373"
LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 3)))
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
RULES: dict[str, Any] = {
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
    """The run lacks what a figure shows; the message says what."""


class Drawing(Figure):
    """A matplotlib figure of a journal's width that knows its caption.

    Args:
        width: 89 mm (`single`) or 183 mm (`double`).
        height: In mm.
    """

    caption: str = ""

    def __init__(self, width: Width, height: float) -> None:
        if width not in WIDTHS:
            raise ResultsError(f"no width '{width}': there is {', '.join(WIDTHS)}")
        super().__init__(figsize=(WIDTHS[width] / MILLIMETRES, height / MILLIMETRES), layout="constrained")

    def savefig(self, fname: Any, **options: Any) -> None:
        """As matplotlib's, with TrueType fonts and no date, so that the same run gives the same bytes."""
        if Path(str(fname)).suffix == ".pdf":
            options.setdefault("metadata", {"CreationDate": None})
        with mpl.rc_context(RULES):
            super().savefig(fname, **options)


def styled(draw: Callable[Given, Drawing]) -> Callable[Given, Drawing]:
    """Draws under the rules of this module, whatever the caller's own."""

    @wraps(draw)
    def with_rules(*args: Given.args, **kwargs: Given.kwargs) -> Drawing:
        with mpl.rc_context(RULES):
            return draw(*args, **kwargs)

    return with_rules


def colour(i: int) -> str:
    """The colour of the i-th thing."""
    return COLOURS[i % len(COLOURS)]


def line(i: int) -> dict[str, Any]:
    """Colour and dashes of the i-th line; dashes alone tell lines apart in grey."""
    return {"color": colour(i), "linestyle": LINES[i % len(LINES)]}


def mark(i: int) -> dict[str, Any]:
    """Colour and marker of the i-th kind of point; a second round of markers is hollow."""
    hollow = (i // len(MARKERS)) % 2 == 1
    return {
        "color": colour(i),
        "marker": MARKERS[i % len(MARKERS)],
        "markerfacecolor": "white" if hollow else colour(i),
    }


def legend_below(figure: Figure, handles: Sequence[Any], *, widest: float) -> None:
    """A legend under all panels, in as many columns as its longest name leaves room for.

    Args:
        figure: A figure.
        handles: Artists with labels.
        widest: The width of the figure in mm.
    """
    if not handles:
        return
    columns = int(widest / (max(text_width(str(h.get_label())) for h in handles) + 14))
    figure.legend(handles=list(handles), loc="outside lower center", ncols=max(1, min(columns, len(handles), 4)))


def letter(panels: Sequence[Axes]) -> None:
    """Names panels a, b, c as papers do; a single one stays without."""
    if len(panels) > 1:
        for panel, name in zip(panels, "abcdefghijklmnopqrstuvwxyz", strict=False):
            panel.set_title(name, loc="left", fontweight="bold", fontsize=SMALL + 1)


@lru_cache(maxsize=4096)
def text_width(words: str, size: float = SMALL) -> float:
    """The width of one line of text in mm."""
    if not words.strip():
        return 0.0
    with mpl.rc_context(RULES):
        return float(TextPath((0, 0), words, size=size).get_extents().width) / 72 * MILLIMETRES
