"""Writes the files of a finished run into its folder: the tables, a picture for each target, and the printed text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.files.whole import replace_text
from results import cache

if TYPE_CHECKING:
    from results.run_folder import Run

FORMATS = {"md": "md", "csv": "csv", "latex": "tex"}
PRINTED, NOTED = ".printed.json", ".tables.json"


def write_files(run: Run) -> list[Path]:
    """Writes `tables.md`, `tables.csv`, `tables.tex` and `leaderboard_TARGET.png`; gives the files.

    What they were made from is noted at the end, see `are_current`. Pictures of an earlier call that are not drawn any
    more are removed.
    """
    from results.figures.drawing.draw import draw_boards
    from results.tables.main import table

    digest, former = _digest(run.folder), _noted(run.folder).get("files", [])
    written = []
    for name, ending in FORMATS.items():
        file = run.folder / f"tables.{ending}"
        replace_text(file, table(run, format=name) + "\n")
        written.append(file)
    written += draw_boards(run)
    names = [file.name for file in written]
    for name in {Path(one).name for one in former} - set(names):
        (run.folder / name).unlink(missing_ok=True)
    replace_text(run.folder / NOTED, json.dumps({"digest": digest, "files": names}))
    return written


def are_current(folder: Path) -> bool:
    """Whether the files of `write_files` are all there, and made from what is in the run folder now.

    A run that was killed before its tables, or between two of them, has written no note about them.

    Args:
        folder: A run folder.
    """
    noted = _noted(folder)
    return noted.get("digest") == _digest(folder) and all((folder / name).is_file() for name in noted["files"])


def _digest(folder: Path) -> str:
    return cache.digest(folder, "files", also=_side_tables(folder))


def _noted(folder: Path) -> dict[str, Any]:
    try:
        noted = json.loads((folder / NOTED).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}


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
        if kept["digest"] == cache.sealed(digest, kept["text"]):
            return str(kept["text"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # no text is kept, or a broken one: it is made again
    from results.run_folder import read
    from results.tables.main import table

    text = table(read(folder))
    content = json.dumps({"digest": cache.sealed(digest, text), "text": text})
    cache.keep(path, lambda to: to.write_text(content, encoding="utf-8"))
    return text


def _side_tables(folder: Path) -> Iterator[Path]:
    """The tables that the run wrote besides predictions, and the files of its external test."""
    yield from (path for path in sorted(folder.glob("*.csv")) if path.name != "tables.csv")
    yield from cache.run_files(folder / cache.EXTERNAL)
