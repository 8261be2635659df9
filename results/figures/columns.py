"""Labels of cells as columns of text beside a panel; steps too long for the page get a letter and a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes

from results.figures.chosen import EMPTY, Record
from results.figures.style import SMALL, text_width

GAP = 2.5


@dataclass(frozen=True)
class Columns:
    """The text beside rows.

    Args:
        headers: Of the columns.
        rows: The words of each row.
        widths: Of the columns in mm, gaps included.
        key: `A: resnet50(...)` for what got a letter.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    key: tuple[str, ...] = field(default=())

    @property
    def width(self) -> float:
        """Of all columns in mm."""
        return sum(self.widths)

    def draw(self, panel: Axes, panel_width: float) -> None:
        """Left of a panel of `panel_width` mm whose rows are at y = 0, 1, ...; headers stand above row 0."""
        x = -self.width / panel_width
        lines = [(-1.0, self.headers, "bold"), *((float(y), row, "normal") for y, row in enumerate(self.rows))]
        for j, width in enumerate(self.widths):
            for y, words, weight in lines:
                panel.text(
                    x, y, words[j], transform=panel.get_yaxis_transform(), va="center", fontweight=weight, clip_on=False
                )
            x += width / panel_width


def columns(records: Sequence[Record], axes: Sequence[str], widest: float) -> Columns:
    """Columns of at most `widest` mm, if letters can bring them there; the widest axes get letters first.

    Args:
        records: The cells.
        axes: The axes that are columns.
        widest: In mm.
    """
    words = {axis: ["" if r[axis] in EMPTY else str(r[axis]) for r in records] for axis in axes}
    key: list[str] = []
    used = 0
    while True:
        widths = {axis: _width([axis, *words[axis]]) for axis in axes}
        long = [axis for axis in axes if max(map(len, words[axis])) > 3 and _saves(axis, words[axis])]
        if sum(widths.values()) <= widest or not long:
            break
        axis = max(long, key=lambda axis: widths[axis])
        letters = {}
        for name in sorted(set(words[axis]) - {""}):
            letters[name] = _letter(used)
            used += 1
        key += [f"{short}: {name}" for name, short in letters.items()]
        words[axis] = [letters.get(word, "") for word in words[axis]]
    rows = tuple(zip(*(words[axis] for axis in axes), strict=True)) if axes else tuple(() for _ in records)
    return Columns(tuple(axes), rows, tuple(widths[axis] for axis in axes), tuple(key))


def _width(words: Sequence[str]) -> float:
    return max(text_width(word, SMALL) * (1.08 if i == 0 else 1.0) for i, word in enumerate(words)) + GAP


def _saves(axis: str, words: Sequence[str]) -> bool:
    return _width([axis, *words]) > _width([axis])


def _letter(i: int) -> str:
    return chr(ord("A") + i) if i < 26 else chr(ord("A") + i // 26 - 1) + chr(ord("A") + i % 26)
