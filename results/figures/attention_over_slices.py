"""Attention over slices: the weight of each position, on test samples."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from results.artifacts import Artifact
from results.figures.base import PaperFigure
from results.figures.drawing.style import (
    GREY,
    MARKERS,
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
from results.run_folder import ResultsError, Run
from results.run_tables import FOLDS, read_samples, read_table
from results.trained_steps import TrainedStep, trained_steps

CONTENT, POSITIONS = "attention_slices", "attention_positions"
POSITION: dict[str, type] = {"encoder": int, "sequence": str} | {
    f"{what}_{end}": float for what in ("slice", "depth") for end in ("from", "to")
}
PANELS = 9
COLUMNS = {"single": 2, "double": 3}
Float64 = NDArray[np.float64]


@styled
def attention_over_slices(run: Run, target: str, *, width: Width = "double", panels: int = PANELS) -> Drawing:
    """Mean weight by slice position and its interquartile range over test samples, with a panel for each fusion.

    Where an encoder gives a token for each part of the depth in place of each slice, positions are these parts.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.
        panels: The largest number of panels.

    Raises:
        NothingToDrawError: No fusion kept attention over more than one slice.
        ResultsError: The arrays do not match the samples of the run.
    """
    steps = trained_steps(run, target, CONTENT)
    found = [(step, *read) for step in steps if (read := _read(run, step))[0]]
    if not found:
        raise NothingToDrawError("no fusion kept attention over more than one slice in artifacts/")
    shown = found[:panels]
    columns = min(COLUMNS[width], len(shown))
    rows = -(-len(shown) // columns)
    figure = Drawing(width, 50.0 * rows + (16 if columns == 1 else 0))
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    sequences: list[str] = []
    for (_, weights, parts), panel in zip(shown, grid.flat, strict=False):
        sequences += [name for name in weights if name not in sequences]
        _panel(panel, weights, sequences)
        _name_positions(panel, max(values.shape[1] for values in weights.values()), parts)
    grid[0, 0].set_ylim(bottom=0)
    for panel in grid[:, 0]:
        panel.set_ylabel("Attention (fraction)")
    for panel in grid.flat[len(shown) :]:
        panel.set_axis_off()
    room = WIDTHS[width] / columns - 18
    titled(list(grid.flat[: len(shown)]), [wrapped(step.name, room) for step, *_ in shown])
    handles = [Line2D([], [], label=name, marker=MARKERS[i % 7], **line(i)) for i, name in enumerate(sequences)]
    spread = Line2D([], [], color="black", linewidth=0, marker="|", markersize=7, label="middle half of the samples")
    uniform = Line2D([], [], color=GREY, linestyle=":", linewidth=0.9, label="all positions alike")
    legend_below(figure, [*handles, spread, uniform])
    n = {len(values) for _, weights, _ in shown for values in weights.values()}
    number = f"{min(n)}" if len(n) == 1 else f"{min(n)} to {max(n)}"
    more = f" The first {panels} of {len(found)} fusions are shown." if len(found) > panels else ""
    if any(parts != () for *_, parts in shown):
        more = f" Parts of the depth are what a token stands for mainly: a 3D network also looks beyond them.{more}"
    figure.caption = (
        f"Attention over slices for {target}, by position in the crop: mean over {number} test predictions. Each "
        "sample counts once in every repeat, with the fusion of the fold in whose test part it is; samples without "
        f"the sequence are left out. Bars: the interquartile range over samples, not a confidence interval.{more}"
    )
    return figure


def _read(run: Run, step: TrainedStep) -> tuple[dict[str, Float64], tuple[str, ...] | None]:
    """`(n, T)` weights of test samples by sequence, and the parts of the depth that positions stand for.

    The weights are empty if there is only one position. Parts are ranges of slices, or of percent where crops differ in
    their number of slices; they are empty where positions are slices, and None where sequences or encoders differ.
    """
    patients, folds = read_samples(run.folder)["patient"], read_table(run.folder / "folds.csv", FOLDS)
    test = {key: set(part["patient"]) for key, part in folds.groupby(["repeat", "fold"])}
    gathered: dict[str, list[Float64]] = {}
    named: set[tuple[str, ...]] = set()
    for left in step.folds:
        files = left.files[CONTENT]
        for number, path in enumerate(files):
            weights = np.load(path).astype(np.float64)
            wanted = len(patients), len(left.sequences)
            if weights.ndim != 3 or weights.shape[:2] != wanted:
                raise ResultsError(f"{path}: must be ({wanted[0]}, {wanted[1]}, slices), not {weights.shape}")
            rows = patients.isin(test.get((left.repeat, left.fold), set())).to_numpy()
            if weights.shape[2] < 2:
                continue
            for s, name in enumerate(left.sequences):
                named.add(_parts(left, number + 1, name, percent=False))
                own = weights[rows, s]
                label = name if len(files) == 1 else f"{name}, encoder {number + 1}"
                gathered.setdefault(label, []).append(own[own.sum(axis=1) > 0])
    joined = {name: np.concatenate(parts) for name, parts in gathered.items()}
    if len(named) > 1:
        named = {
            _parts(left, number, name, percent=True)
            for left in step.folds
            for number in range(1, len(left.files[CONTENT]) + 1)
            for name in left.sequences
        }
    parts = next(iter(named)) if len(named) == 1 else None
    return {name: weights for name, weights in joined.items() if len(weights)}, parts


def _parts(left: Artifact, encoder: int, sequence: str, *, percent: bool) -> tuple[str, ...]:
    """The part of the depth that each position stands for, in slices or percent; empty if positions are slices."""
    if POSITIONS not in left.files:
        return ()
    table = read_table(left.files[POSITIONS][0], POSITION).query("encoder == @encoder and sequence == @sequence")
    if table["depth_from"].isna().any():
        return ()
    percent = percent or bool(table["slice_from"].isna().any())
    low, high = (table[f"depth_{end}"] * 100 if percent else table[f"slice_{end}"] for end in ("from", "to"))
    unit = " %" if percent else ""
    return tuple(f"{a:.0f}" if a == b else f"{a:.0f}-{b:.0f}{unit}" for a, b in zip(low, high, strict=True))


def _panel(panel: Axes, weights: dict[str, Float64], sequences: list[str]) -> None:
    slices = max(values.shape[1] for values in weights.values())
    for name, values in weights.items():
        i = sequences.index(name)
        positions = np.arange(1, values.shape[1] + 1)
        low, high = np.quantile(values, [0.25, 0.75], axis=0)
        aside = positions + 0.12 * (i - (len(sequences) - 1) / 2)
        panel.vlines(aside, low, high, color=line(i)["color"], linewidth=0.8)
        panel.plot(aside, values.mean(axis=0), marker=MARKERS[i % 7], **line(i))
    panel.axhline(1 / slices, color=GREY, linestyle=":", linewidth=0.9, zorder=0)


def _name_positions(panel: Axes, positions: int, parts: tuple[str, ...] | None) -> None:
    if not parts:
        panel.set_xlabel("Position" if parts is None else "Slice (position)")
        panel.xaxis.set_major_locator(MaxNLocator(min(positions, 6), integer=True))
        return
    panel.set_xlabel("Part of the depth" if parts[0].endswith("%") else "Part of the depth (slices)")
    step = -(-positions // 6)
    panel.set_xticks(range(1, positions + 1, step), parts[::step])


FIGURE = PaperFigure("Attention over slices", attention_over_slices, order=120)
