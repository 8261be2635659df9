"""The pictures on the pages of cells, and what these cells misread."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from results.report.about import ReportFigure, smaller
from results.report.leaderboard import Leaderboard
from results.run_folder import Run, RunCell
from results.tables.misread import misread

BEST = 5
DPI = 110
LISTED = 10
RESAMPLES = 400
BYTES = 1_500_000
"""The pictures of one target may take so much together."""


@dataclass(frozen=True)
class Misread:
    """The samples that a cell misread.

    Args:
        count: How many there are.
        columns: The heads of the columns.
        rows: Those whose true class has the lowest probability, every value as text.
    """

    count: int
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class CellPictures:
    """The pictures of one cell, and the samples that it misread."""

    figures: list[ReportFigure]
    misread: Misread


def cell_pictures(
    run: Run, board: Leaderboard, asked: Collection[str] = (), *, panels: bool = True
) -> dict[str, CellPictures]:
    """The pictures of the best cells, of the best floor of each name, and of cells that are asked for, by their keys.

    Args:
        run: A run folder.
        board: The leaderboard of a target.
        asked: Keys of further cells.
        panels: Whether pictures of scans are included.
    """
    cells = {cell.key: cell for cell in run.cells}
    found: dict[str, CellPictures] = {}
    room = BYTES
    for key in _chosen(board, cells, asked):
        figures = list(_figures(run, cells[key], panels))
        room -= sum(len(one.source) for one in figures)
        if room < 0 and key not in asked:
            break
        found[key] = CellPictures(figures, _misread(run, cells[key]))
    return found


def _chosen(board: Leaderboard, cells: dict[str, RunCell], asked: Collection[str]) -> list[str]:
    done = [line for line in board.lines if line.record["status"] == "done"]
    best = [line.key for line in done if not line.record["floor"]][:BEST]
    floors = {cells[line.key].head: line.key for line in reversed(done) if line.record["floor"]}
    named = [line.key for line in done if line.key in asked]
    return list(dict.fromkeys([*named, *best, *floors.values()]))


def _figures(run: Run, cell: RunCell, panels: bool) -> Iterator[ReportFigure]:
    from results.figures.drawing.cell_scores import cell_scores
    from results.figures.drawing.one_cell import cell_cases
    from results.figures.drawing.style import Drawing, NothingToDrawError

    def shown(figure: Drawing, scans: bool) -> ReportFigure:
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=DPI)
        source = f"data:image/png;base64,{base64.b64encode(smaller(drawn.getvalue())).decode('ascii')}"
        return ReportFigure(source, figure.caption, scans)

    yield shown(cell_scores(run, cell, resamples=RESAMPLES), False)
    if panels:
        try:
            yield shown(cell_cases(run, cell), True)
        except NothingToDrawError:
            return


def _misread(run: Run, cell: RunCell) -> Misread:
    found = misread(run, cell)
    columns = ["sample", *run.locations, "truth", "called", "probability", "probability_of_truth", "misread", "repeats"]
    rows: Sequence[dict[str, object]] = found.head(LISTED)[columns].to_dict("records")  # type: ignore[assignment]
    texts = [[f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    return Misread(len(found), [column.capitalize().replace("_", " ") for column in columns], texts)
