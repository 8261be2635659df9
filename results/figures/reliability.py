"""Reliability diagrams: how often a class occurs, against its predicted probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import RESAMPLES, Chosen, Resampled, chosen
from results.figures.drawing.own_floors import OwnFloors, own_floors
from results.figures.drawing.style import COLOURS, GREY, Drawing, Width, styled, titled
from results.run_folder import Run
from results.scores.records import Record
from results.statistics.calibration import Reliability, bin_of, expected_error
from results.statistics.calibration import reliability as reliability_curve

Float64 = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True, eq=False)
class Bins:
    """Rows in bins of equal mass by their probability; rows of equal probability stay together.

    Each repeat has its own bins, and the b-th bins of all repeats make one point.

    Args:
        predicted: `(b,)` mean probability, b at most 10.
        observed: `(b,)` share of positives.
        low: `(b,)` lower end of the 95 % interval of `observed`, NaN without draws.
        high: `(b,)` upper end.
        each: The curve of each repeat.
        error: The expected calibration error: the mean over repeats, as tables have it.
    """

    predicted: Float64
    observed: Float64
    low: Float64
    high: Float64
    each: tuple[Reliability, ...]
    error: float


@styled
def reliability(
    run: Run, target: str, *, width: Width = "single", resamples: int = RESAMPLES, seed: int = 0
) -> Drawing:
    """Observed share against predicted probability of the best cell, in 10 bins of equal mass, above a histogram.

    With more than two classes there is a panel for each class against the rest.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.
        resamples: Draws of patients for the intervals.
        seed: The seed of the draws.

    Raises:
        NothingToDrawError: No cell of the target is done.

    References:
        A. Niculescu-Mizil and R. Caruana, Predicting good probabilities with supervised learning, 2005,
        doi:10.1145/1102351.1102430.
    """
    choice = chosen(run, target)
    best, K = choice.cells[0], len(choice.classes)
    shown = [(best, k) for k in (range(K) if K > 2 else [1])]
    floors = own_floors(run, [best], choice.floors, run.location)
    location = floors.of[best["key"]] if floors is not None and width == "double" and K == 2 else None
    if location is not None:
        shown.append((location, 1))
    found = choice.bootstrap([best, *([location] if location else [])], resamples=resamples, seed=seed)
    columns = min({"single": 2, "double": 3 if len(shown) <= 6 else 5}[width], len(shown))
    rows = -(-len(shown) // columns)
    figure = Drawing(width, rows * (84.0 if columns == 1 or (columns == 2 and width == "double") else 62.0))
    grid = figure.subplots(2 * rows, columns, squeeze=False, sharex=True, height_ratios=[3, 1] * rows)
    errors, titles, named = [], [], []
    for i in range(rows * columns):
        upper, lower = grid[2 * (i // columns), i % columns], grid[2 * (i // columns) + 1, i % columns]
        if i >= len(shown):
            upper.set_axis_off()
            lower.set_axis_off()
            continue
        record, k = shown[i]
        bins = equal_mass(found, record["key"], k)
        _panel(upper, lower, bins, found.P[record["key"]][:, k], first=i % columns == 0)
        lower.set_xlabel(f"Predicted probability\nof class {choice.classes[k]}")
        errors.append(f"{_name(choice, floors, record)}, class {choice.classes[k]}: {bins.error:.3f}")
        repeats = len(bins.each)
        whose = "" if location is None else "location, " if record["floor"] else "best cell, "
        titles.append(f"{whose}ECE {bins.error:.3f}")
        named.append(upper)
    titled(named, titles)
    beside = " and of location" if location is not None else ""
    pooled = ", in which the folds of a repeat are pooled" if run.crossed else ""
    each, mean = "", ""
    if repeats > 1:
        each = f" Thin lines: the {repeats} repeats; points join the bins of the same number of all repeats."
        mean = ", the mean over repeats of their distance from the dotted line, as in the table of calibration"
    figure.caption = (
        f"Reliability of {choice.name(best)} (best AUC){beside} for {target}; {choice.n_of(best)}. Up to {BINS} bins "
        f"of equal mass{pooled}. Points: share of the class against mean "
        f"probability; dotted line: perfect calibration.{each} Below: the share of samples. Expected calibration error "
        f"(ECE{mean}): {'; '.join(errors)}. Bars: {found.covers}{choice.picked}"
    )
    return figure


def _name(choice: Chosen, floors: OwnFloors | None, record: Record) -> str:
    return floors.named(record) if floors is not None and record["floor"] else choice.name(record)


def equal_mass(found: Resampled, key: str, k: int) -> Bins:
    """The bins of class k of a cell in each repeat, with intervals over patients; they are the same in all draws.

    Args:
        found: The rows and probabilities of some cells.
        key: The key of the cell.
        k: The class.
    """
    rows, p = found.rows[key], found.P[key][:, k]
    place = np.zeros(len(p), dtype=np.int64)
    repeats = [np.flatnonzero(rows.repeat == repeat) for repeat in np.unique(rows.repeat)]
    for at in repeats:
        place[at] = bin_of(p[at], bins=BINS)
    place = np.unique(place, return_inverse=True)[1]
    size, positive = int(place.max()) + 1, (rows.y == k).astype(np.float64)
    counts = found.counts(key)
    inside, hits = (
        np.bincount(rows.patient * size + place, weights=w, minlength=counts.shape[1] * size).reshape(-1, size)
        for w in (np.ones(len(p)), positive)
    )
    low, high = np.full((2, size), np.nan)
    if len(counts):
        drawn = counts @ inside
        shares = np.divide(counts @ hits, drawn, out=np.full_like(drawn, np.nan), where=drawn > 0)
        low, high = np.nanquantile(shares, [0.025, 0.975], axis=0)
    n = inside.sum(axis=0)
    each = tuple(reliability_curve(rows.y[at] == k, p[at], bins=BINS) for at in repeats)
    error = float(np.mean([expected_error(rows.y[at] == k, p[at], bins=BINS) for at in repeats]))
    return Bins(np.bincount(place, weights=p) / n, hits.sum(axis=0) / n, low, high, each, error)


def _panel(upper: Axes, lower: Axes, bins: Bins, p: Float64, *, first: bool) -> None:
    upper.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=0.9, zorder=0)
    for one in bins.each if len(bins.each) > 1 else ():
        upper.plot(one.predicted, one.observed, color=COLOURS[0], linewidth=0.5, alpha=0.45)
    upper.vlines(bins.predicted, bins.low, bins.high, color=COLOURS[0], linewidth=0.9)
    upper.plot(bins.predicted, bins.observed, color=COLOURS[0], marker="o")
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    lower.hist(
        p, bins=np.linspace(0, 1, 21).tolist(), weights=np.full(len(p), 100 / len(p)), color="0.75", edgecolor="0.3"
    )
    if first:
        upper.set_ylabel("Observed share\n(fraction)")
        lower.set_ylabel("Samples\n(%)")
    for panel in (upper, lower):
        panel.set_xticks(np.linspace(0, 1, 3))
        panel.tick_params(labelbottom=panel is lower)
    upper.set_yticks(np.linspace(0, 1, 6))


FIGURE = PaperFigure("Reliability of the best cell", reliability, order=70)
