"""The AUC of every cell of a target in one picture, drawn when a run ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import short_labels, span, table, what_is_covered
from results.figures.drawing.closing import about
from results.figures.drawing.own_floors import OwnFloors, differing, own_floors
from results.figures.drawing.style import (
    COLOURS,
    MILLIMETRES,
    SMALL,
    Drawing,
    NothingToDrawError,
    Width,
    text_width,
    wrapped,
)
from results.run_folder import Run
from results.scores import reconstruction
from results.scores.records import Record, records

if TYPE_CHECKING:
    import pandas as pd

SHADES = (*COLOURS, "#999999")
MARKERS = "osD^vP"
COLUMNS = 4
ROW = 0.13
LEGEND = 9
TITLE = 11
WORDS = 8
OTHERS: dict[str, tuple[Any, str, str]] = {
    "pixels": ("--", "x", "16 x 16 pixels"),
    "clinical": ("-.", "+", "clinical columns"),
    "presence": ((0, (6, 5)), "1", "which sequences there are"),
}
"""The floors beside chance and location by what they read: their line, their mark where rows differ, their name."""

MARK: dict[str, Any] = {"color": "0.25", "linestyle": "none", "markersize": 5.0, "markeredgewidth": 1.2}
KEY = 18.0
WIDEST = 42.0


def leaderboard(run: Run, target: str, *, width: Width = "double") -> Drawing:
    """The AUC of every cell of a target with its interval, and the floors.

    There is a panel for each encoder, best first, and a row for each head; colours and marks show the other axes that
    vary, in the order of the grid. The dotted line is chance, the band the AUC of `location` with its interval, other
    lines those of `pixels`, `clinical` and `presence`. Where rows differ in a floor, or some have none, each has a mark
    at its own. The picture says below what it shows, since it lies in the run folder without a caption. It is as large
    as its panels need.

    Args:
        run: A run folder.
        target: One of its targets.
        width: Not used.

    Raises:
        NothingToDrawError: No cell of the target is done.
    """
    scores = table(run)
    done = scores[(scores["target"] == target) & (scores["status"] == "done")]
    cells, floors = done[~done["floor"]].sort_values("auc", ascending=False), done[done["floor"]]
    if cells.empty:
        raise NothingToDrawError(f"no cell of target '{target}' is done: there is nothing to draw")
    shown_cells = records(cells)
    drawn: dict[str, OwnFloors] = {}
    for name, reads in run.floors.items():
        if reads not in drawn and (own := own_floors(run, shown_cells, records(floors), name)) is not None:
            drawn[reads] = own
    location, others = drawn.get("locations"), {reads: drawn[reads] for reads in OTHERS if reads in drawn}
    cells = cells.assign(**short_labels(run, cells))
    varying = [axis for axis in run.axes if len(set(cells[axis])) > 1]
    variants = [axis for axis in varying if axis not in ("encoders", "heads")]
    encoders, heads = list(cells["encoders"].unique()), list(cells["heads"].unique())
    styles = _styles(run, cells, variants)

    rows = -(-len(encoders) // COLUMNS)
    columns = -(-len(encoders) // rows)
    height = ROW * (len(styles) + 1.5) * len(heads)
    figure = Drawing(width, 0.0)
    figure.set_size_inches(2.0 + 2.6 * columns, rows * (height + 0.65) + 0.9)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for panel in panels.flat[len(encoders) :]:
        panel.set_axis_off()
    for panel, encoder in zip(panels.flat, encoders, strict=False):
        panel.axvline(0.5, color="0.45", linestyle=":", linewidth=1.2, zorder=1)
        _panel(panel, cells[cells["encoders"] == encoder], heads, variants, styles, location, others)
        lines = encoder.replace("(", "\n(").split("\n")
        panel.set_title("\n".join(wrapped(line, WIDEST) for line in lines), fontsize=10)
    keys = _floor_keys(location, others)
    words = (
        f"Bars: 95 %, {what_is_covered(run)}.{run.compares}"
        f"{_chosen(shown_cells)}{differing(own for own in (location, *others.values()) if own is not None)}"
        + about(run, target)
        + "".join(f" {note}" for note in reconstruction.notes(run, list(cells["key"])))
    )
    _finish(figure, panels, heads, variants, styles, keys, _title(target, cells), words)
    figure.caption = f"{_title(target, cells)}. {words}"
    return figure


def _chosen(cells: Sequence[Record]) -> str:
    n = len(cells)
    return f" The best of {n} cells was chosen on the same data, so its score may be optimistic." if n > 1 else ""


def _styles(run: Run, cells: pd.DataFrame, variants: list[str]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Colour by the first axis that varies; up to 12 differ by mark and filling alone.

    Both follow the order of the grid, so that a step looks the same for every target.
    """
    own = [cell for cell in run.cells if not cell.floor]
    order = {axis: list(dict.fromkeys(cell.axes[axis] for cell in own)) for axis in variants}
    by_key = {cell.key: tuple(order[axis].index(cell.axes[axis]) for axis in variants) for cell in own}
    places = sorted(set(by_key.values()))
    labels = {tuple(cell[axis] for axis in variants): by_key[cell["key"]] for cell in records(cells)}
    styles = {}
    for shown, place in sorted(labels.items(), key=lambda one: one[1]):
        i = places.index(place)
        colour = SHADES[(place[0] if place else 0) % len(SHADES)]
        filling = colour if (i // len(MARKERS)) % 2 == 0 else "white"
        styles[shown] = {"color": colour, "marker": MARKERS[i % len(MARKERS)], "markerfacecolor": filling}
    return styles


def _panel(
    panel: Any,
    cells: pd.DataFrame,
    heads: list[str],
    variants: list[str],
    styles: dict[tuple[str, ...], dict[str, Any]],
    location: OwnFloors | None,
    others: Mapping[str, OwnFloors],
) -> None:
    lanes = {labels: (i - (len(styles) - 1) / 2) / (len(styles) + 1.5) for i, labels in enumerate(styles)}
    _shared_floors(panel, location, others)
    for cell in cells.to_dict("records"):
        labels = tuple(cell[axis] for axis in variants)
        y = heads.index(cell["heads"]) + lanes[labels]
        _floors_of_row(panel, y, 0.5 / (len(styles) + 1.5), cell["key"], location, others)
        error = [[cell["auc"] - cell["auc_low"]], [cell["auc_high"] - cell["auc"]]]
        ends = None if np.isnan(error).any() else np.maximum(error, 0)
        panel.errorbar(cell["auc"], y, xerr=ends, markersize=4, linewidth=1.1, markeredgewidth=1.1, **styles[labels])
    for between in range(1, len(heads)):
        panel.axhline(between - 0.5, color="0.9", linewidth=0.8, zorder=0)


def _shared_floors(panel: Any, location: OwnFloors | None, others: Mapping[str, OwnFloors]) -> None:
    """Lines for the floors that all rows share."""
    for reads, own in others.items():
        if (one := own.shared) is not None:
            panel.axvline(one["auc"], color="0.45", linestyle=OTHERS[reads][0], linewidth=1.2, zorder=1)
    if location is not None and (one := location.shared) is not None:
        panel.axvspan(one["auc_low"], one["auc_high"], color="0.92", linewidth=0, zorder=0)
        panel.axvline(one["auc"], color="0.45", linewidth=1.2, zorder=1)


def _floors_of_row(
    panel: Any, y: float, half: float, key: str, location: OwnFloors | None, others: Mapping[str, OwnFloors]
) -> None:
    """Marks at the floors of one row, where rows differ in them; `half` is half the height of a row."""
    if location is not None and location.shared is None and (one := location.of.get(key)) is not None:
        panel.fill_betweenx([y - half, y + half], one["auc_low"], one["auc_high"], color="0.92", linewidth=0, zorder=0)
        panel.vlines(one["auc"], y - half, y + half, color="0.45", linewidth=1.2, zorder=1)
    for reads, own in others.items():
        if own.shared is None and (one := own.of.get(key)) is not None:
            panel.plot(one["auc"], y, zorder=1.5, marker=OTHERS[reads][1], **MARK)


def _floor_keys(location: OwnFloors | None, others: Mapping[str, OwnFloors]) -> list[Line2D]:
    keys = [Line2D([], [], color="0.45", linestyle=":", label="prior (chance)")]
    if location is not None:
        by_row = "" if location.shared is not None else ", by row"
        keys.append(Line2D([], [], color="0.45", label=f"location alone, with interval{by_row}"))
    for reads, own in others.items():
        line, mark, name = OTHERS[reads]
        if own.shared is not None:
            keys.append(Line2D([], [], color="0.45", linestyle=line, label=name))
        else:
            keys.append(Line2D([], [], marker=mark, label=f"{name}, by row", **MARK))
    return keys


def _name(variants: list[str], labels: tuple[str, ...]) -> str:
    named = [f"no {axis}" if label == "none" else label for axis, label in zip(variants, labels, strict=True)]
    return ", ".join(named) or "cell"


def _title(target: str, cells: pd.DataFrame) -> str:
    patients, samples = (span({int(n) for n in cells[f"n_{unit}"]}) for unit in ("patients", "samples"))
    return f"{target}: AUC with 95 % interval, {patients} patients, {samples} samples"


def _finish(
    figure: Any,
    panels: Any,
    heads: list[str],
    variants: list[str],
    styles: dict[tuple[str, ...], dict[str, Any]],
    floors: Sequence[Line2D],
    title: str,
    words: str,
) -> None:
    first = panels.flat[0]
    first.set_yticks(range(len(heads)), heads)
    first.set_ylim(len(heads) - 0.5, -0.5)
    for panel in panels.flat:
        panel.tick_params(axis="y", length=0)
        panel.tick_params(labelsize=9)
        panel.spines[["top", "right", "left"]].set_visible(False)
    drawn = sum(panel.axison for panel in panels.flat)
    for panel in panels.flat[max(0, drawn - panels.shape[1]) : drawn]:  # those without a panel below
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("AUC", fontsize=9)
    keys = [Line2D([], [], label=_name(variants, labels), **style) for labels, style in styles.items()]
    keys += floors
    full = figure.get_figwidth() * MILLIMETRES
    figure.suptitle(wrapped(title, (full - 4) * SMALL / TITLE), fontsize=TITLE)
    columns = max(
        1, min(len(keys), 4, int(full / (max(text_width(str(key.get_label()), LEGEND) for key in keys) + KEY)))
    )
    names = [wrapped(str(key.get_label()), (full / columns - KEY) * SMALL / LEGEND) for key in keys]
    lines = sum(name.count("\n") + 1 for name in names) / columns
    below = wrapped(words, (full - 10) * SMALL / WORDS)
    room = 0.14 * (below.count("\n") + 1) + 0.1
    figure.set_figheight(figure.get_figheight() + max(0.0, lines - 2) * 0.17 + room)
    height = figure.get_figheight()
    figure.text(4 / full, 0.05 / height, below, fontsize=WORDS, va="bottom", color="0.25")
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, room / height), "borderaxespad": 0, "handlelength": 3}
    legend = figure.legend(keys, names, ncols=columns, frameon=False, fontsize=LEGEND, **place)
    foot = (room + legend.get_window_extent().height / figure.dpi) / height
    figure.get_layout_engine().set(rect=(0, foot, 1, 1 - foot))


FIGURE = PaperFigure("AUC of every cell, by encoder and head", leaderboard, when="run")
