"""Pictures that autoencoders kept, drawn in rows: inputs and their reconstructions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from results.artifacts import Artifact
from results.figures.drawing.style import SMALL, WIDTHS, Drawing, NothingToDrawError, Width, wrapped
from results.run_folder import Run
from results.statistics.confusion import Float64
from results.trained_steps import TrainedStep, trained_steps

CONTENT = "reconstructions"
SHOWN = {"single": 4, "double": 8}
DEPTHS = 3
STEPS = 3
Block = tuple[str, list[Float64], list[str], list[str]]
"""A title, rows of pictures `(n, H, W)`, the words before the rows, the words under the columns."""


def trained(run: Run) -> list[TrainedStep]:
    """The autoencoders of a run.

    Raises:
        NothingToDrawError: No autoencoder was trained.
    """
    found = trained_steps(run, run.targets[0], CONTENT)
    if not found:
        raise NothingToDrawError("no autoencoder left reconstructions in artifacts/")
    return found


def pairs_of(left: Artifact, shown: int) -> tuple[Float64, Float64]:
    """Pictures `(n, H, W)` and their reconstructions."""
    inputs, outputs = np.load(left.files[CONTENT][0]).astype(np.float64)
    return slices_of(inputs, shown), slices_of(outputs, shown)


def slices_of(stack: Float64, shown: int) -> Float64:
    """`(n, H, W)`: the pictures, or slices of volumes `(n, D, H, W)` at several depths."""
    if stack.ndim == 3:
        return stack[:shown]
    depths = _depths(stack.shape[1])
    volumes = stack[: max(1, shown // len(depths)), depths]
    return np.asarray(volumes.reshape(-1, *volumes.shape[2:]))


def _depths(slices: int) -> NDArray[np.int64]:
    """The positions of the slices of a volume that are shown."""
    return np.unique(np.linspace(0, slices - 1, DEPTHS + 2).round().astype(np.int64)[1:-1])


def column_words(left: Artifact, shown: int) -> list[str]:
    """For volumes the volume and slice that each column shows; empty for pictures."""
    stack = np.load(left.files[CONTENT][0], mmap_mode="r")[0]
    if stack.ndim == 3:
        return []
    index = np.load(left.files["depths"][0]) if "depths" in left.files else np.arange(stack.shape[1])
    depths = _depths(stack.shape[1])
    volumes = range(min(len(stack), max(1, shown // len(depths))))
    return [f"volume {v + 1}, slice {index[d] + 1}" for v in volumes for d in depths]


def drawn(width: Width, sheets: list[Block]) -> Drawing:
    """A block for each step: a row of inputs, and rows of their reconstructions."""
    columns = max(len(pictures) for _, lines, _, _ in sheets for pictures in lines)
    lines_of_all = sum(len(lines) for _, lines, _, _ in sheets)
    side = (WIDTHS[width] - 18) / columns
    figure = Drawing(width, lines_of_all * side + 9 * len(sheets) + 4)
    figure.grow(3 * sum(bool(below) for _, _, _, below in sheets))
    grid = figure.subplots(lines_of_all, columns, squeeze=False)
    row = 0
    for name, lines, words, below in sheets:
        low, high = float(lines[0].min()), float(lines[0].max())
        for pictures, word in zip(lines, words, strict=True):
            for j, panel in enumerate(grid[row]):
                _picture(panel, pictures[j] if j < len(pictures) else None, low, high)
            grid[row, 0].set_ylabel(word, fontsize=SMALL)
            row += 1
        for panel, word in zip(grid[row - 1], below, strict=False):
            panel.set_xlabel(wrapped(word, side - 1), fontsize=SMALL)
        _named(grid[row - len(lines), 0], wrapped(name, 150))
    return figure


def _named(panel: Axes, name: str) -> None:
    """Writes a name over a row of pictures; it takes height, but its width does not move the pictures apart."""
    panel.set_title("\n" * name.count("\n") + " ", loc="left", fontsize=SMALL + 0.5)
    words = panel.annotate(
        name, (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=SMALL + 0.5
    )
    words.set_in_layout(False)


def _picture(panel: Axes, picture: Float64 | None, low: float, high: float) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    if picture is None:
        panel.set_axis_off()
    else:
        panel.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), interpolation="nearest")
