"""The predictions of a cell, as its file holds them, checked before anything is computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from results import ResultsError
from results.json_files import one_line
from results.statistics.metrics.base import Metric, OfCounts

if TYPE_CHECKING:
    import pandas as pd

Int64 = NDArray[np.int64]
Strings = NDArray[np.object_]
ROUNDING = 1e-5
ALL = -1  # the fold of an external test, whose fits saw all patients of training
AGAIN = "delete it and run the grid again (what is done is kept)"


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of one cell for samples that it was not fitted on.

    Args:
        sample: `(n,)` str; each sample occurs once in every repeat.
        patient: `(n,)` str.
        repeat: `(n,)` int64.
        fold: `(n,)` int64, counted anew in every repeat.
        y: `(n,)` int64 class indices.
        P: `(n, K)` float64 probabilities.
        called: `(n,)` int64: the predicted class of each row, by a threshold or by weights of the classes; None: the
            most probable class.
        recalibrated: `(n, K)` float64: the probabilities of a fit on balanced rows, recalibrated on real rows; None
            where rows were not balanced, or where a fold had too few patients to recalibrate.
    """

    sample: Strings
    patient: Strings
    repeat: Int64
    fold: Int64
    y: Int64
    P: NDArray[np.float64]
    called: Int64 | None = None
    recalibrated: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[Any]) -> Predictions:
        """Some rows, by position or by mask."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: values[rows] for name, values in given.items() if values is not None})

    def scored_by(self, metric: Metric) -> NDArray[np.float64]:
        """`(n, K)` float64: the probabilities that a metric takes.

        If classes are called at a threshold, metrics of counts get 1 for the called class and 0 for the others.
        """
        if self.called is None or not isinstance(metric, OfCounts):
            return self.P
        return np.eye(self.P.shape[1])[self.called]


class Samples:
    """The samples of a run with their labels, which predictions must agree with.

    Args:
        table: `samples.parquet`, indexed by sample.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        import pandas as pd

        self._table = table
        self._index: Any = pd.Index(table.index.astype(str).to_numpy(dtype=object), dtype=object)
        self._patient = table["patient"].astype(str).to_numpy(dtype=object)
        self._labels: dict[str, tuple[list[str], Int64]] = {}

    @property
    def patients(self) -> tuple[str, ...]:
        """All patients, in order."""
        return tuple(sorted(set(self._patient)))

    def labelled(self, target: str) -> set[str]:
        """The patients with a label in a column; all patients where there is no such column."""
        if target not in self._table:
            return set(self._patient)
        return set(self._patient[self._table[target].notna().to_numpy()])

    def fault(self, found: Predictions, target: str, classes: Sequence[str], merged: Mapping[str, str]) -> str:
        """Why predictions can't be of these samples, or an empty text.

        Args:
            found: The predictions.
            target: The column of the labels; it need not be there.
            classes: The labels in the order of the predictions' class indices.
            merged: The labels that the grid counts as others.
        """
        at = self._index.get_indexer(found.sample)
        if (at < 0).any():
            return f"sample {one_line(found.sample[at < 0][0])} is not in samples.parquet"
        if (other := self._patient[at] != found.patient).any():
            sample, patient = one_line(found.sample[other][0]), one_line(found.patient[other][0])
            return f"sample {sample} has patient {patient}, but another in samples.parquet"
        if target not in self._table:
            return ""
        labels, every = self._of(target)
        codes, names = every[at], [merged.get(label, label) for label in labels]
        expected = np.array([classes.index(name) if name in classes else -1 for name in names])
        first = np.full(len(labels), -1)
        first[codes[::-1]] = found.y[::-1]  # a label in other words than the classes has the class of its first row
        wrong = found.y != np.where(expected >= 0, expected, first)[codes]
        if not wrong.any():
            return ""
        row = int(np.flatnonzero(wrong)[0])
        label, given = one_line(labels[codes[row]]), one_line(classes[found.y[row]])
        return f"sample {one_line(found.sample[row])} has class {given}, but {label} in samples.parquet"

    def _of(self, target: str) -> tuple[list[str], Int64]:
        """The labels of a column, each once, and the number of that of each sample."""
        if target not in self._labels:
            text = np.array(list(map(str, self._table[target])), dtype=object)  # one without a label is a float
            labels, codes = np.unique(text, return_inverse=True)
            self._labels[target] = list(map(str, labels)), codes
        return self._labels[target]


def read_predictions(path: Path, n_classes: int, *, once: bool = True) -> Predictions:
    """Reads the predictions of a cell.

    Args:
        path: The file.
        n_classes: K.
        once: Whether a sample is there once in each repeat.

    Raises:
        ResultsError: The file is missing or broken, or was changed after the run.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    again = [f"recalibrated_{k}" for k in range(n_classes)]
    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read(use_threads=False)
        text = {name: _text(table[name]) for name in ("sample", "patient")}
        repeat, fold, y = (_whole(table[name]) for name in ("repeat", "fold", "y"))
        P = _floats(table, [f"p_{k}" for k in range(n_classes)])
        recalibrated = _floats(table, again) if again[0] in table.column_names else None
        called = _whole(table["called"]) if "called" in table.column_names else None
    except FileNotFoundError:
        raise ResultsError(f"{path} is missing though its cell is done: run the grid again") from None
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise ResultsError(
            f"{path} holds no predictions of {n_classes} classes ({one_line(error)}): {AGAIN}"
        ) from error
    if recalibrated is not None and not np.isfinite(recalibrated).all():
        recalibrated = None
    found = Predictions(**text, repeat=repeat, fold=fold, y=y, P=P, called=called, recalibrated=recalibrated)
    if why := _fault(found, n_classes) or (_repeated(found) if once else ""):
        raise ResultsError(f"{path}: {why}: {AGAIN}")
    return found


def _fault(found: Predictions, n_classes: int) -> str:
    """Why no run writes such rows, or an empty text."""
    for P in (found.P, found.recalibrated):
        if P is not None and not (P >= -ROUNDING).all():
            return "must hold probabilities from 0 to 1"
        if P is not None and not (np.abs(P.sum(axis=1) - 1) <= ROUNDING).all():
            return "must hold probabilities that sum to 1"
    for classes in (found.y, found.called):
        if classes is not None and (len(classes) == 0 or classes.min() < 0 or classes.max() >= n_classes):
            return f"must hold rows with y from 0 to {n_classes - 1}"
    if found.repeat.min() < 0 or (found.fold.min() < 0 and not (found.fold == ALL).all()):
        return "must count repeats and folds from 0"
    return ""


def _repeated(found: Predictions) -> str:
    import pandas as pd

    codes = pd.factorize(found.sample)[0]
    pairs = codes * (int(found.repeat.max()) + 1) + found.repeat
    if len(np.unique(pairs)) == len(pairs):
        return ""
    row = int(np.flatnonzero(pd.Series(pairs).duplicated())[0])
    return f"holds sample {one_line(found.sample[row])} twice in repeat {found.repeat[row]}"


def _text(column: Any) -> Strings:
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) or column.null_count:
        raise ValueError(f"names must be texts, not {column.type}")
    return column.to_numpy().astype(object)  # type: ignore[no-any-return]


def _whole(column: Any) -> Int64:
    values = column.to_numpy()
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"whole numbers must be whole numbers, not {column.type}")
    return values.astype(np.int64)  # type: ignore[no-any-return]


def _floats(table: Any, names: list[str]) -> NDArray[np.float64]:
    return np.column_stack([table[name].to_numpy() for name in names]).astype(np.float64)
