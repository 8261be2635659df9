"""Checks whether a stored result still fits its run folder and the code; imports no numerical library."""

from __future__ import annotations

import errno
import hashlib
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from results.found import FOLDERS

HERE = Path(__file__).parent
EXTERNAL = "external"  # the folder of a run's external test, which is a run folder of its own
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def digest(folder: Path, about: str, *, also: Iterable[Path] = ()) -> str:
    """A digest of the predictions of a run, the code of `results/` and some arguments.

    Files of the run count by size and time, code by its text. A user's own metrics, figures and presets are code too.

    Args:
        folder: A run folder.
        about: The arguments that the result depends on.
        also: More files that it depends on.
    """
    state = hashlib.sha256(about.encode())
    for path in _code():
        state.update(path.read_bytes())
    for path in [*run_files(folder), *also]:
        stat = path.stat()
        state.update(f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return state.hexdigest()


def run_files(folder: Path) -> list[Path]:
    """The files of a run folder from which scores are computed."""
    named = [folder / name for name in ("run.json", "cells.json", "samples.parquet")]
    predictions = [path for place in ("cells", "null/*", "refit/*") for path in folder.glob(f"{place}/*.parquet")]
    return [path for path in named if path.exists()] + sorted(predictions)


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file under another name and renames it, so that it is never half written.

    A run folder that can only be read keeps nothing.
    """
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        write(unfinished)
        unfinished.replace(path)
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise


def _code() -> Iterator[Path]:
    yield from sorted(HERE.rglob("*.py"))
    for package in FOLDERS:
        for path in getattr(sys.modules.get(package), "__path__", []):
            if not Path(path).is_relative_to(HERE):
                yield from sorted(Path(path).glob("*.py"))
