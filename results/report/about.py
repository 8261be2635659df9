"""What a run folder tells beside scores: who was left out, the folds, the machine, the figures."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from results.run_folder import Predictions, ResultsError, Run

LISTED = 100
UNITS = {"mib": "(MiB)", "gib": "(GiB)"}
FIGURES_BYTES = 2_000_000
PANELS = "best_and_worst_cases"


@dataclass(frozen=True)
class Exclusion:
    """What was left out for one reason: how many rows, and the first of them."""

    reason: str
    count: int
    rows: list[dict[str, str]]


@dataclass(frozen=True)
class Fold:
    """The test part of one fold: patients, samples, and samples by class."""

    repeat: int
    fold: int
    patients: int
    samples: int
    by_class: list[int]


@dataclass(frozen=True)
class Figure:
    """A picture that lies in the page; `source` is a data address, `panels` whether it shows scans of patients."""

    source: str
    caption: str
    panels: bool


def exclusions(run: Run) -> list[Exclusion]:
    """The rows of `excluded.csv` by reason, the most frequent first; none where there is no such file.

    Raises:
        ResultsError: The file has no column `reason`.
    """
    path = run.folder / "excluded.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if "reason" not in (reader.fieldnames or ()):
            raise ResultsError(f"{path} must have a column reason")
        by_reason: dict[str, list[dict[str, str]]] = {}
        for row in reader:
            by_reason.setdefault(row.pop("reason") or "no reason given", []).append(row)
    found = [Exclusion(reason, len(rows), rows[:LISTED]) for reason, rows in by_reason.items()]
    return sorted(found, key=lambda exclusion: -exclusion.count)


def folds(p: Predictions, n_classes: int) -> list[Fold]:
    """The test parts that a cell was scored on."""
    out = []
    for repeat in np.unique(p.repeat):
        for fold in np.unique(p.fold[p.repeat == repeat]):
            rows = (p.repeat == repeat) & (p.fold == fold)
            counts = np.bincount(p.y[rows], minlength=n_classes).tolist()
            out.append(Fold(int(repeat), int(fold), len(set(p.patient[rows])), int(rows.sum()), counts))
    return out


def provenance(run: Run) -> tuple[list[tuple[str, list[str]]], list[tuple[str, str]]]:
    """How it was computed: facts with a value for each time that the run was called, and versions of packages.

    Raises:
        ResultsError: `provenance.json` is no list of records.
    """
    path = run.folder / "provenance.json"
    if not path.exists():
        return [], []
    try:
        calls: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        versions = [call.pop("versions", {}) for call in calls]
        flat = [dict(_flat(call)) for call in calls]
    except (ValueError, AttributeError, TypeError) as error:
        raise ResultsError(f"{path} must be a list of records: {error}") from error
    packages = dict.fromkeys(name for version in versions for name in version)
    used = [(n, ", ".join(dict.fromkeys(str(v[n]) for v in versions if n in v))) for n in packages]
    facts = dict.fromkeys(name for call in flat for name in call)
    return [(name, [call.get(name, "") for call in flat]) for name in facts], used


def figures(folder: Path | None, *, panels: bool = True) -> tuple[list[Figure], list[str]]:
    """The PNG files of a folder in the order of their names, up to 2 MB, and the names of those left out, with why.

    The caption of `NAME.png` is what `captions.md` beside it says of NAME (`results.figures` writes it), else the name.

    Args:
        folder: Where they lie; None for no figures.
        panels: Whether those that show scans of patients may be among them.

    Raises:
        ResultsError: There is no such folder.
    """
    if folder is None:
        return [], []
    if not folder.is_dir():
        raise ResultsError(f"{folder} is no folder of figures")
    listed = folder / "captions.md"
    text = listed.read_text(encoding="utf-8") if listed.exists() else ""
    captions: dict[str, str] = dict(re.findall(r"^\*\*(.+?)\.\*\* (.+)$", text, flags=re.MULTILINE))
    shown, left_out, room = [], [], FIGURES_BYTES
    for path in sorted(folder.glob("*.png")):
        scans = path.name.startswith(PANELS)
        if scans and not panels:
            left_out.append(f"{path.name} (it shows scans)")
            continue
        data = path.read_bytes()
        if len(data) > room:
            left_out.append(f"{path.name} (figures may take 2 MB together)")
            continue
        room -= len(data)
        caption = captions.get(path.stem, path.stem.replace("_", " "))
        shown.append(Figure(f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}", caption, scans))
    return shown, left_out


def _flat(record: dict[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    for name, value in record.items():
        words = " ".join([above, *(UNITS.get(word, word) for word in name.split("_"))]).strip()
        if isinstance(value, dict):
            yield from _flat(value, words)
        else:
            yield words, str(value)
