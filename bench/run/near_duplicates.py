"""Writes the near-duplicates of a run: a table, and pictures of the pairs."""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path

from bench.plan.near_duplicates import SAME, NearDuplicate, Sides
from bench.plan.plan import Plan
from bench.run.files import replace_file, write_table
from bench.tasks.store import Store

TABLE, FOLDER = "near_duplicates.csv", "near_duplicates"


def write_near_duplicates(folder: Path, plan: Plan, store: Store) -> None:
    """Writes `near_duplicates.csv` and, side by side, pictures of its first rows; without pairs, both are removed.

    Args:
        folder: The run folder.
        plan: The plan of the run.
        store: The store, which holds the pairs and their pictures.
    """
    import pandas as pd

    pairs, sides = plan.near_duplicates() or (), plan.sides()
    found = store.find("near_duplicates", plan.keys.near_duplicates(plan.sequences()))
    rows = []
    for number, pair in enumerate(pairs, start=1):
        picture = f"{number}.png"
        shown = found is not None and (found / picture).exists()
        row: dict[str, object] = {}
        for name, values in (("patient", pair.patients), ("study", pair.studies), ("sequence", pair.sequences)):
            row |= {name: values[0], f"other_{name}": values[1]}
        row |= {"change": pair.change, "likeness": pair.likeness, "whole": pair.whole, "detail": pair.detail}
        row |= {"outcome": _outcome(plan, pair, sides), "picture": f"{FOLDER}/{picture}" if shown else ""}
        rows.append(row)
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / TABLE, pd.DataFrame(rows))
    pictures = folder / FOLDER
    for old in pictures.glob("*.png"):
        old.unlink()
    if found is None or not rows:
        with suppress(OSError):  # there is none, or a user put something into it
            pictures.rmdir()
        return
    pictures.mkdir(exist_ok=True)
    for kept in found.glob("*.png"):
        replace_file(pictures / kept.name, partial(shutil.copyfile, kept))


def _outcome(plan: Plan, pair: NearDuplicate, sides: Sides) -> str:
    """Whether the split parts the two scans, or one is left out for it."""
    if not sides.parts(*pair.patients):
        return "one side"
    protocol = plan.grid.protocol
    left_out = protocol.identical_images == "exclude" if pair.change == SAME else protocol.near_duplicates == "group"
    return "one left out" if left_out else "parted"
