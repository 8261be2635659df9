"""Decision curves: the net benefit of the best cell, compared with treating all and treating none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import RESAMPLES, Chosen, Resampled, chosen
from results.figures.drawing.own_floors import own_floors
from results.figures.drawing.style import GREY, WIDTHS, Drawing, Width, legend_below, line, styled, titled, wrapped
from results.run_folder import Run
from results.scores.records import NOTHING, Record
from results.statistics.bootstrap import PredictedRows
from results.statistics.decision import THRESHOLDS, decision_curve

Float64 = NDArray[np.float64]
CLASSES = 9
COLUMNS: dict[Width, int] = {"single": 2, "double": 3}
ALL: dict[str, Any] = {"color": "black", "linestyle": (0, (6, 2)), "linewidth": 0.9}
NONE: dict[str, Any] = {"color": "black", "linestyle": "-", "linewidth": 0.6}
FLOORS: tuple[tuple[str, Any], ...] = (
    (GREY, (0, (3, 1, 1, 1))),
    (GREY, (0, (1, 1))),
    (GREY, (0, (2, 2))),
    (GREY, (0, (8, 1, 1, 1, 1, 1))),
    (GREY, "-"),
    ("0.7", (0, (4, 1))),
    ("0.7", "-"),
)
"""Each floor has its own line, in the order in which the grid has them."""


@dataclass(frozen=True, eq=False)
class Benefit:
    """Net benefit of one cell for one class, in true positives per sample.

    Args:
        value: `(t,)` at `results.statistics.decision.THRESHOLDS`.
        low: `(t,)` lower end of the pointwise 95 % band, NaN without draws.
        high: `(t,)` upper end.
        gain_low: `(t,)` lower end of the gain over the better of treating all and treating none.
    """

    value: Float64
    low: Float64
    high: Float64
    gain_low: Float64


@styled
def decision_curves(
    run: Run, target: str, *, width: Width = "single", resamples: int = RESAMPLES, seed: int = 0
) -> Drawing:
    """Net benefit against threshold probability for the best cell, floors, treating all and treating none.

    With more than two classes there is a panel for each class against the rest.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.
        resamples: Draws of patients for the band.
        seed: The seed of the draws.

    Raises:
        NothingToDrawError: No cell of the target is done.

    References:
        A. J. Vickers and E. B. Elkin, Decision curve analysis, 2006, doi:10.1177/0272989X06295361.
    """
    choice = chosen(run, target)
    best, K = choice.cells[0], len(choice.classes)
    classes = list(range(K))[:CLASSES] if K > 2 else [1]
    own = _own_floors(choice)
    found = choice.bootstrap([best, *own.values()], resamples=resamples, seed=seed, recalibrated=True)
    # On other samples the share of events is another.
    floors = [floor for floor in own.values() if found.rows[floor["key"]] is found.rows[best["key"]]]
    lines = {floor["key"]: _floor(i) for i, floor in enumerate(own.values())}
    columns = min(COLUMNS[width], len(classes))
    rows = -(-len(classes) // columns)
    figure = Drawing(width, (64.0 if columns == 1 else 54.0) * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    worth, titles = [], []
    for k, panel in zip(classes, grid.flat, strict=False):
        benefit = net_benefit(found.rows[best["key"]], found.P[best["key"]], k, found.counts(best["key"]))
        rate = _panel(panel, found, best, floors, lines, k, benefit)
        worth.append(f"{_named(choice, k)}{_better(benefit)}")
        titles.append(
            wrapped(f"class {choice.classes[k]} ({100 * rate:.0f}\N{NO-BREAK SPACE}%)", WIDTHS[width] / columns - 20)
        )
    for panel in grid[:, 0]:
        panel.set_ylabel("Net benefit (true\npositives per sample)")
    for panel in grid.flat[len(classes) :]:
        panel.set_axis_off()
    titled(list(grid.flat[: len(classes)]), titles)
    handles = [Line2D([], [], label=choice.name(best), **line(0))]
    handles += [Line2D([], [], label=choice.name(floor), **lines[floor["key"]]) for floor in floors]
    legend_below(
        figure, [*handles, *(Line2D([], [], label=f"treat {n}", **s) for n, s in (("all", ALL), ("none", NONE)))]
    )
    figure.caption = _caption(choice, best, found, worth, len(floors))
    return figure


def net_benefit(rows: PredictedRows, P: Float64, k: int, counts: Float64) -> Benefit:
    """The net benefit of treating where the probability of class k reaches a threshold; folds and repeats are pooled.

    Args:
        rows: The rows of the predictions.
        P: `(n, K)` probabilities.
        k: The class.
        counts: `(B, P)`: the number of times that each patient is drawn; B may be 0.
    """
    event, p = rows.y == k, P[:, k]
    value = decision_curve(event, p).model
    if not len(counts):
        nothing = np.full(len(THRESHOLDS), np.nan)
        return Benefit(value, nothing, nothing, nothing)
    size = counts.shape[1]
    n, events = (counts @ np.bincount(rows.patient, weights=w, minlength=size) for w in (np.ones(len(p)), event))
    treated = (p >= THRESHOLDS[:, None]).astype(np.float64)
    true, false = (
        counts @ np.stack([np.bincount(rows.patient, weights=t * which, minlength=size) for t in treated], axis=1)
        for which in (event, ~event)
    )
    odds, rate = THRESHOLDS / (1 - THRESHOLDS), (events / n)[:, None]
    drawn = (true - false * odds) / n[:, None]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    gain = drawn - np.maximum(rate - (1 - rate) * odds, 0)
    return Benefit(value, low, high, np.quantile(gain, 0.025, axis=0))


def _own_floors(choice: Chosen) -> dict[str, Record]:
    """The floors that the best cell is compared with, by name."""
    best = choice.cells[0]
    found = {name: own_floors(choice.run, [best], choice.floors, name) for name in map(choice.name, choice.floors)}
    return {name: own.of[best["key"]] for name, own in found.items() if own is not None}


def _floor(i: int) -> dict[str, Any]:
    colour, dashes = FLOORS[i % len(FLOORS)]
    return {"color": colour, "linewidth": 1.0, "linestyle": dashes}


def _panel(
    panel: Axes,
    found: Resampled,
    best: Record,
    floors: Sequence[Record],
    lines: Mapping[str, dict[str, Any]],
    k: int,
    benefit: Benefit,
) -> float:
    """Draws one class and gives its share of the samples."""
    event = found.rows[best["key"]].y == k
    own = decision_curve(event, found.P[best["key"]][:, k])
    rate = float(event.mean())
    panel.plot(THRESHOLDS, own.treat_none, zorder=1, **NONE)
    panel.plot(THRESHOLDS, own.treat_all, zorder=1, **ALL)
    for floor in floors:
        own_curve = decision_curve(event, found.P[floor["key"]][:, k]).model
        panel.plot(THRESHOLDS, own_curve, zorder=2, **lines[floor["key"]])
    panel.fill_between(THRESHOLDS, benefit.low, benefit.high, color=line(0)["color"], alpha=0.18, linewidth=0)
    panel.plot(THRESHOLDS, benefit.value, zorder=3, **line(0))
    worthless = THRESHOLDS[benefit.value <= 0]
    right = min(1.0, np.ceil(10 * max(0.2, rate, float(worthless.min(initial=1.0)))) / 10 + 0.1)
    panel.set(xlim=(0, right), ylim=(-0.2 * rate, 1.1 * np.nanmax([rate, benefit.value[0], benefit.high[0]])))
    panel.xaxis.set_major_locator(MaxNLocator(5))
    panel.yaxis.set_major_locator(MaxNLocator(5))
    panel.set_xlabel("Threshold (probability)")
    return rate


def _named(choice: Chosen, k: int) -> str:
    return f"class {choice.classes[k]}: " if len(choice.classes) > 2 else ""


def _better(benefit: Benefit) -> str:
    """The thresholds at which the interval of the gain over treating all and none is above 0: `0.10 to 0.40`."""
    above = np.flatnonzero(benefit.gain_low > 0)
    if not len(above):
        return "nowhere"
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1)
    spans = [(THRESHOLDS[run[0]], THRESHOLDS[run[-1]]) for run in runs]
    return ", ".join(f"{low:.2f} to {high:.2f}" if high > low else f"{low:.2f}" for low, high in spans)


def _caption(choice: Chosen, best: Record, found: Resampled, worth: Sequence[str], floors: int) -> str:
    K = len(choice.classes)
    which = ", each class against the rest" if K > 2 else f", class {choice.classes[1]}"
    first = f" The first {CLASSES} of {K} classes are shown." if K > CLASSES else ""
    beside = ", of floors on the same samples" if floors else ""
    pooled = " Folds are pooled, and repeats are averaged." if choice.run.crossed else ""
    gain = (
        " The interval of its gain over the better of treating all and treating none lies above 0 at these thresholds, "
        f"each taken by itself: {'; '.join(worth)}."
        if len(found.draws.counts)
        else ""
    )
    balanced = ""
    if choice.predictions(best).recalibrated is not None:
        balanced = f" Its training rows were balanced ({best['balance']}), so its recalibrated probabilities are used."
    elif best.get("balance", "none") not in NOTHING:
        balanced = f" Its training rows were balanced ({best['balance']}); its probabilities are not recalibrated."
    return (
        f"Decision curves of {choice.target}{which}: net benefit (true positives per sample, minus false positives "
        f"weighted by the odds of the threshold; Vickers and Elkin 2006) of {choice.name(best)} (best AUC){beside}, of "
        f"treating all and of treating none; {choice.n_of(best)}. A sample is treated if its probability reaches the "
        f"threshold.{pooled} In brackets: the share of the class. An axis ends soon after the first threshold at which "
        f"the cell has no net benefit.{first} Band: pointwise, {found.covers}{gain}{balanced}{choice.picked}"
    )


FIGURE = PaperFigure("Decision curves of the best cell", decision_curves, order=80)
