"""Tables as pandas DataFrames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from results.run_folder import Run
from results.scores.scores import scores, shown_metrics
from results.tables.columns import GAINS
from results.tables.columns import columns as known_columns
from results.tables.formats import Row, Sheet
from results.tables.main import sheets as table_sheets

if TYPE_CHECKING:
    import pandas as pd

ENDS = ("", "_low", "_high")


def scored(run: Run, metrics: Sequence[str], against: Mapping[str, str] | None) -> pd.DataFrame:
    """One row per cell, by target, best AUC first and floors last.

    Args:
        run: A run folder.
        metrics: The metrics; none for those of the main table.
        against: The steps of the cell that gains are over, by axis.

    Returns:
        A frame indexed by target and by the axes that differ. Its columns are the metrics with their intervals,
        `n_patients`, `n_samples`, `floor` and `status`.

    Raises:
        ResultsError: An unknown metric or cell.
    """
    sheets = table_sheets(run, metrics=metrics, against=against)  # checks the arguments too
    wanted = ["auc", *(name for name in metrics if name not in GAINS)] if metrics else None
    frame = scores(run, wanted, against=against)
    real = frame[~frame["floor"].astype(bool)]
    varying = [axis for axis in run.axes if axis == "heads" or len(set(real[axis])) > 1]
    shown = metrics or [name for name in known_columns() if name in (*shown_metrics(), *GAINS)]
    kept = [name + end for name in shown for end in ENDS if name + end in frame and frame[name + end].notna().any()]
    frame = frame.sort_values(["floor", "auc"], ascending=[True, False], kind="stable")
    frame = frame.sort_values("target", kind="stable", key=lambda names: names.map(run.targets.index))
    about = ["n_patients", "n_samples", "floor", "status"]
    frame = frame.set_index(["target", *varying])[[*kept, *(name for name in about if name in frame)]]
    frame.attrs["notes"] = _notes(sheets)
    return frame


def pivot(
    run: Run,
    rows: Sequence[str],
    columns: Sequence[str],
    metrics: Sequence[str],
    against: Mapping[str, str] | None,
) -> pd.DataFrame:
    """Means over the axes that are not named, as a table with the same arguments shows them.

    Args:
        run: A run folder.
        rows: Axes whose steps are rows.
        columns: Axes whose steps are columns.
        metrics: The metrics; none for those of the main table.
        against: The steps of the cell that gains are over, by axis.

    Returns:
        A frame indexed by target and rows. Its columns are the metrics, with an interval where a number comes from
        one cell; below each metric are the steps of `columns`.

    Raises:
        ResultsError: An unknown axis, metric or cell.
    """
    import pandas as pd

    sheets = table_sheets(run, rows=rows, columns=columns, metrics=metrics, against=against)
    records = [
        dict(zip(("target", *sheet.labels), (sheet.target, *row.labels), strict=True)) | _numbers(sheet, row)
        for sheet in sheets
        for row in (*sheet.rows, *sheet.floors)
    ]
    frame = pd.DataFrame(records).set_index(["target", *sheets[0].labels])
    single = any(score is not None and score.low is not None for s in sheets for row in s.rows for score in row.scores)
    made: list[Any] = list(frame.columns)
    names = [name for name in made if single or not name[0].endswith(ENDS[1:])]
    frame = frame[names]
    stepped = any(step for _, step in names)
    frame.columns = pd.MultiIndex.from_tuples(names) if stepped else pd.Index([name for name, _ in names])
    frame.attrs["notes"] = _notes(sheets)
    return frame


def _notes(sheets: Sequence[Sheet]) -> dict[str, list[str]]:
    """The notes below the table of each target."""
    found: dict[str, list[str]] = {}
    for sheet in sheets:
        found.setdefault(sheet.target, list(sheet.notes))  # the table of scores comes first
    return found


def _numbers(sheet: Sheet, row: Row) -> dict[Any, float | None]:
    """The score and the ends of its interval, by metric and step of the columns."""
    found: dict[Any, float | None] = {}
    for metric, header, score in zip(sheet.metrics, sheet.headers, row.scores, strict=True):
        step = header.partition("\n")[2]
        values = (None,) * 3 if score is None else (score.value, score.low, score.high)
        found |= {(metric + end, step): value for end, value in zip(ENDS, values, strict=True)}
    return found
