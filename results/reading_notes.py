"""The notes of a run: how images and tables were read, and which clinical columns give labels away."""

from __future__ import annotations

from collections.abc import Sequence

from results.json_files import read_json
from results.run_folder import Run
from results.run_records import NotesRecord, RunRecord


def on_images(run: Run) -> Sequence[str]:
    """Sentences on how the images lie in the patient."""
    return [str(note) for note in _notes(run).reading]


def on_tables(run: Run) -> Sequence[str]:
    """Sentences on how the tables of the dataset were read."""
    return [str(note) for note in _notes(run).tables]


def gives_away(run: Run, target: str) -> Sequence[str]:
    """Sentences on clinical columns that give the labels of a target away."""
    return [str(note) for note in _notes(run).gives_away.get(target, ())]


def _notes(run: Run) -> NotesRecord:
    """What `run.json` holds; nothing in the folder of an earlier version."""
    found: RunRecord = read_json(run.folder / "run.json", RunRecord)
    return found.notes
