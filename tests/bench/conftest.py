"""A fixture that runs a grid in its own folders."""

from pathlib import Path

import pytest

from bench.grid.file import read_grid
from bench.run.progress import Progress
from bench.run.run import Options, run


@pytest.fixture
def go(tmp_path):
    """Runs a grid's text in its own folders: `go(text, only=..., jobs=...)` gives the outcome."""
    notes: list[str] = []

    def run_text(text: str, settings: list[str] | None = None, runs: str = "runs", **options):
        file = tmp_path / "grid.yaml"
        file.write_text(text)
        progress = Progress(live=False, show=notes.append)
        folders = {"runs": tmp_path / runs, "store": tmp_path / "store"}
        grid = read_grid(file, settings or [])
        return run(grid, file, settings or [], Options(**(folders | {"jobs": 2, "device": "cpu"} | options)), progress)

    run_text.notes = notes
    run_text.store = Path(tmp_path / "store")
    return run_text
