"""A figure of a paper: a record with its function, its title and its place among the figures.

A file of this folder holds one figure, `FIGURE = PaperFigure(...)`. The name of the file is the name of the figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Literal

from results.found import Found

if TYPE_CHECKING:
    from results.figures.drawing.style import Drawing


@dataclass(frozen=True)
class PaperFigure:
    """A figure that is drawn for every run that has data for it.

    Args:
        title: What it shows, in a few words.
        draw: Called with a run (`results.run_folder.Run`), the name of a target if `of` is `target`, and `width`
            (`single` or `double`); gives a `Drawing` with its caption, or raises `NothingToDrawError`.
        of: Whether there is one for each `target` or one for the `run`.
        order: Its place among the figures; the lowest comes first.
        scans: Whether it shows scans of patients, which `report --no-panels` leaves out.
        when: `figures`: drawn by the commands `figures` and `report`; `run`: drawn with the tables when a run ends.
    """

    title: str
    draw: Callable[..., Drawing]
    _: KW_ONLY
    of: Literal["target", "run"] = "target"
    order: int = 1000
    scans: bool = False
    when: Literal["figures", "run"] = "figures"


FIGURES: Found[PaperFigure] = Found("results.figures", "FIGURE", (PaperFigure,), "figure")
"""Every figure by the name of its file, in the order of a paper."""
