"""Writes what people open: the tables as files and a picture a target, into the run folder."""

from __future__ import annotations

from pathlib import Path

from results.run_folder import Run
from results.scores.scores import scores
from results.tables.main import table

FORMATS = {"md": "md", "csv": "csv", "latex": "tex"}


def write_files(run: Run) -> list[Path]:
    """Writes `tables.md`, `tables.csv`, `tables.tex` and `leaderboard_TARGET.png`; gives the files."""
    from results.figures import leaderboard

    written = []
    for name, ending in FORMATS.items():
        file = run.folder / f"tables.{ending}"
        file.write_text(table(run, rows=[], columns=[], metrics=[], format=name) + "\n", encoding="utf-8")
        written.append(file)
    found = scores(run)
    for target in run.targets:
        if ((found["target"] == target) & (found["status"] == "done")).any():
            written.append(run.folder / f"leaderboard_{target}.png")
            leaderboard(found, target, written[-1], axes=run.axes)
    return written
