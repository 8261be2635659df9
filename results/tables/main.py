"""The tables of a run: a row a cell, or a pivot over some axes, with all that must be said beside the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.text.names import nearest
from results.run_folder import ResultsError, Run
from results.scores.labels import shorten
from results.scores.scores import DEFAULT as SCORED
from results.scores.scores import scores
from results.statistics.metrics import METRICS, ORDINAL
from results.tables import documents, formats, notes
from results.tables.formats import Row, Score, Sheet
from results.tables.meaning import check_fit, left_out, unfit
from results.tables.points import found_points
from results.tables.refits import ENDS as REFIT_ENDS
from results.tables.refits import refit_columns, refit_notes
from results.tables.side_tables import dataset_scores, filling, found_regions

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]
Values = tuple[str, ...]
Place = tuple[str, Values]

FORMATS = ("text", "md", "csv", "latex", "html")
ENDINGS = {".docx": "Word", ".html": "html", ".md": "md", ".tex": "latex", ".csv": "csv", ".txt": "text"}
DEFAULT = ("accuracy", "balanced_accuracy", "f1", "auc", "auc_within_level", "gain", *ORDINAL)
LABELS = {name: metric.label for name, metric in METRICS.items()} | {"gain": "Gain"}
LOWER_IS_BETTER = {name for name, metric in METRICS.items() if metric.lower_is_better}
DECIMALS = {"log_loss": 3, "brier": 3}


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
    """The tables of a run as text, by `sheets`.

    Args:
        run: A run folder.
        rows: As in `sheets`.
        columns: As in `sheets`.
        metrics: As in `sheets`.
        format: `text`, `md`, `latex`, `html` or `csv` (raw numbers at full precision).
        resamples: As in `sheets`.
        against: As in `sheets`.

    Raises:
        ResultsError: As `sheets`, or an unknown format.
    """
    _check("format", [format], FORMATS)
    if format == "csv" and not rows and not columns:
        _check("metric", metrics, LABELS)
        check_fit(run, [name for name in metrics if name != "gain" or against is None])
        return _raw(scores(run, _scored(metrics), resamples=resamples, against=against), metrics)
    return draw(sheets(run, rows=rows, columns=columns, metrics=metrics, resamples=resamples, against=against), format)


def draw(found: Sequence[Sheet], format: str) -> str:  # noqa: A002
    """Sheets in one of `FORMATS`.

    Raises:
        ResultsError: An unknown format.
    """
    _check("format", [format], FORMATS)
    if format in ("csv", "html"):
        return formats.comma_separated(found) if format == "csv" else documents.page(found)
    one = {"text": formats.text, "md": formats.markdown, "latex": formats.latex}[format]
    return "\n\n".join(one(sheet) for sheet in found)


def write(found: Sequence[Sheet], path: Path) -> Path:
    """Writes sheets to a file; its ending tells the format.

    Raises:
        ResultsError: An ending that stands for no format.
    """
    if path.suffix not in ENDINGS:
        raise ResultsError(f"{path}: '{path.suffix}' is no format: there is {', '.join(ENDINGS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".docx":
        documents.write_word(found, path)
    else:
        path.write_text(draw(found, ENDINGS[path.suffix]) + "\n", encoding="utf-8")
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
    """The tables of a run: one a target, declared comparisons, fillings, the dataset's own score.

    Without `rows` and `columns` every cell has a row, best AUC first. With them, a number is the mean over the axes
    that are not named, and empty where a cell of this mean is missing.

    Args:
        run: A run folder.
        rows: Axes whose values are rows.
        columns: Axes whose values are columns.
        metrics: Names in `results.statistics.metrics.METRICS`, or `gain` (AUC over `location`, or over `against`).
        resamples: Draws of the bootstrap.
        against: Axes with the step of one cell of each target, that gains are over.

    Raises:
        ResultsError: An unknown axis or metric, a metric that means nothing for every target, such as kappa without an
            ordinal one; a run folder that does not hold what it should.
    """
    _check("axis", [*rows, *columns], run.axes)
    _check("metric", metrics, LABELS)
    check_fit(run, [name for name in metrics if name != "gain" or against is None])
    frame = scores(run, _scored(metrics), resamples=resamples, against=against)
    over = "location" if against is None else " ".join(against.values())
    found = [_sheet(run, frame, target, rows, columns, metrics, over) for target in run.targets]
    if not (rows or columns or metrics):
        if run.compare and resamples:
            from results.tables.comparisons import comparisons

            found += comparisons(run, resamples=resamples)
        found += [
            sheet
            for sheet in (found_regions(run), found_points(run), filling(run), dataset_scores(run))
            if sheet is not None
        ]
    return found


def _scored(metrics: Sequence[str]) -> Sequence[str]:
    """What must be scored for a table of some metrics."""
    return [*("auc" if name == "gain" else name for name in metrics), "auc"] if metrics else SCORED


class _Means:
    """The cells of one target, averaged over the axes that a table does not name.

    Attributes:
        missing: For each place of the table that is empty for it: the cells of its mean that are not done.
    """

    def __init__(self, cells: list[Record], rows: Sequence[str], columns: Sequence[str], rest: Sequence[str]) -> None:
        self.rows = list(dict.fromkeys(_values(cell, rows) for cell in cells))
        self.columns = list(dict.fromkeys(_values(cell, columns) for cell in cells))
        self.averaged = list(dict.fromkeys(_values(cell, rest) for cell in cells))
        self.cells = {(_values(c, rows), _values(c, columns), _values(c, rest)): c for c in cells}
        self.missing: dict[str, list[str]] = {}

    def score(self, row: Values, column: Values, metric: str) -> Score | None:
        """The mean of a metric, or None where a cell of it is not done."""
        cells = {rest: self.cells.get((row, column, rest)) for rest in self.averaged}
        lacking = [", ".join(rest) for rest, cell in cells.items() if cell is None or cell["status"] != "done"]
        if lacking:
            if len(self.averaged) > 1:
                self.missing[", ".join([*row, *column])] = lacking
            return None
        return _mean([cell for cell in cells.values() if cell is not None], metric)


def _sheet(
    run: Run,
    frame: pd.DataFrame,
    target: str,
    rows: Sequence[str],
    columns: Sequence[str],
    metrics: Sequence[str],
    over: str,
) -> Sheet:
    records = [{str(k): v for k, v in r.items()} for r in frame.to_dict("records") if r["target"] == target]
    cells, floors = [r for r in records if not r["floor"]], [r for r in records if r["floor"]]
    if len({cell["tuned"] for cell in cells}) > 1:
        for cell in cells:
            cell["heads"] = f"{cell['heads']} ({'tuned' if cell['tuned'] else 'default'})"
    varying = [axis for axis in run.axes if len({cell[axis] for cell in cells}) > 1]
    full = _shorten(cells, [*varying, "heads"])
    labels = list(rows) or [axis for axis in run.axes if axis not in columns and (axis in varying or axis == "heads")]
    rest = [axis for axis in varying if axis not in labels and axis not in columns]
    asked = [name for name in metrics if name != "gain" or over == "location"]
    absent = {name for name in asked if unfit(run, target, name)}
    wanted = [name for name in DEFAULT if any(_is_number(r.get(name)) for r in records)]
    names = ([name for name in metrics if name not in absent] if metrics else wanted) or ["auc"]
    means = _Means(cells, labels, columns, rest)
    places = [(metric, column) for metric in names for column in means.columns or [()]]
    pivot = bool(rest or columns)
    extras = {} if pivot else _extras(records) | refit_columns(records, metrics or ["auc"], DECIMALS)
    drawn: list[tuple[Row, Record]] = []
    for labels_of_row in means.rows:
        found = tuple(means.score(labels_of_row, column, metric) for metric, column in places)
        if any(found) or pivot:
            record = means.cells.get((labels_of_row, (), ()), {})
            drawn.append((Row(labels_of_row, found, tuple(say(record) for say in extras.values())), record))
    first = "auc" if "auc" in names else names[0]
    by = next((j for j, (metric, _) in enumerate(places) if metric == first), 0)
    drawn.sort(key=lambda row: _rank(row[0].scores[by], places[by][0]))
    best = _best([row for row, _ in drawn], places)
    tied = {
        (i, j)
        for i, (_, record) in enumerate(drawn)
        for j, (metric, _) in enumerate(places)
        if str(record.get(f"{'auc' if metric == 'gain' else metric}_tied")) == "True" and (i, j) not in best
    }
    about: Record = {"varying": varying, "metrics": names, "missing": means.missing, "over": over, "averaged": rest}
    return Sheet(
        target=target,
        title=f"{target}: {run.dataset}, run {run.name}",
        labels=tuple(labels),
        headers=tuple(
            "\n".join([_label(metric, over), *([", ".join(column)] if column else [])]) for metric, column in places
        ),
        extras=tuple(extras),
        rows=tuple(row for row, _ in drawn),
        floors=tuple(_floors(floors, labels, columns, places, extras, over)),
        best=best,
        tied=frozenset(tied),
        always=frozenset(j for j, (metric, _) in enumerate(places) if metric in ("auc", "gain")),
        notes=(
            *left_out(run, target, asked),
            *notes.of_target(run, frame, records, **about),
            *(() if pivot else refit_notes(run, records)),
            *full,
        ),
    )


def _shorten(cells: list[Record], axes: Iterable[str]) -> list[str]:
    """Shortens the labels of some axes in place; gives a line that tells the long ones."""
    long: dict[str, str] = {}
    for axis in dict.fromkeys(axes):
        short = shorten(str(cell[axis]) for cell in cells)
        for cell in cells:
            cell[axis] = short[str(cell[axis])]
        long |= {name: label for label, name in short.items() if name != label}
    return [f"In full: {'; '.join(long.values())}."] if long else []


def _floors(
    floors: list[Record],
    labels: Sequence[str],
    columns: Sequence[str],
    places: list[Place],
    extras: Record,
    over: str,
) -> Iterable[Row]:
    """A row for each floor; one that does not depend on the columns says the same in all."""
    named = labels.index("heads") if "heads" in labels else 0
    rows: dict[Values, list[Record]] = {}
    for floor in floors:
        about = ["" if floor[axis] == "none" else str(floor[axis]) for axis in labels]
        about[named] = str(floor["heads"])
        rows.setdefault(tuple(about), []).append(floor)
    for about_row, cells in rows.items():
        found = []
        for metric, column in places:
            own = [c for c in cells if _values(c, columns) == column] or cells
            done = all(c["status"] == "done" for c in own)
            itself = metric == "gain" and over == "location" and str(own[0]["heads"]).startswith("location")
            found.append(_mean(own, metric) if done and not itself else None)
        yield Row(about_row, tuple(found), tuple(say(cells[0]) for say in extras.values()))


def _mean(cells: list[Record], metric: str) -> Score | None:
    """The mean over cells; the interval where it is one cell."""
    values = [float(cell[metric]) for cell in cells if _is_number(cell.get(metric))]
    if len(values) < len(cells):
        return None
    low, high = cells[0].get(f"{metric}_low"), cells[0].get(f"{metric}_high")
    ends = (low, high) if len(cells) == 1 and _is_number(low) else (None, None)
    return Score(math.fsum(values) / len(values), *ends, signed=metric == "gain", decimals=DECIMALS.get(metric, 2))


def _extras(records: list[Record]) -> Record:
    """Columns that not every table needs, by their header: what to say of a cell."""
    extras: Record = {}
    done = [r for r in records if r["status"] == "done"]
    if len({(r["n_patients"], r["n_events"]) for r in done}) > 1:
        extras["Patients"] = lambda r: _whole(r.get("n_patients"))
        extras["Samples"] = lambda r: _whole(r.get("n_samples"))
        extras["By class"] = lambda r: r.get("n_events") or ""
    if any(_is_number(r.get("null_runs")) for r in done):
        extras["Null AUC"] = lambda r: f"{r['null_auc']:.2f}" if _is_number(r.get("null_auc")) else ""
        extras["p"] = lambda r: f"{r['p_value']:.3f}" if _is_number(r.get("p_value")) else ""
    return extras


def _best(rows: list[Row], places: list[Place]) -> frozenset[tuple[int, int]]:
    best = set()
    for j, (metric, _) in enumerate(places):
        scored = [i for i, row in enumerate(rows) if row.scores[j] is not None]
        if len(scored) > 1:
            best.add((min(scored, key=lambda i: _rank(rows[i].scores[j], metric)), j))
    return frozenset(best)


def _label(metric: str, over: str) -> str:
    return f"Gain over {over}" if metric == "gain" and over == "location" else LABELS[metric]


def _rank(score: Score | None, metric: str) -> float:
    if score is None:
        return math.inf
    return score.value if metric in LOWER_IS_BETTER else -score.value


def _raw(frame: pd.DataFrame, metrics: Sequence[str]) -> str:
    """The scores as they are: all, or those of some metrics with their intervals and spreads."""
    unwanted = [name for name in LABELS if metrics and name not in metrics]
    ends = ("", "_low", "_high", "_fold_mean", "_fold_sd", "_repeat_sd", *(f"_refit_{end}" for end in REFIT_ENDS))
    frame = frame.sort_values(["floor", "auc"], ascending=[True, False], kind="stable")
    frame = frame.sort_values("target", kind="stable")
    columns = [c for c in frame.columns if c not in {name + end for name in unwanted for end in ends}]
    return str(frame[columns].to_csv(index=False, lineterminator="\n"))


def _values(cell: Record, axes: Sequence[str]) -> Values:
    return tuple(str(cell[axis]) for axis in axes)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _whole(value: Any) -> str:
    return str(int(value)) if _is_number(value) else ""


def _check(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ResultsError(f"no {kind} '{name}'{nearest(name, known)}")
