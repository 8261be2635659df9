"""Files of a run folder, written so that a reader always sees a whole file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data import ScangridError
from data.files.whole import replace_file as replace_file
from data.files.whole import replace_text

if TYPE_CHECKING:
    import pandas as pd


class RunFileError(ScangridError):
    """A file of a run folder that can't be read."""


def write_json(path: Path, content: Any) -> None:
    """Plain values as readable JSON."""
    replace_text(path, json.dumps(content, indent=1))


def read_json(path: Path, default: Any) -> Any:
    """The content of a JSON file, or a default if there is none.

    Raises:
        RunFileError: The file holds anything but JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"{path} is broken ({error}): delete it, then run again (what is done is kept)") from error


def write_table(path: Path, table: pd.DataFrame, index: str | None = None) -> None:
    """Writes a table as CSV, with its index as a column if `index` names it; an empty table removes the file."""
    if len(table):
        replace_file(path, lambda to: table.to_csv(to, index=index is not None, index_label=index))
    else:
        path.unlink(missing_ok=True)
