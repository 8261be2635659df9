"""The tables of a run folder besides predictions, checked for what is read of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from data.text.csv_tables import read_csv
from results import ResultsError
from results.json_files import AGAIN, one_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FOLDS: Mapping[str, type] = {"patient": str, "repeat": int, "fold": int}
EXCLUDED: Mapping[str, type] = {"file": str, "sample": str, "sequence": str, "reason": str}
SAMPLES = "samples.parquet"


def read_table(path: Path, columns: Mapping[str, type]) -> pd.DataFrame:
    """A CSV file that a run wrote; an empty cell in a column of text is an empty text.

    Args:
        path: The file.
        columns: The columns that it must have: `str` for text, `int` for whole numbers, `float` for numbers.

    Raises:
        ResultsError: It can't be read, or lacks a column, or holds something else there.
    """
    text = [name for name, kind in columns.items() if kind is str]
    try:
        table = read_csv(path, text={*text, "sample", "patient", "study", "sequence"})
        if lost := [name for name in columns if name not in table]:
            raise ValueError(f"it must have a column {lost[0]}")
        table[text] = table[text].fillna("")
        for name, kind in columns.items():
            if kind is not str:
                table[name] = table[name].astype(kind)
    except (OSError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise _unread(path, error) from error
    return table


def read_samples(folder: Path) -> pd.DataFrame:
    """The samples of a run, indexed by their names, with the patients as text.

    Raises:
        ResultsError: `samples.parquet` can't be read, names a sample twice, or has no patients.
    """
    import pyarrow as pa

    path = folder / SAMPLES
    try:
        found: pd.DataFrame = _stored(path).to_pandas()
        found = found if found.index.name == "sample" else found.set_index("sample")
        found.index = found.index.astype(str)
        if found.index.has_duplicates or "patient" not in found:
            raise ValueError("it must have a column patient, and each sample once")
        return found.assign(patient=found["patient"].astype(str))
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise _unread(path, error) from error


def _stored(path: Path) -> pa.Table:
    """A parquet file whose texts are texts: otherwise one fails only where it is used.

    Raises:
        ValueError: A text is no UTF-8, or a column holds bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    table.validate(full=True)
    kinds = pa.types.is_binary, pa.types.is_large_binary
    if odd := [one.name for one in table.schema if any(kind(one.type) for kind in kinds)]:
        raise ValueError(f"column {odd[0]} holds bytes")
    return table


def _unread(path: Path, error: Exception) -> ResultsError:
    return ResultsError(f"{path} can't be read ({one_line(error)}): {AGAIN}")
