"""Reads one input after another: takes lines `{"kind", "path"}` from standard input and answers each with a line.

An answer holds `outcome`: `read` (with the pixels in a file, or a text), `named` (refused with the error that users
see) or `traceback` (any other exception), and `words`.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np


def read(kind: str, path: Path, to: Path) -> dict[str, Any]:
    """What the project makes of an input."""
    from data import ScangridError

    try:
        return {"outcome": "read", "words": _read(kind, path, to)}
    except ScangridError as error:
        return {"outcome": "named", "words": str(error)}
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"outcome": "traceback", "words": f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"}


def _read(kind: str, path: Path, to: Path) -> str:
    from tests.studies.fuzz import folders
    from tests.studies.fuzz.images import IMAGES

    if kind in IMAGES:
        from data.reading import volumes

        np.save(to, volumes.read(path).pixels)
        return ""
    readers = {"csv": folders.read_table, "xlsx": folders.read_table, "yaml": folders.read_grid}
    readers |= {"run": folders.read_run, "model": folders.read_model}
    readers |= {"run, no sums": folders.read_whole_run, "model, own sums": folders.use_model}
    return readers[kind](path)


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        answer = read(asked["kind"], Path(asked["path"]), Path(asked["to"]))
        print(json.dumps(answer), file=sys.__stdout__, flush=True)
