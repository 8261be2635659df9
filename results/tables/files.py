"""Writes the files of a finished run into its folder: the tables, a picture for each target, and the printed text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from results import cache

if TYPE_CHECKING:
    from results.run_folder import Run

FORMATS = {"md": "md", "csv": "csv", "latex": "tex"}
PRINTED = ".printed.json"


def write_files(run: Run) -> list[Path]:
    """Writes `tables.md`, `tables.csv`, `tables.tex` and `leaderboard_TARGET.png`; gives the files."""
    from results.figures.drawing.draw import draw_boards
    from results.tables.main import table

    written = []
    for name, ending in FORMATS.items():
        file = run.folder / f"tables.{ending}"
        file.write_text(table(run, format=name) + "\n", encoding="utf-8")
        written.append(file)
    return [*written, *draw_boards(run)]


def printed(folder: Path) -> str:
    """The tables of a run as text, as `results.tables.main.table` gives them without arguments.

    The text is kept in the run folder. While neither the run folder nor the code of `results/` changes, it is read from
    there, without a numerical library.

    Args:
        folder: A run folder.

    Raises:
        ResultsError: It is no run folder, or a broken one.
    """
    path, digest = folder / PRINTED, cache.digest(folder, "printed", also=_side_tables(folder))
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["digest"] == digest:
            return str(kept["text"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no text is kept, or a broken one: it is made again
    from results.run_folder import read
    from results.tables.main import table

    text = table(read(folder))
    cache.replace(path, lambda to: to.write_text(json.dumps({"digest": digest, "text": text}), encoding="utf-8"))
    return text


def _side_tables(folder: Path) -> Iterator[Path]:
    """The tables that the run wrote besides predictions, and the files of its external test."""
    yield from (path for path in sorted(folder.glob("*.csv")) if path.name != "tables.csv")
    yield from cache.run_files(folder / cache.EXTERNAL)
