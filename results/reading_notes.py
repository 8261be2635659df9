"""The notes of a run: how images and tables were read, and which clinical columns give labels away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from results.run_folder import Run


def on_images(run: Run) -> Sequence[str]:
    """Sentences on how the images lie in the patient."""
    return [str(note) for note in _notes(run).get("reading", ())]


def on_tables(run: Run) -> Sequence[str]:
    """Sentences on how the tables of the dataset were read."""
    return [str(note) for note in _notes(run).get("tables", ())]


def gives_away(run: Run, target: str) -> Sequence[str]:
    """Sentences on clinical columns that give the labels of a target away."""
    return [str(note) for note in _notes(run).get("gives_away", {}).get(target, ())]


def _notes(run: Run) -> dict[str, Any]:
    """What `run.json` holds; nothing in the folder of an earlier version."""
    found: dict[str, Any] = json.loads((run.folder / "run.json").read_text(encoding="utf-8")).get("notes", {})
    return found
