"""The parts of a report besides scores: exclusions, folds, the machine, figures."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from results.json_files import read_json
from results.run_folder import Predictions, ResultsError, Run
from results.run_records import SESSIONS, PictureRecord, read_sessions

LISTED = 100
UNITS = {"mib": "(MiB)", "gib": "(GiB)"}
LEAST_BYTES, TARGET_BYTES, MOST_BYTES = 2_000_000, 1_000_000, 6_000_000
"""The figures may take so much in the page: for each target so much more, so that one file still opens fast."""

SHADES = 96
"""Colours of a picture in the page: fewer make the file small."""

INDEX = "figures.json"


@dataclass(frozen=True)
class Exclusion:
    """The rows that were left out for one reason: their number, and the first of them."""

    reason: str
    count: int
    rows: list[dict[str, str]]


@dataclass(frozen=True)
class FoldCounts:
    """The test part of one fold: its numbers of patients, samples, and samples by class."""

    repeat: int
    fold: int
    patients: int
    samples: int
    by_class: list[int]


@dataclass(frozen=True)
class ReportFigure:
    """A picture in the page.

    Args:
        source: The picture as a data address.
        caption: Its caption.
        scans: Whether it shows scans of patients.
    """

    source: str
    caption: str
    scans: bool


def exclusions(run: Run) -> list[Exclusion]:
    """The rows of `excluded.csv` by reason, the most frequent first; empty without such a file.

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


def folds(p: Predictions, n_classes: int) -> list[FoldCounts]:
    """The test parts on which a cell was scored."""
    out = []
    for repeat in np.unique(p.repeat):
        for fold in np.unique(p.fold[p.repeat == repeat]):
            rows = (p.repeat == repeat) & (p.fold == fold)
            counts = np.bincount(p.y[rows], minlength=n_classes).tolist()
            out.append(FoldCounts(int(repeat), int(fold), len(set(p.patient[rows])), int(rows.sum()), counts))
    return out


def provenance(run: Run) -> tuple[list[tuple[str, list[str]]], list[tuple[str, str]]]:
    """The facts of provenance, with a value for each call of the run, and the versions of packages.

    Raises:
        ResultsError: `provenance.json` is no list of records.
    """
    if not (run.folder / SESSIONS).exists():
        return [], []
    calls = read_sessions(run.folder)
    versions = [call.pop("versions", {}) for call in calls]
    flat = [dict(_flat(call)) for call in calls]
    packages = dict.fromkeys(name for version in versions for name in version)
    used = [(n, ", ".join(dict.fromkeys(str(v[n]) for v in versions if n in v))) for n in packages]
    facts = dict.fromkeys(name for call in flat for name in call)
    return [(name, [call.get(name, "") for call in flat]) for name in facts], used


def figures(folder: Path | None, *, targets: int = 1, panels: bool = True) -> tuple[list[ReportFigure], list[str]]:
    """The figures of a folder, up to 1 MB for each target, and the names of those left out, with the reason.

    They may take 2 MB in any case, and never more than 6 MB. Pictures keep their size and get fewer colours.

    The figures that `draw_all` wrote come first, in the order of its `figures.json`. Other PNG files follow by name and
    have their names as captions.

    Args:
        folder: The folder; None for no figures.
        targets: The number of targets of the run.
        panels: Whether figures that show scans of patients are included. Without them, PNG files that are not in
            `figures.json` are left out too, since they may show scans.

    Raises:
        ResultsError: There is no such folder.
    """
    if folder is None:
        return [], []
    if not folder.is_dir():
        raise ResultsError(f"{folder} is no folder of figures")
    listed = folder / INDEX
    records = read_json(listed, list[PictureRecord], out="draw the figures again") if listed.exists() else []
    index = {one.name: one for one in records}
    pictures = {path.stem: path for path in sorted(folder.glob("*.png"))}
    shown, left_out = [], []
    limit = room = min(max(LEAST_BYTES, targets * TARGET_BYTES), MOST_BYTES)
    for name in dict.fromkeys([*(name for name in index if name in pictures), *pictures]):
        path, about = pictures[name], index.get(name)
        if not panels and (about is None or about.scans):
            left_out.append(f"{path.name} ({'it may show scans' if about is None else 'it shows scans'})")
            continue
        data = smaller(path.read_bytes())
        if len(data) > room:
            left_out.append(f"{path.name} (figures may take {limit / 1e6:.0f} MB together)")
            continue
        room -= len(data)
        caption = about.caption if about else name.replace("_", " ")
        source = f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
        shown.append(ReportFigure(source, caption, bool(about and about.scans)))
    return shown, left_out


def smaller(png: bytes) -> bytes:
    """A PNG with 96 colours, or as it is if that is no smaller or it is no picture."""
    from PIL import Image, UnidentifiedImageError

    out = io.BytesIO()
    try:
        Image.open(io.BytesIO(png)).convert("RGB").quantize(SHADES).save(out, format="png", optimize=True)
    except (UnidentifiedImageError, OSError):
        return png
    return min(png, out.getvalue(), key=len)


def _flat(record: dict[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    for name, value in record.items():
        words = " ".join([above, *(UNITS.get(word, word) for word in name.split("_"))]).strip()
        if isinstance(value, dict):
            yield from _flat(value, words)
        else:
            yield words, str(value)
