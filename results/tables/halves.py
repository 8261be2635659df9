"""Two tables of a sheet that is too wide for a page."""

from __future__ import annotations

from dataclasses import replace

from results.tables.formats import Row, Sheet


def halves(sheet: Sheet) -> tuple[Sheet, Sheet]:
    """The first half of the columns of scores, and the rest with the columns of text and the notes.

    A floor row that has no score in a part, such as that of the corrected AUC, is left out of it.
    """
    middle = (len(sheet.headers) + 1) // 2
    first, second = _columns(sheet, 0, middle), _columns(sheet, middle, len(sheet.headers))
    return replace(first, extras=(), notes=("Its other columns are in the next table.",)), second


def _columns(sheet: Sheet, start: int, end: int) -> Sheet:
    def cut(row: Row) -> Row:
        return replace(row, scores=row.scores[start:end], extras=row.extras if end == len(sheet.headers) else ())

    below = [row for row in map(cut, sheet.floors) if any(score is not None for score in row.scores)]

    def shifted(places: frozenset[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        return frozenset((i, j - start) for i, j in places if start <= j < end)

    return replace(
        sheet,
        headers=sheet.headers[start:end],
        metrics=sheet.metrics[start:end],
        rows=tuple(map(cut, sheet.rows)),
        floors=tuple(below),
        best=shifted(sheet.best),
        tied=shifted(sheet.tied),
        always=frozenset(j - start for j in sheet.always if start <= j < end),
    )
