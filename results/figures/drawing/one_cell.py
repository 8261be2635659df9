"""Writes what there is about one cell: pictures of its scores and cases, and a table of what it misread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from data.files.whole import replace_file, replace_text
from results import ResultsError
from results.figures.drawing.draw import INDEX, draw_into
from results.run_folder import Run, RunCell

if TYPE_CHECKING:
    from results.figures.drawing.style import Drawing, Width

SCORES, CASES, MISREAD = "scores", "cases", "misread.csv"


def draw_cell(run: Run, cell: RunCell, folder: Path, *, width: Width = "double") -> list[Path]:
    """Writes `scores` and, where the run kept pictures of the cell, `cases` as PDF and PNG; `misread.csv`; captions.

    Args:
        run: A run folder.
        cell: One of its cells that is done.
        folder: Where to write; it is made if it does not exist.
        width: `single` (89 mm) or `double` (183 mm).

    Returns:
        The files.

    Raises:
        ResultsError: The cell is not done, or the run folder is broken.
    """
    from results.figures.drawing.cell_scores import cell_scores
    from results.tables.misread import misread

    if cell.status != "done":
        raise ResultsError(f"the cell {cell.key} is {cell.status}: {cell.reason or 'run the grid first'}")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (
        (SCORES, lambda: cell_scores(run, cell, width=width)),
        (CASES, lambda: cell_cases(run, cell, width=width)),
    )
    written, captions, refused = draw_into(folder, wanted)
    table = misread(run, cell)
    replace_file(folder / MISREAD, lambda to: table.to_csv(to, index=False))
    index = [{"name": n, "figure": n, "title": n, "caption": c, "scans": n == CASES} for n, c in captions.items()]
    lines = [f"# {cell.target}, cell {cell.key}", *(f"**{name}.** {text}" for name, text in captions.items())]
    lines += [f"Not drawn: {name}: {why}." for name, why in refused.items()]
    replace_text(folder / INDEX, json.dumps(index, indent=1) + "\n")
    replace_text(folder / "captions.md", "\n\n".join(lines) + "\n")
    return [*written, folder / MISREAD, folder / INDEX, folder / "captions.md"]


def cell_cases(run: Run, cell: RunCell, *, width: Width = "double") -> Drawing:
    """The best and worst cases of a cell, from the pictures that the run kept.

    Raises:
        NothingToDrawError: The run kept none of this cell.
    """
    from results.figures.drawing.cases import Cases
    from results.figures.drawing.closing import closed
    from results.figures.drawing.style import styled

    cases = Cases(run, cell.target, cell.key)
    figure = styled(cases.drawing)(width)
    figure.caption = cases.words
    return closed(figure, run, cell.target)
