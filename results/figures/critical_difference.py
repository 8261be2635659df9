"""Critical-difference diagram: mean ranks of the cells over targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from results.figures.chosen import Chosen, chosen
from results.figures.style import (
    COLOURS,
    LINE,
    WIDTHS,
    Drawing,
    NothingToDrawError,
    Width,
    styled,
    wrapped,
)
from results.run_folder import Run

Float64 = NDArray[np.float64]
TARGETS = 3
SHOWN = 20
ROW = 4.2


@dataclass(frozen=True, eq=False)
class Ranks:
    """How cells rank over targets.

    Args:
        mean: `(k,)` mean rank, 1 for the best.
        friedman_p: Of the Friedman test.
        critical: Nemenyi's critical difference of mean ranks at .05.
    """

    mean: Float64
    friedman_p: float
    critical: float


@styled
def critical_difference(run: Run, *, width: Width = "double", shown: int = SHOWN) -> Drawing:
    """Mean ranks by AUC of the cells that are done for every target; bars join what Nemenyi's test does not part.

    Args:
        run: A run folder with at least three targets.
        width: Of the figure.
        shown: The number of cells at most.

    Raises:
        NothingToDrawError: Fewer than three targets, or fewer than three cells that are done for all of them.

    References:
        J. Demšar, Statistical comparisons of classifiers over multiple data sets, 2006, JMLR 7:1-30.
    """
    names, scores = _table(run)
    if len(scores) < TARGETS or len(names) < TARGETS:
        there = f"there are {len(scores)} and {len(names)}"
        raise NothingToDrawError(f"ranks need {TARGETS} targets and as many cells that are done for all: {there}")
    ranks = rank(scores)
    order = np.argsort(ranks.mean, kind="stable")[:shown]
    means, drawn = ranks.mean[order], [wrapped(names[i], WIDTHS[width] * 0.42) for i in order]
    bars = _together(means, ranks.critical)
    tall = max(ROW, LINE * max(name.count("\n") + 1 for name in drawn) + 0.8)
    height = tall * (len(drawn) + 2) + 22
    figure = Drawing(width, height)
    panel = figure.subplots()
    y = np.arange(len(drawn), dtype=np.float64)
    panel.hlines(y, 0.5, means, color="0.9", linewidth=0.6, zorder=0)
    panel.plot(means, y, "o", color=COLOURS[0])
    for place, mean in zip(y, means, strict=True):
        panel.annotate(f"{mean:.1f}", (mean, place), (4, 0), textcoords="offset points", va="center")
    for number, (first, last) in enumerate(bars):
        x = 1.02 + 0.03 * number
        panel.plot(
            [x, x],
            [y[first] - 0.25, y[last] + 0.25],
            color="black",
            linewidth=1.8,
            solid_capstyle="butt",
            transform=panel.get_yaxis_transform(),
            clip_on=False,
        )
    panel.errorbar(1 + ranks.critical / 2, -1.1, xerr=ranks.critical / 2, color="black", capsize=2, linewidth=0.9)
    words = f"critical difference {ranks.critical:.1f}"
    panel.annotate(words, (1, -1.1), (0, 4), textcoords="offset points", va="bottom")
    panel.set_yticks(y, drawn)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.set_ylim(len(drawn) - 0.4, -2.3)
    panel.set_xlim(0.5, max(means.max() * 1.35, 1 + ranks.critical))
    panel.xaxis.set_major_locator(MaxNLocator(min(8, len(names)), integer=True))
    panel.set_xlabel(f"Mean rank by AUC (1: best of {len(names)} cells)")
    more = f" The best {shown} of {len(names)} cells are shown." if len(names) > shown else ""
    figure.caption = (
        f"Mean ranks by AUC of {len(names)} cells over {len(scores)} targets ({', '.join(run.targets)}). Friedman "
        f"test: p = {ranks.friedman_p:.3f}. A vertical bar joins cells whose mean ranks differ by less than Nemenyi's "
        f"critical difference at .05 ({ranks.critical:.2f}). Targets of the same patients are not independent, and few "
        f"targets can tell little apart; ranks of cells on different samples are only a hint.{more}"
    )
    return figure


def rank(scores: Float64) -> Ranks:
    """Friedman's test and Nemenyi's critical difference.

    Args:
        scores: `(targets, k)`; higher is better.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    n, k = scores.shape
    q = float(studentized_range.ppf(0.95, k, np.inf)) / np.sqrt(2)
    p = float(friedmanchisquare(*scores.T).pvalue) if np.ptp(scores, axis=1).any() else 1.0
    return Ranks(np.asarray(rankdata(-scores, axis=1).mean(axis=0)), p, float(q * np.sqrt(k * (k + 1) / (6 * n))))


def _table(run: Run) -> tuple[list[str], Float64]:
    """The names of the cells that are done for every target that has any, and their `(targets, k)` AUC."""
    found: list[tuple[Chosen, dict[tuple[str, ...], float]]] = []
    for target in run.targets:
        try:
            of = chosen(run, target)
        except NothingToDrawError:
            continue
        scores = {tuple(of.by_key[c["key"]].axes.values()): float(c["auc"]) for c in of.cells if np.isfinite(c["auc"])}
        found.append((of, scores))
    if not found:
        return [], np.empty((0, 0))
    first = found[0][0]
    steps = {tuple(first.by_key[c["key"]].axes.values()): first.name(c) for c in first.cells}
    common = [step for step in steps if all(step in scores for _, scores in found)]
    return [steps[step] for step in common], np.array([[scores[step] for step in common] for _, scores in found])


def _together(means: Float64, critical: float) -> list[tuple[int, int]]:
    """The longest runs of ascending mean ranks within the critical difference, as first and last position."""
    runs: list[tuple[int, int]] = []
    for first in range(len(means)):
        last = int(np.searchsorted(means, means[first] + critical, side="left")) - 1
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return runs
