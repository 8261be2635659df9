"""The tables of a run: a row for each cell, or a pivot over some axes, with the notes that the numbers need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.files.whole import replace_file, replace_text
from data.text.names import nearest
from results import ResultsError
from results.run_folder import Run
from results.scores.fitness import check_fit
from results.scores.means import MeanDraws
from results.scores.refits import ENDS as REFIT_ENDS
from results.scores.scores import scores
from results.tables import documents, formats, spreadsheet, word
from results.tables.columns import GAINS, check_columns
from results.tables.columns import columns as known_columns
from results.tables.escaping import csv_frame
from results.tables.external import external_run, external_sheets
from results.tables.formats import Sheet
from results.tables.latex import latex
from results.tables.points import found_points
from results.tables.reconstruction import rebuilt
from results.tables.side_tables import dataset_scores, filling, found_regions
from results.tables.target import target_sheet

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "md", "csv", "latex", "html")
ENDINGS = {
    ".docx": "Word",
    ".xlsx": "Excel",
    ".html": "html",
    ".md": "md",
    ".tex": "latex",
    ".csv": "csv",
    ".txt": "text",
}
BINARY = {".docx": word.write_word, ".xlsx": spreadsheet.write_spreadsheet}


def table(
    run: Run,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    metrics: Sequence[str] = (),
    format: str = "text",  # noqa: A002
    resamples: int = 2000,
    against: Mapping[str, str] | None = None,
) -> str:
    """The tables of a run as text; arguments are those of `sheets`.

    Args:
        run: A run folder.
        rows: Axes whose steps are rows.
        columns: Axes whose steps are columns.
        metrics: Metrics, or gains.
        format: `text`, `md`, `latex`, `html` or `csv` (raw numbers at full precision).
        resamples: Draws of the bootstrap.
        against: Axes with the steps of the cell that gains are over.

    Raises:
        ResultsError: As `sheets`, or an unknown format.
    """
    _check_format(format)
    if format == "csv" and not rows and not columns:
        _check_metrics(run, metrics, against)
        return _raw(run, scores(run, _scored(metrics), resamples=resamples, against=against), metrics)
    return draw(sheets(run, rows=rows, columns=columns, metrics=metrics, resamples=resamples, against=against), format)


def draw(found: Sequence[Sheet], format: str) -> str:  # noqa: A002
    """Sheets in one of `FORMATS`.

    Raises:
        ResultsError: An unknown format.
    """
    _check_format(format)
    if format in ("csv", "html"):
        return formats.comma_separated(found) if format == "csv" else documents.page(found)
    one = {"text": formats.text, "md": formats.markdown, "latex": latex}[format]
    return "\n\n".join(one(sheet) for sheet in found)


def write(found: Sequence[Sheet], path: Path) -> Path:
    """Writes sheets to a file in the format of its ending.

    Raises:
        ResultsError: An ending of no format.
    """
    if path.suffix not in ENDINGS:
        raise ResultsError(f"{path}: '{path.suffix}' is no format: use one of {', '.join(ENDINGS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in BINARY:
        replace_file(path, lambda to: BINARY[path.suffix](found, to))
    else:
        replace_text(path, draw(found, ENDINGS[path.suffix]) + "\n")
    return path


def sheets(
    run: Run,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    metrics: Sequence[str] = (),
    resamples: int = 2000,
    against: Mapping[str, str] | None = None,
) -> list[Sheet]:
    """The tables of a run: one for each target, the declared comparisons, fillings, and the dataset's own score.

    Without `rows` and `columns` every cell has a row, best AUC first. With them, a number is the mean over the axes
    that are not named, with the interval of this mean from the resamples of its cells, and empty where one is missing.

    Args:
        run: A run folder.
        rows: Axes whose steps are rows.
        columns: Axes whose steps are columns.
        metrics: Names in `results.statistics.metrics.METRICS`, `gain` (AUC over `location`, or over `against`),
            or `gain_pixels` (AUC over the small pixels of the crop).
        resamples: Draws of the bootstrap.
        against: Axes with the steps of one cell of each target: gains are over that cell.

    Raises:
        ResultsError: An unknown axis or metric; a metric that means nothing for any target, such as kappa without an
            ordinal target; a broken run folder.
    """
    _check("axis", [*rows, *columns], run.axes)
    if twice := [axis for axis in rows if axis in columns]:
        raise ResultsError(f"axis '{twice[0]}' can't be in both rows and columns: name it in one of them")
    _check_metrics(run, metrics, against)
    frame = scores(run, _scored(metrics), resamples=resamples, against=against)
    over = run.location if against is None else " ".join(against.values())
    found = [
        target_sheet(
            run,
            frame,
            target,
            rows=rows,
            columns=columns,
            metrics=metrics,
            over=over,
            draws=MeanDraws(run, target, resamples=resamples, against=against),
        )
        for target in run.targets
    ]
    if not (rows or columns or metrics):
        if run.compare and resamples:
            from results.tables.comparisons import comparisons

            found += comparisons(run, resamples=resamples)
        if (outside := external_run(run)) is not None and outside is not run:
            found += external_sheets(run)
        more = (found_regions(run), found_points(run), rebuilt(run), filling(run), dataset_scores(run))
        found += [sheet for sheet in more if sheet is not None]
    return found


def _scored(metrics: Sequence[str]) -> list[str] | None:
    """The metrics to score for a table of some metrics; None for those that tables show."""
    return [*("auc" if name in GAINS else name for name in metrics), "auc"] if metrics else None


def _raw(run: Run, frame: pd.DataFrame, metrics: Sequence[str]) -> str:
    """The table of scores as CSV: all metrics, or some of them with their intervals and spreads."""
    unwanted = [name for name in known_columns() if metrics and name not in metrics]
    ends = ("", "_low", "_high", "_fold_mean", "_fold_sd", "_repeat_sd", *(f"_refit_{end}" for end in REFIT_ENDS))
    frame = frame.sort_values(["floor", "auc"], ascending=[True, False], kind="stable")
    frame = frame.sort_values("target", kind="stable")
    kept = [c for c in frame.columns if c not in {name + end for name in unwanted for end in ends}]
    number = {cell.key: cell.number for cell in run.cells}
    frame = frame[kept].assign(cell=frame["key"].map(number))[["cell", *kept]]
    return str(csv_frame(frame).to_csv(index=False, lineterminator="\n"))


def _check_metrics(run: Run, metrics: Sequence[str], against: Mapping[str, str] | None) -> None:
    check_columns(metrics)
    check_fit(run, [name for name in metrics if name != "gain" or against is None])


def _check_format(name: str) -> None:
    if f".{name}" in BINARY:
        raise ResultsError(f"'{name}' is no format of text: name a file, such as --out tables.{name}")
    _check("format", [name], FORMATS)


def _check(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ResultsError(f"no {kind} '{name}'{nearest(name, known)}")
