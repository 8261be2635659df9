"""The note on a held-out dataset: on what its cells were fitted, and how often it was used before."""

from __future__ import annotations

from results.flow import spanned
from results.run_folder import Run


def fitted_elsewhere(run: Run, target: str) -> str:
    """How the cells of an external test were fitted, and how often its patients were looked at before."""
    about = run.protocol["external"]
    n = int(about["left_out"])
    whom = (
        "1 patient was left out, whose id or scan is"
        if n == 1
        else f"{n} patients were left out, whose ids or scans are"
    )
    left_out = f" {whom}, or may be, of the training data." if n else ""
    uses, shared = int(about["uses_before"]), int(about["uses_overlapping"])
    return (
        f"Fitted once on the {learnt(run, target)} of {about['fitted_on']} with a label and a scan, and scored "
        f"once here: external validation.{left_out} {_scored_before(uses, shared)}"
    )


def learnt(run: Run, target: str) -> str:
    """How many patients the cells of an external test learnt from, floors aside, such as `52 to 59 patients`."""
    known = patients_by_cell(run)
    cells = [cell.key for cell in run.cells if cell.target == target and cell.status == "done" and not cell.floor]
    return spanned([known[key] for key in cells] or [0], "patient")


def patients_by_cell(run: Run) -> dict[str, int]:
    """How many patients each cell of an external test learnt from; where an earlier version wrote it, the most."""
    about = run.protocol["external"]
    return {cell.key: about.get("patients_by_cell", {}).get(cell.key, about["patients"]) for cell in run.cells}


def _scored_before(uses: int, shared: int) -> str:
    """How often cells had been scored on the patients, or on a selection with some of them, before the last of these.

    A table shows the cells of one folder, of which some may have been scored before others.
    """
    if uses:
        others = f", and {_times(shared)} on another selection with some of them" if shared else ""
        return (
            f"Before the last of these cells were scored, others had been scored {_times(uses)} on these "
            f"patients{others}."
        )
    if shared:
        return (
            "No other cells had been scored on exactly these patients before, but cells had been scored "
            f"{_times(shared)} on another selection with some of them."
        )
    return "No other cells had been scored on these patients before."


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
