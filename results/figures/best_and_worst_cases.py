"""Best and worst cases: the samples whose own class gets the highest and the lowest probability from the best cell."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from results.figures.base import PaperFigure
from results.figures.drawing.style import Drawing, NothingToDrawError, Width, styled
from results.json_files import read_json
from results.run_folder import ResultsError, Run
from results.run_records import Inside, PanelsRecord
from results.run_sums import check_run_files

COLUMNS = {"single": 3, "double": 6}
SHARES = (1.0, 99.0)
LETTERS = 22
AGAIN = "delete the folder panels, then run the grid again"


@styled
def best_and_worst_cases(run: Run, target: str, *, width: Width = "double") -> Drawing:
    """The middle slices that the run kept (`panels` in the grid), with the best cases above the worst.

    Grey values run from the 1st to the 99th percentile of each picture. Cases have numbers and no names, so that the
    figure can be shown to others; the file that the caption names has their names in the same order.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.

    Raises:
        NothingToDrawError: The grid requests no panels, or an earlier version wrote them.
        ResultsError: The pictures can't be read.
        SumsError: They were changed after the run.
    """
    folder = run.folder / "panels"
    check_run_files(run.folder, folder.name)
    try:
        index = read_json(folder / "index.json", dict[str, Inside])
        if target not in index:
            raise NothingToDrawError(f"the run kept no pictures of {target}")
        about = read_json(folder / f"{index[target]}.json", PanelsRecord).model_dump()
        with np.load(folder / f"{index[target]}.npz") as file:
            images = {name: file[name] for name in file.files}
    except FileNotFoundError:
        if folder.is_dir():
            raise NothingToDrawError(f"{folder} lacks files, or an earlier version wrote it: {AGAIN}") from None
        raise NothingToDrawError("the grid has no `panels`, so the run kept no pictures") from None
    except (OSError, ValueError) as error:
        raise ResultsError(f"the pictures of {target} in {folder} can't be read: {error}") from error
    if any(sample["predicted"] is None for sample in about["samples"]):
        raise NothingToDrawError(f"an earlier version wrote {folder}: {AGAIN}")
    halves = [[(i, s) for i, s in enumerate(about["samples"]) if s["half"] == half] for half in ("best", "worst")]
    sequences = about["sequences"]
    columns = COLUMNS[width]
    lines = [half[k : k + columns] for half in halves for k in range(0, len(half), columns)]
    figure = Drawing(width, 36.0 * len(lines) * len(sequences))
    grid = figure.subplots(len(lines) * len(sequences), columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for row, shown in enumerate(lines):
        for column, (i, sample) in enumerate(shown):
            for j, sequence in enumerate(sequences):
                axes = grid[row * len(sequences) + j, column]
                _picture(axes, images.get(f"image_{i}_{j}"), sequence)
                if j == 0:
                    probability = f"{sample['probability']:.2f}"
                    title = (
                        f"{i + 1}. label {sample['label']} (p\N{NO-BREAK SPACE}{probability}), predicted "
                        f"{sample['predicted']}"
                    )
                    axes.set_title(textwrap.fill(title, LETTERS))
    cell = next((c for c in run.cells if c.key == about["cell"]), None)
    steps = ", ".join(v for v in cell.axes.values() if v != "none") if cell else "a cell that is gone"
    figure.caption = (
        f"Best and worst cases of {target}: test samples whose own class got the highest and the lowest probability "
        f"from the cell with the highest AUC ({steps}), in the first repeat, with at most one sample per patient in "
        "each half. Over each picture: its label, the probability p of this label, and the predicted class. The "
        f"pictures are middle slices ({', '.join(sequences)}) as the cell got them, with grey from the 1st to the 99th "
        f"percentile of each. panels/{index[target]}.json in the run folder names the samples in the order of these "
        "numbers."
    )
    return figure


def _picture(axes: Any, pixels: Any, sequence: str) -> None:
    if pixels is None:
        axes.text(0.5, 0.5, f"no {sequence}", ha="center", va="center", transform=axes.transAxes)
        return
    low, high = np.percentile(pixels, SHARES)
    axes.imshow(pixels, cmap="gray", vmin=low, vmax=high if high > low else low + 1)


FIGURE = PaperFigure("Best and worst cases", best_and_worst_cases, order=140, scans=True)
