"""Draws a contact sheet: scans with the outline of a crop, the crop, and what encoders get of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from results.figures.drawing.style import COLOURS, Drawing, styled, wrapped

ROWS = 6
HEIGHT = 40.0
INPUTS = 3
SHARES = (1.0, 99.0)


@styled
def contact_sheet(title: str, samples: Sequence[Any], note: str) -> Drawing:
    """One page: a row for each sample.

    Args:
        title: What the page shows.
        samples: With the fields of `bench.tasks.previews.PreviewedSample`.
        note: A line below the title, or "".
    """
    inputs = min(INPUTS, max((len(one.inputs) for one in samples), default=0))
    has_crop = any(one.crop is not None for one in samples)
    columns = 2 + has_crop + (inputs if has_crop else 0)
    figure = Drawing("double", HEIGHT * len(samples) + 14)
    grid = figure.subplots(len(samples), columns, squeeze=False, width_ratios=[0.9, 1.1, *[1] * (columns - 2)])
    for row, one in zip(grid, samples, strict=True):
        for axes in row:
            axes.axis("off")
        lines = [one.sample, one.labels, *one.facts.split("\n"), one.why]
        words = "\n".join(wrapped(line, 183 / columns * 0.8) for line in lines if line)
        row[0].text(0, 0.5, words, va="center", transform=row[0].transAxes)
        if one.scan is not None:
            _picture(row[1], one.scan, aspect=one.stretch)
            if one.outline is not None:
                closed = np.concatenate([one.outline, one.outline[:1]])
                row[1].plot(closed[:, 1], closed[:, 0], color=COLOURS[1], linewidth=1.0)
                row[1].set_xlim(-0.5, one.scan.shape[1] - 0.5)
                row[1].set_ylim(one.scan.shape[0] - 0.5, -0.5)
        if one.crop is not None:
            _picture(row[2], one.crop)
            for axes, each in zip(row[3:], one.inputs, strict=False):
                _picture(axes, each.pixels)
    heads = ["", "scan and box", "crop (middle slices)"] if has_crop else ["", "scan"]
    most = max(samples, key=lambda one: len(one.inputs), default=None)
    heads += [one.name for one in most.inputs[:inputs]] if most is not None and has_crop else []
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(wrapped(head, 183 / columns - 3))
    figure.suptitle("\n".join(wrapped(line, 170) for line in (title, note) if line))
    return figure


def write_sheets(sheets: Sequence[Drawing], folder: Path, name: str = "preview") -> list[Path]:
    """Writes pages as one PDF, and each as a PNG: `preview.png`, `preview_2.png` and so on."""
    from matplotlib.backends.backend_pdf import PdfPages

    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{name}.pdf"]
    with PdfPages(written[0], metadata={"CreationDate": None}) as pages:
        for number, sheet in enumerate(sheets, start=1):
            pages.savefig(sheet)
            written.append(folder / (f"{name}.png" if number == 1 else f"{name}_{number}.png"))
            sheet.savefig(written[-1], format="png", dpi=150)
    return written


def _picture(axes: Any, pixels: Any, aspect: float = 1.0) -> None:
    low, high = np.percentile(pixels, SHARES)
    axes.imshow(pixels, cmap="gray", vmin=low, vmax=high if high > low else low + 1, aspect=aspect)
