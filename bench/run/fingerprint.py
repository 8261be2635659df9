"""Writes what the scans of a run are like: shape, spacing and grey values of each."""

from __future__ import annotations

from pathlib import Path

from bench.plan.plan import Plan
from bench.run.files import write_table
from bench.tasks.store import Store

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
        scans = store.scans(plan.keys.looks(sequence))
        rows += [{"study": study, "sequence": sequence, **numbers} for study, numbers in scans.items()]
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / FILE, pd.DataFrame(rows))
