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
    """One row for each sample that a cell misread in a repeat, that whose true class has the lowest probability first.

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
    wrong = called != found.y
    of, sample = pd.factorize(found.sample)
    first = np.unique(of, return_index=True)[1]
    repeats, misses = np.bincount(of), np.bincount(of[wrong], minlength=len(sample))
    mean, calls = np.zeros((2, len(sample), found.P.shape[1]))
    np.add.at(mean, of, found.P)
    mean /= repeats[:, None]
    np.add.at(calls, (of[wrong], called[wrong]), 1)
    most = np.where(calls == calls.max(axis=1, keepdims=True), mean, -1).argmax(axis=1)
    folds: list[list[str]] = [[] for _ in sample]
    for row in np.flatnonzero(wrong):
        folds[of[row]].append(f"{found.repeat[row]}/{found.fold[row]}")
    every, classes, y = np.arange(len(sample)), np.array(cell.classes, dtype=object), found.y[first]
    out = pd.DataFrame(
        {
            "sample": sample,
            "patient": found.patient[first],
            "truth": classes[y],
            "called": classes[most],
            "probability": mean[every, most],
            "probability_of_truth": mean[every, y],
            "misread": misses,
            "repeats": repeats,
            "folds": [" ".join(each) for each in folds],
        }
    )
    out = out[misses > 0].sort_values(["probability_of_truth", "sample"], kind="stable").reset_index(drop=True)
    samples = read_samples(run.folder)
    for place, column in enumerate(run.locations):
        out.insert(2 + place, column, samples[column].astype(str).reindex(out["sample"].astype(str)).to_numpy())
    return out
