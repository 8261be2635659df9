"""Checks whether a stored result still fits its run folder and the code; imports no numerical library."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from data.files.whole import replace_file, why_not_written
from results.found import FOLDERS

HERE = Path(__file__).parent
EXTERNAL = "external"  # the folder of a run's external test, which is a run folder of its own


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


def sealed(state: str, text: str) -> str:
    """A digest of what a kept text was made from, and of the text, so that an edited one is not used."""
    return hashlib.sha256(f"{state}\n{text}".encode()).hexdigest()


def run_files(folder: Path) -> list[Path]:
    """The files of a run folder from which scores are computed."""
    named = [folder / name for name in ("run.json", "cells.json", "samples.parquet")]
    predictions = [path for place in ("cells", "null/*", "refit/*") for path in folder.glob(f"{place}/*.parquet")]
    return [path for path in named if path.exists()] + sorted(predictions)


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file that saves work, if it can be written: a folder that is read only, or full, keeps nothing."""
    try:
        replace_file(path, write)
    except OSError as error:
        if not why_not_written(error):
            raise


def _code() -> Iterator[Path]:
    yield from sorted(HERE.rglob("*.py"))
    for package in FOLDERS:
        for path in getattr(sys.modules.get(package), "__path__", []):
            if not Path(path).is_relative_to(HERE):
                yield from sorted(Path(path).glob("*.py"))
