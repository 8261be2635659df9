"""The ledger: how often each held-out set was used, since every look at its scores makes the next one less honest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.plan import identity
from bench.run.files import read_json, write_json
from data.files.locks import locked

FOLDER, LOCK = "held_out", ".lock"


@dataclass(frozen=True)
class Uses:
    """How often a held-out set was used before some cells were last scored on it.

    Args:
        before: Uses of the same scans.
        overlapping: Uses of other sets that share a scan with it.
    """

    before: int
    overlapping: int


def note_use(store: Path, scans: Collection[str], cells: Collection[str], by: str, dataset: str) -> Uses:
    """Notes that cells were scored on a held-out set, unless the same cells were scored on it before.

    The ledger is a file for each set of scans, whatever the files and patients are called.

    Args:
        store: The folder of the store.
        scans: The digests of the pixels of the scored scans.
        cells: The keys of the cells.
        by: The run or the model.
        dataset: The held-out dataset, as captions name it.
    """
    folder = store / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK):  # others may note a use of the same scans now
        return _note(folder, scans, cells, by, dataset)


def _note(folder: Path, scans: Collection[str], cells: Collection[str], by: str, dataset: str) -> Uses:
    path = folder / f"{identity.lines(sorted(set(scans)))}.json"
    entry: dict[str, Any] = read_json(path, {"scans": sorted(set(scans)), "uses": []})
    noted = {cell for use in entry["uses"] for cell in use["cells"]}
    if fresh := sorted(set(cells) - noted):
        now = datetime.now(UTC).isoformat()
        entry["uses"].append({"by": by, "dataset": dataset, "date": now, "cells": fresh})
        write_json(path, entry)
    last = max((i for i, use in enumerate(entry["uses"]) if not set(cells).isdisjoint(use["cells"])), default=0)
    until = entry["uses"][last]["date"] if entry["uses"] else ""
    others = (use for use in _others(folder, path, scans) if use["date"] <= until)
    return Uses(last, sum(1 for _ in others))


def _others(folder: Path, path: Path, scans: Collection[str]) -> Iterable[dict[str, Any]]:
    """The uses of other sets that share a scan."""
    for other in sorted(folder.glob("*.json")):
        if other != path:
            entry: dict[str, Any] = read_json(other, {"scans": [], "uses": []})
            if not set(scans).isdisjoint(entry["scans"]):
                yield from entry["uses"]
