"""Draws ROC and precision-recall curves of the best cells and of location, with bands over patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from results.figures.drawing.chosen import Chosen, Resampled, value, what_is_covered
from results.figures.drawing.curves import Curve, Kind, mean_curve
from results.figures.drawing.own_floors import own_floors
from results.figures.drawing.style import GREY, Drawing, Width, legend_below, line, titled
from results.scores.records import Record
from results.statistics.evaluate import evaluate
from results.statistics.metrics.average_precision import METRIC as AVERAGE_PRECISION
from results.statistics.uncertainty import interval, standard_error
from results.tables.formats import Score

BEST = 2
CLASSES = 7
LABELS: dict[Kind, tuple[str, str, str]] = {
    "roc": ("False-positive rate (fraction of negatives)", "True-positive rate\n(fraction of positives)", "AUC"),
    "precision_recall": ("Recall (fraction of positives)", "Precision (fraction\nof those called positive)", "AP"),
}


def ranked_curves(kind: Kind, choice: Chosen, width: Width, best: int, resamples: int, seed: int) -> Drawing:
    """The curves of the best cells and of `location`; arguments are those of the two figures."""
    cells = choice.cells[:best]
    floors = own_floors(choice.run, cells, choice.floors, choice.run.location)
    locations = floors.distinct if floors else []
    shown = [*cells, *locations]
    found = choice.bootstrap(shown, resamples=resamples, seed=seed)
    K = len(choice.classes)
    beside = width == "double"
    count = 1 if K == 2 else 2
    figure = Drawing(width, 78 if beside or count == 1 else 150)
    panels = list(np.atleast_1d(figure.subplots(1, count) if beside else figure.subplots(count, 1)))
    handles = []
    a = "(a) " if K > 2 else ""
    for i, record in enumerate(shown):
        style = _floor(i - len(cells)) if record["floor"] else line((0, 2)[i % 2])
        name = floors.named(record) if floors and record["floor"] else choice.name(record)
        curve = _curve(kind, found, record, list(range(K)) if K > 2 else [1])
        _line(panels[0], kind, curve, style, band=i == 0 or record["floor"])
        handles.append(Line2D([], [], label=f"{a}{name}: {_score(kind, found, record)}", **style))
    if K > 2:
        handles += _classes(panels[1], kind, choice, found)
    for panel in panels:
        _frame(panel, kind)
    handles.append(_chance(panels[0], kind, found, shown[0], K))
    if K > 2:
        titled(
            panels, ("mean over the classes", "best cell, by class" + (f" (first {CLASSES})" if K > CLASSES else ""))
        )
    legend_below(figure, handles)
    figure.caption = _caption(kind, choice, found, shown, len(locations))
    return figure


def _floor(i: int) -> dict[str, Any]:
    return {"color": "black", "linestyle": ("--", (0, (5, 1, 1, 1, 1, 1)))[i % 2]}


def _curve(kind: Kind, found: Resampled, record: Record, classes: list[int]) -> Curve:
    key = record["key"]
    return mean_curve(kind, found.rows[key], found.P[key], classes, found.counts(key))


def _line(panel: Axes, kind: Kind, curve: Curve, style: dict[str, Any], *, band: bool = True) -> None:
    if kind == "precision_recall":
        style = style | {"drawstyle": "steps-pre"}
    panel.plot(curve.x, curve.y, **style)
    if band and np.isfinite(curve.low).all():
        # At a false-positive rate of 1 every curve is 1, so there a band would end in a spike.
        inner = slice(None, -1 if kind == "roc" else None)
        step: Any = "pre" if kind == "precision_recall" else None
        x, low, high = curve.x[inner], curve.low[inner], curve.high[inner]
        panel.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0, step=step)
        for edge in (low, high):
            panel.plot(x, edge, **style | {"linewidth": 0.4, "alpha": 0.6})


def _classes(panel: Axes, kind: Kind, choice: Chosen, found: Resampled) -> list[Line2D]:
    handles = []
    for k, name in list(enumerate(choice.classes))[:CLASSES]:
        curve = _curve(kind, found, choice.cells[0], [k])
        style = line(k) | {"linewidth": 1.0}
        _line(panel, kind, curve, style, band=len(choice.classes) <= 3)
        area = float(np.trapezoid(curve.y, curve.x))
        handles.append(Line2D([], [], label=f"(b) class {name}: {LABELS[kind][2]} {area:.2f}", **style))
    return handles


def _chance(panel: Axes, kind: Kind, found: Resampled, record: Record, n_classes: int) -> Line2D:
    style: dict[str, Any] = {"color": GREY, "linestyle": ":", "linewidth": 0.9}
    if kind == "roc":
        for each in panel.figure.axes:
            each.plot([0, 1], [0, 1], zorder=0, **style)
        return Line2D([], [], label="prior (chance): 0.50", **style)
    y = found.rows[record["key"]].y
    share = float((y == 1).mean()) if n_classes == 2 else 1 / n_classes
    panel.axhline(share, zorder=0, **style)
    label = "prior (share of positives)" if n_classes == 2 else "(a) prior (mean share of a class)"
    return Line2D([], [], label=f"{label}: {share:.2f}", **style)


def _frame(panel: Axes, kind: Kind) -> None:
    across, up, _ = LABELS[kind]
    panel.set(xlabel=across, ylabel=up, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    panel.set_xticks(np.linspace(0, 1, 6))
    panel.set_yticks(np.linspace(0, 1, 6))


def _score(kind: Kind, found: Resampled, record: Record) -> str:
    """The stored AUC, as tables have it; average precision, which tables leave out, from the same draws."""
    if kind == "roc":
        words = value(record)
    else:
        rows, P = found.rows[record["key"]], found.P[record["key"]]
        area = evaluate(AVERAGE_PRECISION, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
        error = standard_error(AVERAGE_PRECISION, rows, found.draws.by_repeat(AVERAGE_PRECISION, rows, P))
        words = Score(area, *interval(AVERAGE_PRECISION, rows, area, error)).text()
    return f"{LABELS[kind][2]} {words}".replace(" ", "\N{NO-BREAK SPACE}")


def _caption(kind: Kind, choice: Chosen, found: Resampled, shown: Sequence[Record], location: int) -> str:
    what, at, score = (
        ("ROC curves", "false-positive rate", "AUC")
        if kind == "roc"
        else ("Precision-recall curves", "recall", "average precision (AP)")
    )
    more = ", each class against the rest" if len(choice.classes) > 2 else f", class {choice.classes[-1]}"
    beside = " and location alone" if location else ""
    if location > 1:
        beside += " on the sequences and the region of each"
    by_class = ", and of each of its classes" if len(choice.classes) == 3 else ""
    high = (
        ""
        if kind == "roc"
        else " Patients who are drawn twice raise the precision of small test parts, so bands lie too high."
    )
    banded = f" (of the best cell{' and location' if location else ''}{by_class})"
    averaged = (
        f" Curves of folds are averaged at each {at}, weighted by their number of positive-negative pairs, and then "
        f"over repeats. So the area is the fold-wise {score}, and scores of two fits are never compared."
        if choice.run.crossed
        else ""
    )
    return (
        f"{what} for {choice.target}{more}: the best cells{beside}; {choice.n_among(shown)}.{averaged} "
        f"Bands{banded} are pointwise: {found.covers}{high} [ ]: 95 %, {what_is_covered(choice.run)}.{choice.picked}"
    )
