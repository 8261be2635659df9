"""Labels of cells as columns of text left of a panel; steps that are too long for the page get a letter and a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from results.figures.drawing.style import SMALL, text_width
from results.scores.records import NOTHING, Record

GAP = 2.5
LETTER = 6.0


@dataclass(frozen=True)
class Columns:
    """Columns of text left of a panel.

    Args:
        headers: The headers of the columns.
        rows: The words of each row.
        widths: The widths of the columns in mm, gaps included.
        upright: Whether headers are turned.
        key: `A: resnet50(...)` for each step that got a letter.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    upright: bool = False
    key: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        """The width of all columns in mm."""
        return sum(self.widths)

    @property
    def above(self) -> float:
        """The height of the headers in mm."""
        return max(map(text_width, self.headers)) * 1.15 + 2 if self.upright else 5.0

    def draw(self, panel: Axes, panel_width: float) -> None:
        """Draws the columns left of a panel of `panel_width` mm, with rows at y = 0, 1, ... and headers above row 0."""
        x = -self.width / panel_width
        turned = {"rotation": 90, "va": "bottom"} if self.upright else {"va": "center"}
        places = panel.get_yaxis_transform()
        for j, width in enumerate(self.widths):
            y = -0.7 if self.upright else -1.0
            panel.text(x, y, self.headers[j], transform=places, fontweight="bold", **turned)
            for y, row in enumerate(self.rows):
                panel.text(x, y, row[j], transform=places, va="center")
            x += width / panel_width


def columns(records: Sequence[Record], axes: Sequence[str], widest: float, *, upright: bool = False) -> Columns:
    """Columns of at most `widest` mm if letters make that possible; the widest axes get letters first.

    Args:
        records: The cells.
        axes: The axes that are columns.
        widest: The largest width of all columns in mm.
        upright: Whether headers are turned, so that they take no width.
    """
    words = {axis: ["" if r[axis] in NOTHING else str(r[axis]) for r in records] for axis in axes}
    key: list[str] = []
    used = 0
    while True:
        headers = {axis: "" if upright else axis for axis in axes}
        widths = {axis: _width([headers[axis], *words[axis]]) for axis in axes}
        long = [axis for axis in axes if widths[axis] > max(_width([headers[axis]]), LETTER)]
        if sum(widths.values()) <= widest or not long:
            break
        axis = max(long, key=lambda axis: widths[axis])
        letters = {}
        for name in sorted(set(words[axis]) - {""}):
            letters[name] = _letter(used)
            used += 1
        key += [f"{short}:\N{NO-BREAK SPACE}{name}" for name, short in letters.items()]
        words[axis] = [letters.get(word, "") for word in words[axis]]
    rows = tuple(zip(*(words[axis] for axis in axes), strict=True)) if axes else tuple(() for _ in records)
    return Columns(tuple(axes), rows, tuple(widths[axis] for axis in axes), upright, tuple(key))


def _width(words: Sequence[str]) -> float:
    return max(text_width(word, SMALL) * (1.08 if i == 0 else 1.0) for i, word in enumerate(words)) + GAP


def _letter(i: int) -> str:
    return chr(ord("A") + i) if i < 26 else chr(ord("A") + i // 26 - 1) + chr(ord("A") + i % 26)
