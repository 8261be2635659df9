"""The dataset's own metrics for every combination of steps, over all targets that a metric needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.run.record import Record
from data.base import Dataset
from data.files.whole import replace_file
from data.text.csv_tables import read_csv
from results.statistics import uncertainty
from results.statistics.bootstrap import PredictedRows
from results.statistics.metrics.base import OfRows

if TYPE_CHECKING:
    import pandas as pd

FILE = "dataset_scores.csv"
RESAMPLES, AT_ONCE = 1000, 100
OWN = OfRows("The dataset's own score", loss=lambda y, P: np.zeros(len(y)))
"""The scale of a dataset's own metric: one without known limits."""


def write(plan: Plan, record: Record, cells: list[PlannedCell]) -> None:
    """Writes `dataset_scores.csv` into the run folder: one row for each metric and combination, with a 95 % interval.

    The value is the mean over the repeats. The interval is that of any metric which is no metric of pairs
    (`results.statistics.uncertainty`). For a dataset without metrics of its own, nothing is written.
    """
    if type(plan.dataset).scores is Dataset.scores:
        return
    import pandas as pd

    path = record.folder / FILE
    known = dict(iter(read_csv(path, text=["key"]).groupby("key"))) if path.exists() else {}
    tables = []
    for group in _groups(cells, len(plan.grid.targets)):
        code = [identity.code(module) for module in (type(plan.dataset).__module__, uncertainty.__name__)]
        key = identity.combine(*code, *(one.key for one in group))
        tables.append(known[key] if key in known else pd.DataFrame(_score(plan, record, group, key)))
    tables = [table for table in tables if len(table)]
    if tables:
        replace_file(path, lambda to: pd.concat(tables).to_csv(to, index=False))
    else:
        path.unlink(missing_ok=True)


def _groups(cells: list[PlannedCell], targets: int) -> Iterator[list[PlannedCell]]:
    """Groups of cells: each cell by itself, and cells that differ only in their target if every target has one."""
    by_steps: dict[tuple[Any, ...], list[PlannedCell]] = defaultdict(list)
    for planned in cells:
        by_steps[tuple(planned.cell.steps.values())].append(planned)
    for group in by_steps.values():
        yield from ([one] for one in group)
        if 1 < len(group) == targets:
            yield group


def _score(plan: Plan, record: Record, group: list[PlannedCell], key: str) -> Iterator[dict[str, Any]]:
    import pandas as pd

    predictions = pd.concat([pd.read_parquet(record.predictions_file(one)) for one in group])
    if predictions.duplicated(["repeat", "sample"]).any():
        return
    patients, patient = np.unique(predictions["patient"].astype(str), return_inverse=True)
    counts = _counts(len(patients), seed=identity.seed(plan.grid.protocol.seed, "dataset scores"))
    values: dict[str, list[float]] = defaultdict(list)
    draws: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for _, rows in predictions.assign(_patient=patient).groupby("repeat"):
        patient_of_row, table = rows["_patient"].to_numpy(), rows.set_index("sample")
        for name, value in plan.dataset.scores(table).items():
            values[name].append(float(value[0]))
        parts = [
            plan.dataset.scores(table, counts[i : i + AT_ONCE, patient_of_row].astype(np.float64))
            for i in range(0, RESAMPLES, AT_ONCE)
        ]
        for name in parts[0]:
            draws[name].append(np.concatenate([part[name] for part in parts]))
    about = {"key": key} | group[0].cell.shown() | {"targets": " + ".join(one.cell.target for one in group)}
    rows_of = _rows(plan, predictions, patient)
    for name, of_repeats in values.items():
        error = uncertainty.standard_error(OWN, rows_of, np.array(draws[name]))
        low, high = uncertainty.interval(OWN, rows_of, float(np.mean(of_repeats)), error)
        yield about | {
            "score": name,
            "value": float(np.mean(of_repeats)),
            "low": float(low),
            "high": float(high),
            "n_samples": predictions["sample"].nunique(),
            "n_patients": len(patients),
            "lower_is_better": name in plan.dataset.losses,
        }


def _rows(plan: Plan, predictions: pd.DataFrame, patient: NDArray[np.int64]) -> PredictedRows:
    """The rows that were scored; their classes do not matter."""
    repeat, fold = (predictions[name].to_numpy(np.int64) for name in ("repeat", "fold"))
    ratio = None
    if len(plan.view.folds) == 1:
        (only,) = plan.view.folds
        tested, learnt = (len(np.unique(plan.patients[part])) for part in (only.test, only.train))
        ratio = tested / learnt
    return PredictedRows(patient, repeat, fold, np.zeros_like(repeat), 1, ratio=ratio)


def _counts(patients: int, *, seed: int) -> NDArray[np.int16]:
    """`(RESAMPLES, patients)`: how often each patient was drawn."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(patients, np.full(patients, 1 / patients), size=RESAMPLES).astype(np.int16)
