"""Learning curves of encoders and fusions that were trained in the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from results.figures.base import PaperFigure
from results.figures.drawing.style import (
    WIDTHS,
    Drawing,
    NothingToDrawError,
    Width,
    legend_below,
    line,
    styled,
    titled,
    wrapped,
)
from results.flow import span
from results.run_folder import Run
from results.run_tables import read_table
from results.trained_steps import TrainedStep, trained_steps

if TYPE_CHECKING:
    import pandas as pd

CONTENT = "learning_curve"
COLUMNS = {"single": 2, "double": 3}
PANELS = 9
LOSSES = {"train_loss": "training", "validation_loss": "validation (inner patients)"}


@styled
def learning_curves(run: Run, target: str, *, width: Width = "double", panels: int = PANELS) -> Drawing:
    """Loss by epoch or step, with a panel for each trained step: the median over folds and starts, and their range.

    Args:
        run: A run folder.
        target: One of its targets; steps that are trained without labels are shown for every target.
        width: The width of the figure.
        panels: The largest number of panels.

    Raises:
        NothingToDrawError: Nothing was trained, or no step kept a learning curve.
    """
    steps = trained_steps(run, target, CONTENT)
    if not steps:
        raise NothingToDrawError("no step kept a learning curve in artifacts/")
    shown = steps[:panels]
    columns = min(COLUMNS[width], len(shown))
    rows = -(-len(shown) // columns)
    figure = Drawing(width, 52.0 * rows + (14 if columns == 1 else 0))
    grid = figure.subplots(rows, columns, squeeze=False)
    used: set[str] = set()
    counts = set()
    for step, panel in zip(shown, grid.flat, strict=False):
        table = _read(step)
        counts.add(table.groupby(["file", "start"]).ngroups)
        used |= _panel(panel, table)
        panel.set_xlabel(f"{_counted(table).capitalize()} (number)")
    for panel in grid[:, 0]:
        panel.set_ylabel("Loss (as trained)")
    for panel in grid.flat[len(shown) :]:
        panel.set_axis_off()
    room = WIDTHS[width] / columns - 18
    titled(list(grid.flat[: len(shown)]), [wrapped(step.name, room) for step in shown])
    handles: list[Line2D | Patch] = [
        Line2D([], [], label=name, **line(i)) for i, name in enumerate(LOSSES.values()) if name in used
    ]
    of = "folds, repeats and starts" if run.crossed else "starts"
    if max(counts) > 1:
        handles.append(Patch(color="0.8", label=f"range over {'folds and starts' if run.crossed else 'starts'}"))
    legend_below(figure, handles)
    more = f" The first {panels} of {len(steps)} steps are shown." if len(steps) > panels else ""
    figure.caption = (
        f"Learning curves for {target}: median loss over {span(sorted(counts))} trainings ({of}), and their whole "
        f"range as a band. Where early stopping ended some trainings, the median is over the others.{more}"
        if max(counts) > 1
        else f"Learning curves for {target}: the loss of a single training of each step.{more}"
    )
    return figure


def _read(step: TrainedStep) -> pd.DataFrame:
    import pandas as pd

    tables = []
    for left in step.folds:
        for path in left.files[CONTENT]:
            table = read_table(path, {})
            tables.append(table.assign(file=str(path), start=table.get("start", 0)))
    return pd.concat(tables, ignore_index=True)


def _counted(table: pd.DataFrame) -> str:
    """What the training was counted in: `step` or `epoch`."""
    return "step" if "step" in table else "epoch"


def _panel(panel: Axes, table: pd.DataFrame) -> set[str]:
    used = set()
    for i, (column, name) in enumerate(LOSSES.items()):
        if column not in table or table[column].isna().all():
            continue
        losses = table.dropna(subset=[column]).groupby(_counted(table))[column]
        low, middle, high = (np.asarray(values) for values in (losses.min(), losses.median(), losses.max()))
        at = np.asarray(losses.min().index)
        panel.fill_between(at, low, high, color=line(i)["color"], alpha=0.18, linewidth=0)
        panel.plot(at, middle, marker="o" if len(at) == 1 else "", **line(i))
        used.add(name)
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return used


FIGURE = PaperFigure("Learning curves of trained steps", learning_curves, order=110)
