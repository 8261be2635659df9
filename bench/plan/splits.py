"""Folds: made once per run over all patients, shared by all targets and cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bench.grid.misfit import GridMisfitError
from data.numerics.seeds import spawned
from data.text.csv_tables import read_csv

if TYPE_CHECKING:
    import pandas as pd


class SplitError(GridMisfitError):
    """Folds that can't be made; the message gives a way out."""


def make_folds(samples: pd.DataFrame, stratify: str | None, *, folds: int, repeats: int, seed: int) -> pd.DataFrame:
    """Folds by patient, stratified on one column: columns `patient`, `repeat`, `fold`.

    A missing label is a class of its own here, so that every patient gets a fold.

    Raises:
        SplitError: There are fewer patients than folds.

    References:
        scikit-learn's StratifiedGroupKFold.
    """
    import pandas as pd
    from sklearn.model_selection import StratifiedGroupKFold

    patients = samples["patient"].to_numpy(dtype=str)
    if len(set(patients)) < folds:
        text = f"folds ({folds}) must not exceed the number of patients ({len(set(patients))})"
        raise SplitError(text, "protocol", "folds")
    labels = samples[stratify].astype(str).to_numpy(dtype=str) if stratify else np.zeros(len(samples), dtype=str)
    labels = _merge_rare(labels, patients, folds)
    rows = []
    for repeat in range(repeats):
        splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=spawned(seed, repeat))
        for fold, (_, test) in enumerate(splitter.split(patients, labels, groups=patients)):
            rows += [(patient, repeat, fold) for patient in sorted(set(patients[test]))]
    return pd.DataFrame(rows, columns=["patient", "repeat", "fold"])


def official_folds(samples: pd.DataFrame, named: Callable[[str], str] = str) -> pd.DataFrame:
    """The dataset's own split as one fold: patients of `test` are predicted, all others train.

    Args:
        samples: The samples, with a column `split`.
        named: Names a sample in a message, such as with its line in the table.

    Raises:
        SplitError: There is no such split, or a patient is on both sides.
    """
    import pandas as pd

    if "split" not in samples or not (samples["split"] == "test").any():
        text = "split: official needs a dataset with a `split` column that names test samples"
        raise SplitError(text, "protocol", "split")
    tested = samples["split"] == "test"
    test = set(samples.loc[tested, "patient"])
    both = sorted(test & set(samples.loc[~tested, "patient"]))
    if both:
        of_first = samples["patient"] == both[0]
        inside, outside = (str(samples.index[of_first & side][0]) for side in (tested, ~tested))
        split = samples.loc[outside, "split"]
        state = f"is in {split}" if isinstance(split, str) else "has no split"
        whose = f"patient {both[0]} is" if len(both) == 1 else f"{len(both)} patients, such as {both[0]}, are"
        raise SplitError(
            f"{whose} in the official test set and outside it: sample "
            f"{named(inside)} is in test, and {named(outside)} {state}: give all samples of a patient one split, or "
            "draw folds with protocol.split: patients",
            "protocol",
            "split",
        )
    rows = [(patient, 0, 0 if patient in test else -1) for patient in sorted(set(samples["patient"]))]
    return pd.DataFrame(rows, columns=["patient", "repeat", "fold"])


def read_folds(path: str, samples: pd.DataFrame) -> pd.DataFrame:
    """Folds from a CSV file with columns `patient`, `fold` and optionally `repeat`.

    Raises:
        SplitError: A column or a patient is missing.
    """
    import pandas as pd

    try:
        table = read_csv(path)
    except (OSError, ValueError) as error:
        text = f"split must be patients, official or a CSV file of folds, and {path} can't be read: {error}"
        raise SplitError(text, "protocol", "split") from error
    if not {"patient", "fold"} <= set(table):
        raise SplitError(f"{path} has the columns {', '.join(table.columns)}: it must have `patient` and `fold`")
    if "repeat" not in table:
        table["repeat"] = 0
    for name in ("fold", "repeat"):
        numbers = pd.to_numeric(table[name], errors="coerce")
        wrong = table[numbers.isna() | (numbers % 1 != 0) | (numbers < (-1 if name == "fold" else 0))]
        if len(wrong):
            patient, value = wrong.iloc[0][["patient", name]]
            raise SplitError(
                f"{path}: patient {patient} has {name} '{value}': use whole numbers from 0, or -1 to always train"
            )
        table[name] = numbers.astype("int64")
    wanted = set(samples["patient"])
    for repeat, part in table.groupby("repeat"):
        if part["patient"].duplicated().any():
            raise SplitError(f"{path}: a patient has two folds in repeat {repeat}")
        missing = sorted(wanted - set(part["patient"]))
        if missing:
            n, one = len(missing), missing[0]
            whose = f"patient {one} has" if n == 1 else f"{n} patients, such as {one}, have"
            raise SplitError(f"{path}: {whose} no fold in repeat {repeat}: write a line for each patient")
    return table.loc[table["patient"].isin(wanted), ["patient", "repeat", "fold"]].reset_index(drop=True)


def _merge_rare(labels: np.ndarray, patients: np.ndarray, folds: int) -> np.ndarray:
    """Labels for stratifying: those that fewer patients have than there are folds become one label."""
    rare = [c for c in np.unique(labels) if len(set(patients[labels == c])) < folds]
    merged = np.where(np.isin(labels, rare), "rare", labels)
    if (merged == "rare").any() and len(set(patients[merged == "rare"])) < folds:
        common = max(np.unique(labels), key=lambda c: int((labels == c).sum()))
        merged = np.where(merged == "rare", common, merged)
    return merged
