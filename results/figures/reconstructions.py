"""What trained autoencoders make of pictures that they had not seen, and how they came to it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from results.artifacts import Artifact
from results.figures.drawing.left_behind import TrainedStep, trained_steps
from results.figures.drawing.style import SMALL, WIDTHS, Drawing, NothingToDrawError, Width, styled, wrapped
from results.run_folder import Run
from results.statistics.confusion import Float64

CONTENT, EVOLUTION, EPOCHS, DEPTHS_KEPT = "reconstructions", "evolution", "evolution_epochs", "depths"
SHOWN = {"single": 4, "double": 8}
DEPTHS = 3
STEPS = 3
Sheet = tuple[str, list[Float64], list[str], list[str]]  # a title, lines of pictures, their words, words below columns


@styled
def reconstructions(run: Run, *, width: Width = "double", steps: int = STEPS) -> Drawing:
    """Inputs of held-out training patients above what the first fold's autoencoder makes of them.

    Volumes are shown at three depths.

    Args:
        run: A run folder.
        width: Of the figure.
        steps: Autoencoders at most.

    Raises:
        NothingToDrawError: No autoencoder was trained.
    """
    found = _trained(run)
    sheets: list[Sheet] = []
    for step in found[:steps]:
        left = step.folds[0]
        pairs = _pairs(left, SHOWN[width])
        sheets.append((step.name, list(pairs), ["input", "rebuilt"], _columns(left, SHOWN[width])))
    figure = _sheet(width, sheets)
    more = f" The first {steps} of {len(found)}." if len(found) > steps else ""
    figure.caption = (
        "Reconstructions by autoencoders of the first fold: pictures of training patients who were held out to stop "
        f"early, and what becomes of them; of volumes slices at up to {DEPTHS} depths. Grey values as they go in.{more}"
    )
    return figure


@styled
def training_evolution(run: Run, *, width: Width = "double", steps: int = STEPS) -> Drawing:
    """The same inputs rebuilt after some epochs of training; arguments and errors as for `reconstructions`."""
    found = [step for step in _trained(run) if EVOLUTION in step.folds[0].files]
    if not found:
        raise NothingToDrawError("no autoencoder kept its reconstructions at several epochs (show_epochs)")
    sheets: list[Sheet] = []
    for step in found[:steps]:
        left = step.folds[0]
        inputs, _ = _pairs(left, SHOWN[width])
        stages = np.load(left.files[EVOLUTION][0]).astype(np.float64)
        epochs = np.load(left.files[EPOCHS][0])
        rows = [_slices(stage, SHOWN[width]) for stage in stages]
        words = ["input", *(f"epoch {epoch}" for epoch in epochs)]
        sheets.append((step.name, [inputs, *rows], words, _columns(left, SHOWN[width])))
    figure = _sheet(width, sheets)
    figure.caption = (
        "Training of autoencoders of the first fold: the same pictures of held-out training patients, rebuilt by the "
        "network as it stood after the epoch; the last epoch shown need not be the one kept."
    )
    return figure


def _trained(run: Run) -> list[TrainedStep]:
    found = trained_steps(run, run.targets[0], CONTENT)
    if not found:
        raise NothingToDrawError("no autoencoder left reconstructions in artifacts/")
    return found


def _pairs(left: Artifact, shown: int) -> tuple[Float64, Float64]:
    """Pictures `(n, H, W)` that went in and came out."""
    inputs, outputs = np.load(left.files[CONTENT][0]).astype(np.float64)
    return _slices(inputs, shown), _slices(outputs, shown)


def _slices(stack: Float64, shown: int) -> Float64:
    """`(n, H, W)`: pictures, or slices of volumes `(n, D, H, W)` at several depths."""
    if stack.ndim == 3:
        return stack[:shown]
    depths = _depths(stack.shape[1])
    volumes = stack[: max(1, shown // len(depths)), depths]
    return np.asarray(volumes.reshape(-1, *volumes.shape[2:]))


def _depths(slices: int) -> NDArray[np.int64]:
    """Which of the slices of a volume are shown."""
    return np.unique(np.linspace(0, slices - 1, DEPTHS + 2).round().astype(np.int64)[1:-1])


def _columns(left: Artifact, shown: int) -> list[str]:
    """Of volumes, which one and which of its slices a column shows; of pictures nothing."""
    stack = np.load(left.files[CONTENT][0], mmap_mode="r")[0]
    if stack.ndim == 3:
        return []
    index = np.load(left.files[DEPTHS_KEPT][0]) if DEPTHS_KEPT in left.files else np.arange(stack.shape[1])
    depths = _depths(stack.shape[1])
    volumes = range(min(len(stack), max(1, shown // len(depths))))
    return [f"volume {v + 1}, slice {index[d] + 1}" for v in volumes for d in depths]


def _sheet(width: Width, sheets: list[Sheet]) -> Drawing:
    """A block a step: a line of pictures each for the input and what became of it."""
    columns = max(len(pictures) for _, lines, _, _ in sheets for pictures in lines)
    lines_of_all = sum(len(lines) for _, lines, _, _ in sheets)
    side = (WIDTHS[width] - 18) / columns
    figure = Drawing(width, lines_of_all * side + 9 * len(sheets) + 4)
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
            panel.set_xlabel(word, fontsize=SMALL)
        grid[row - len(lines), 0].set_title(wrapped(name, 150), loc="left", fontsize=SMALL + 0.5)
    return figure


def _picture(panel: Axes, picture: Float64 | None, low: float, high: float) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    if picture is None:
        panel.set_axis_off()
    else:
        panel.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), interpolation="nearest")
