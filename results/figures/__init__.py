"""The figures of a paper: one file each, found by existing; matplotlib is imported when one is drawn."""

from results.figures.base import PaperFigure
from results.found import Found

FIGURES: Found[PaperFigure] = Found("results.figures", "FIGURE", (PaperFigure,), "figure")
"""Every figure by the name of its file, in the order of a paper."""

from results.figures.drawing.draw import draw_all as draw_all  # noqa: E402 (it reads FIGURES)
from results.figures.drawing.draw import draw_one as draw_one  # noqa: E402
