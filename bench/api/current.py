"""Whether the tables in a run folder are those of its cells."""

from __future__ import annotations

from pathlib import Path

FACTS = ("grid.yaml", "run.json", "cells.json", "samples.parquet", "folds.csv", "excluded.csv", "external/run.json")


def tables_are_current(folder: Path) -> bool:
    """Whether `tables.md` was written after the files that it is made from; a run rewrites those only if they change.

    A grid may change without a fit: a step is taken out, or the store has the fits of a step that came in.

    Args:
        folder: A run folder.
    """
    written = folder / "tables.md"
    if not written.exists():
        return False
    made = written.stat().st_mtime_ns
    return all(made >= (folder / name).stat().st_mtime_ns for name in FACTS if (folder / name).exists())
