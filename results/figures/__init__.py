"""The figures of a paper: one file each, found by existing; matplotlib is imported when one is drawn."""

from results.figures.base import FIGURES as FIGURES
from results.figures.drawing.draw import draw_all as draw_all
from results.figures.drawing.draw import draw_one as draw_one
