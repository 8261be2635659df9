"""The samples that a cell misread: what they are, and what the cell said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from results.run_folder import Run, RunCell
from results.run_tables import read_samples
from results.statistics.metrics.accuracy import METRIC as ACCURACY

if TYPE_CHECKING:
    import pandas as pd


def misread(run: Run, cell: RunCell) -> pd.DataFrame:
    """One row for each sample that a cell misread in a repeat, the most confidently misread first.

    Columns: `sample`, `patient`, the columns that locate it, `truth`, `called` (the class that most of the repeats that
    misread it called; of several the one with the highest probability), `probability` (its mean over all
    repeats), `probability_of_truth` (mean over all repeats), `misread` and `repeats` (in how many repeats of how
    many), `folds` (the test folds of the repeats that misread it, such as `0/3` for repeat 0 and fold 3).

    Args:
        run: A run folder.
        cell: One of its cells that is done.

    Raises:
        ResultsError: The predictions are missing or broken.
    """
    import pandas as pd

    found = run.predictions(cell)
    called = found.scored_by(ACCURACY).argmax(axis=1)
    frame = pd.DataFrame({"sample": found.sample, "patient": found.patient, "y": found.y, "called": called})
    frame = frame.assign(where=[f"{r}/{f}" for r, f in zip(found.repeat, found.fold, strict=True)])
    P = found.P
    rows = []
    for sample, own in frame.groupby("sample", sort=False):
        wrong = own[own["called"] != own["y"]]
        if wrong.empty:
            continue
        mean = P[own.index].mean(axis=0)
        counts = np.bincount(wrong["called"], minlength=P.shape[1])
        most = max(range(P.shape[1]), key=lambda k, n=counts, p=mean: (n[k], p[k]))  # type: ignore[misc]
        y = int(own["y"].iloc[0])
        rows.append(
            {
                "sample": sample,
                "patient": own["patient"].iloc[0],
                "truth": cell.classes[y],
                "called": cell.classes[most],
                "probability": mean[most],
                "probability_of_truth": mean[y],
                "misread": len(wrong),
                "repeats": len(own),
                "folds": " ".join(wrong["where"]),
            }
        )
    columns = ["sample", "patient", "truth", "called", "probability", "probability_of_truth"]
    out = pd.DataFrame(rows, columns=[*columns, "misread", "repeats", "folds"])
    out = out.sort_values(["probability_of_truth", "sample"], kind="stable").reset_index(drop=True)
    samples = read_samples(run.folder)
    for place, column in enumerate(run.locations):
        out.insert(2 + place, column, samples[column].astype(str).reindex(out["sample"].astype(str)).to_numpy())
    return out
