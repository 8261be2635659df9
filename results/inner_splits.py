"""What a run used inner splits of its training patients for."""

from __future__ import annotations

from collections.abc import Sequence

from results.plug_ins import read_plug_ins
from results.run_folder import Run

WITHOUT = ("argmax", "priors")
"""The rules of calling a class that choose nothing on held-out rows."""


def inner_uses(run: Run) -> list[str]:
    """What the cells of a run needed held-out training patients for; empty if nothing did.

    Raises:
        ResultsError: A file of the run folder can't be read, or it describes no plug-ins.
    """
    steps = read_plug_ins(run.folder).used
    cells = [cell for cell in run.cells if not cell.floor]
    trained = {one.label for one in steps if one.kind == "fusion" and one.learns == "labels"}
    on_trained = any(cell.axes.get("fusion") in trained and cell.reads == "embedding" for cell in cells)
    calibrated = any(one.kind == "heads" and one.fields.get("calibration", "none") != "none" for one in steps)
    recalibrated = any(
        run.predictions(cell).recalibrated is not None for cell in cells if cell.status == "done" and not calibrated
    )
    found = {
        "early stopping": any(one.stops_early for one in steps),
        "calibration": calibrated or on_trained or recalibrated,
        "tuning": any(cell.tuned for cell in run.cells),
        "the choice of a threshold": run.protocol.get("threshold", "argmax") not in WITHOUT,
    }
    return [name for name, needed in found.items() if needed]


def listed(names: Sequence[str]) -> str:
    """Names as prose lists them: `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
