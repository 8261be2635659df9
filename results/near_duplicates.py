"""The near-duplicates of a run: scans of two patients of which one is a changed copy of the other."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from results.run_folder import ResultsError, Run

TABLE = "near_duplicates.csv"
COLUMNS = ("study", "other_study", "sequence", "other_sequence", "change", "outcome", "picture")


@dataclass(frozen=True)
class CopiedScan:
    """A row of `near_duplicates.csv`.

    Args:
        names: The two scans.
        change: How the second differs from the first.
        outcome: `one side` if the split never parts them, `one left out`, or `parted`.
        picture: The file that shows both; None if it was not drawn.
    """

    names: tuple[str, str]
    change: str
    outcome: str
    picture: Path | None


def copied_scans(run: Run) -> list[CopiedScan]:
    """The rows of a run's table, the most alike first; none without the table.

    Raises:
        ResultsError: The table lacks a column.
    """
    path = run.folder / TABLE
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if lost := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise ResultsError(f"{path} must have a column {lost[0]}: run the grid again")
        rows = list(reader)
    return [
        CopiedScan(
            (f"{row['study']} {row['sequence']}", f"{row['other_study']} {row['other_sequence']}"),
            row["change"],
            row["outcome"],
            run.folder / "near_duplicates" / Path(row["picture"]).name if row["picture"] else None,
        )
        for row in rows
    ]
