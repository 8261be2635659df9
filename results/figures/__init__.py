"""The figures of a paper, drawn from a run folder; matplotlib is imported when one is drawn."""

from results.figures.drawing.draw import draw_all as draw_all
from results.figures.drawing.draw import draw_one as draw_one
from results.figures.leaderboard import leaderboard as leaderboard
