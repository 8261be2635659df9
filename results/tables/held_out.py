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
    return (
        f"Fitted once on the {learnt(run, target)} of {about['fitted_on']} with a label and a scan, and scored "
        f"once here: external validation.{left_out} {scored_before(run)}"
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


def scored_before(run: Run) -> str:
    """How often the patients of an external test had been scored before the last of its cells were."""
    about, whom = run.protocol["external"], "patients of this external test"
    uses, shared = int(about["uses_before"]), int(about["uses_overlapping"])
    where = "another selection" if shared == 1 else "other selections"
    own = sum(cell.status == "done" and not cell.floor for cell in run.cells)
    before = f"before {'this cell' if own == 1 else 'the last of these cells'} was"
    if uses:
        others = f", and some or all of them {_times(shared)} in {where}" if shared else ""
        return f"The {whom} had been scored {_times(uses)} {before}{others}."
    if shared:
        return f"Some or all {whom} had been scored {_times(shared)} {before}, in {where}."
    return f"No other cell had been scored on the {whom} before."


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
