"""The AUC of every cell of a target in one picture, drawn when a run ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import short_labels, table
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
from results.run_folder import Run, head_name
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
KEY = 18.0
WIDEST = 42.0


def leaderboard(run: Run, target: str, *, width: Width = "double") -> Drawing:
    """The AUC of every cell of a target with its interval, and the floors.

    There is a panel for each encoder, best first, and a row for each head; colours and marks show the other axes that
    vary. The dotted line is chance, the band the AUC of `location` with its interval, the dashed line that of `pixels`.
    The picture is as large as its panels need.

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
    location, pixels = (_best_floor(floors, head) for head in (run.location, run.pixels))
    if cells.empty:
        raise NothingToDrawError(f"no cell of target '{target}' is done: there is nothing to draw")
    cells = cells.assign(**short_labels(run, cells))
    varying = [axis for axis in run.axes if len(set(cells[axis])) > 1]
    variants = [axis for axis in varying if axis not in ("encoders", "heads")]
    encoders, heads = list(cells["encoders"].unique()), list(cells["heads"].unique())
    shown = sorted(set(map(tuple, cells[variants].to_numpy())))
    styles = {labels: _style(shown, i) for i, labels in enumerate(shown)}

    rows = -(-len(encoders) // COLUMNS)
    columns = -(-len(encoders) // rows)
    height = ROW * (len(styles) + 1.5) * len(heads)
    figure = Drawing(width, 0.0)
    figure.set_size_inches(2.0 + 2.6 * columns, rows * (height + 0.65) + 0.9)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for panel in panels.flat[len(encoders) :]:
        panel.set_axis_off()
    for panel, encoder in zip(panels.flat, encoders, strict=False):
        _floors(panel, location, pixels)
        _panel(panel, cells[cells["encoders"] == encoder], heads, variants, styles)
        lines = encoder.replace("(", "\n(").split("\n")
        panel.set_title("\n".join(wrapped(line, WIDEST) for line in lines), fontsize=10)
    keys = _floor_keys(location, pixels)
    _finish(figure, panels, heads, variants, styles, keys, _title(target, cells))
    figure.caption = (
        f"{_title(target, cells)}. Bars: 95 % intervals; dotted line: chance; grey line and "
        "band: location alone, with its interval; dashed line: 16 x 16 pixels of the crop."
        + "".join(f" {note}" for note in reconstruction.notes(run, list(cells["key"])))
    )
    return figure


def _style(shown: Sequence[tuple[str, ...]], i: int) -> dict[str, Any]:
    """Colour by the first axis that varies; up to 12 differ by mark and filling alone."""
    first = sorted({labels[0] for labels in shown}).index(shown[i][0]) if shown[i] else 0
    colour = SHADES[first % len(SHADES)]
    filling = colour if (i // len(MARKERS)) % 2 == 0 else "white"
    return {"color": colour, "marker": MARKERS[i % len(MARKERS)], "markerfacecolor": filling}


def _panel(
    panel: Any,
    cells: pd.DataFrame,
    heads: list[str],
    variants: list[str],
    styles: dict[tuple[str, ...], dict[str, Any]],
) -> None:
    lanes = {labels: (i - (len(styles) - 1) / 2) / (len(styles) + 1.5) for i, labels in enumerate(styles)}
    for cell in cells.to_dict("records"):
        labels = tuple(cell[axis] for axis in variants)
        y = heads.index(cell["heads"]) + lanes[labels]
        error = [[cell["auc"] - cell["auc_low"]], [cell["auc_high"] - cell["auc"]]]
        ends = None if np.isnan(error).any() else np.maximum(error, 0)
        panel.errorbar(cell["auc"], y, xerr=ends, markersize=4, linewidth=1.1, markeredgewidth=1.1, **styles[labels])
    for between in range(1, len(heads)):
        panel.axhline(between - 0.5, color="0.9", linewidth=0.8, zorder=0)


def _best_floor(floors: pd.DataFrame, head: str) -> Record | None:
    """The best floor of a name; there may be one for each choice of sequences and region."""
    found = [one for one in records(floors) if head_name(one["heads"]) == head]
    return max(found, key=lambda one: np.nan_to_num(one["auc"], nan=-1.0), default=None)


def _floors(panel: Any, location: Record | None, pixels: Record | None) -> None:
    panel.axvline(0.5, color="0.45", linestyle=":", linewidth=1.2, zorder=1)
    if pixels is not None:
        panel.axvline(pixels["auc"], color="0.45", linestyle="--", linewidth=1.2, zorder=1)
    if location is not None:
        panel.axvspan(location["auc_low"], location["auc_high"], color="0.92", linewidth=0, zorder=0)
        panel.axvline(location["auc"], color="0.45", linewidth=1.2, zorder=1)


def _floor_keys(location: Record | None, pixels: Record | None) -> list[Line2D]:
    keys = [Line2D([], [], color="0.45", linestyle=":", label="prior (chance)")]
    if location is not None:
        keys.append(Line2D([], [], color="0.45", label="location alone, with interval"))
    if pixels is not None:
        keys.append(Line2D([], [], color="0.45", linestyle="--", label="16 x 16 pixels"))
    return keys


def _name(variants: list[str], labels: tuple[str, ...]) -> str:
    named = [f"no {axis}" if label == "none" else label for axis, label in zip(variants, labels, strict=True)]
    return ", ".join(named) or "cell"


def _title(target: str, cells: pd.DataFrame) -> str:
    patients, samples = int(cells["n_patients"].max()), int(cells["n_samples"].max())
    return f"{target}: AUC with 95 % interval, {patients} patients, {samples} samples"


def _finish(
    figure: Any,
    panels: Any,
    heads: list[str],
    variants: list[str],
    styles: dict[tuple[str, ...], dict[str, Any]],
    floors: Sequence[Line2D],
    title: str,
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
    figure.set_figheight(figure.get_figheight() + max(0.0, lines - 2) * 0.17)
    figure.legend(keys, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=LEGEND)


FIGURE = PaperFigure("AUC of every cell, by encoder and head", leaderboard, when="run")
