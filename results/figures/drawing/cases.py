"""Draws the cases of a cell whose pictures the run kept, with what the cell said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from results.figures.drawing.style import WIDTHS, Drawing, NothingToDrawError, Width, wrapped
from results.json_files import read_json
from results.run_folder import ResultsError, Run
from results.run_records import CaseRecord, PanelsFileRecord, PanelsRecord
from results.run_sums import check_run_files

COLUMNS = {"single": 3, "double": 6}
SHARES = (1.0, 99.0)
TITLE = 0.85  # the share of a column that a title may fill
FOLDER = "panels"
AGAIN = "delete the folder panels, then run the grid again"


class Cases:
    """The pictures that a run kept of one cell.

    Args:
        run: A run folder.
        target: One of its targets.
        cell: The key of a cell; empty: the one with the highest AUC.

    Attributes:
        key: The key of the cell.
        file: The name of its files in `panels`, without an ending.
        about: The cases, and their sequences.
        images: The middle slices `(H, W)` float32 by `image_CASE_SEQUENCE`.

    Raises:
        NothingToDrawError: The run kept no pictures of the cell, or an earlier version wrote them.
        ResultsError: The pictures can't be read.
        SumsError: They were changed after the run.
    """

    def __init__(self, run: Run, target: str, cell: str = "") -> None:
        folder = run.folder / FOLDER
        check_run_files(run.folder, folder.name)
        if not folder.is_dir():
            raise NothingToDrawError("the grid has no `panels`, so the run kept no pictures")
        index = _read(folder / "index.json", list[PanelsFileRecord])
        of_target = {one.cell: one.file for one in index if one.target == target}
        if not of_target:
            raise NothingToDrawError(f"the run kept no pictures of {target}")
        self.key = cell or next(iter(of_target))
        if self.key not in of_target:
            n = len(of_target)
            raise NothingToDrawError(
                f"the run kept pictures of the {n} best cells of {target}, and this is none of them"
            )
        self.file = of_target[self.key]
        self.about: PanelsRecord = _read(folder / f"{self.file}.json", PanelsRecord)
        try:
            with np.load(folder / f"{self.file}.npz") as kept:
                self.images: Mapping[str, NDArray[np.float32]] = {name: kept[name] for name in kept.files}
        except FileNotFoundError:
            raise NothingToDrawError(f"{folder} lacks {self.file}.npz: {AGAIN}") from None
        except (OSError, ValueError) as error:
            raise ResultsError(f"the pictures of {target} in {folder} can't be read: {error}") from error

    def drawing(self, width: Width) -> Drawing:
        """The best cases above the worst, each with its label and with the class that was called."""
        sequences = self.about.sequences
        halves = [[(i, s) for i, s in enumerate(self.about.samples) if s.half == half] for half in ("best", "worst")]
        columns = min(COLUMNS[width], max(map(len, halves)))
        lines = [half[k : k + columns] for half in halves for k in range(0, len(half), columns)]
        figure = Drawing(width, (28.0 * len(sequences) + 13.0) * len(lines))
        grid = figure.subplots(len(lines) * len(sequences), columns, squeeze=False)
        shape = next((image.shape for image in self.images.values()), (1, 1))
        for axes in grid.flat:
            axes.axis("off")
        for row, shown in enumerate(lines):
            for column, (i, sample) in enumerate(shown):
                for j, sequence in enumerate(sequences):
                    axes = grid[row * len(sequences) + j, column]
                    _picture(axes, self.images.get(f"image_{i}_{j}"), sequence, shape)
                    if column == 0 and len(sequences) > 1:
                        axes.text(-0.06, 0.5, sequence, rotation=90, ha="right", va="center", transform=axes.transAxes)
                    if j == 0:
                        axes.set_title("\n".join(_title(i, sample, TITLE * WIDTHS[width] / columns)))
        return figure

    @property
    def words(self) -> str:
        """The sentences of a caption on what is shown."""
        return (
            "Test samples whose own class got the highest (first rows) and the lowest probability (last rows), in the "
            "first repeat, with at most one sample per patient in each half. Over each picture: its true class and the "
            "class that was called, each with its probability p, and the test fold, counted from 0 as in folds.csv. "
            f"The pictures are middle slices ({', '.join(self.about.sequences)}) as the cell got them, with grey "
            f"from the 1st to the 99th percentile of each. panels/{self.file}.json in the run folder names the samples "
            "in the order of these numbers."
        )


def _read(path: Any, kind: Any) -> Any:
    try:
        return read_json(path, kind)
    except FileNotFoundError:
        raise NothingToDrawError(f"{path.parent} lacks {path.name}: {AGAIN}") from None
    except ResultsError as error:
        raise NothingToDrawError(f"{path} is broken, or an earlier version wrote it ({error}): {AGAIN}") from None


def _title(number: int, sample: CaseRecord, widest: float) -> Sequence[str]:
    right = sample.predicted == sample.label
    true = f"{number + 1}. true {sample.label} (p\N{NO-BREAK SPACE}{sample.probability:.2f})"
    called = (
        "called so" if right else f"called {sample.predicted} (p\N{NO-BREAK SPACE}{sample.predicted_probability:.2f})"
    )
    return [wrapped(true, widest), wrapped(f"{called}, fold\N{NO-BREAK SPACE}{sample.fold}", widest)]


def _picture(axes: Any, pixels: Any, sequence: str, shape: tuple[int, ...]) -> None:
    """Draws a slice, or in a place of the `shape` of the others that there is none."""
    if pixels is None:
        axes.set_box_aspect(shape[0] / shape[1])
        axes.text(0.5, 0.5, f"no {sequence}", ha="center", va="center", transform=axes.transAxes)
        return
    low, high = np.percentile(pixels, SHARES)
    axes.imshow(pixels, cmap="gray", vmin=low, vmax=high if high > low else low + 1)
