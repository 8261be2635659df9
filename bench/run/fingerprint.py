"""Writes what the scans of a run are like: shape, spacing and grey values of each."""

from __future__ import annotations

import json
from pathlib import Path

from bench.plan.plan import Plan
from bench.run.files import write_table
from bench.tasks.store import SCANS, Store

FILE = "fingerprint.csv"


def write_fingerprint(folder: Path, plan: Plan, store: Store) -> None:
    """Writes `fingerprint.csv`, one row for each scan, from what was noted when the scans were read.

    Scans that an earlier version read have no row, so that nothing is read a second time for it.

    Args:
        folder: The run folder.
        plan: The plan of the run.
        store: The store, which holds the notes.
    """
    import pandas as pd

    rows = []
    for sequence in plan.sequences():
        entry = store.find("looks", plan.keys.looks(sequence))
        file = None if entry is None else entry / SCANS
        if file is not None and file.exists():
            scans = json.loads(file.read_text(encoding="utf-8"))
            rows += [{"study": study, "sequence": sequence, **numbers} for study, numbers in scans.items()]
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / FILE, pd.DataFrame(rows))
