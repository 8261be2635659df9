"""Compares a model on studies that its run has not seen with the run's cross-validation.

`python -m tests.studies.new_studies MODEL RUN PHANTOM`, where `fit` wrote MODEL for cells of RUN, and PHANTOM is
another phantom of RSNA's layout. It prints the macro one-vs-rest AUC of each target with 95 % bootstrap intervals over
patients.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from bench.models.diagnose import grade
from data.rsna_challenge.tables import Place
from results.run_folder import read
from results.scores.scores import scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("model", "run", "phantom"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--studies", type=int, default=0, help="the most studies; 0 for all")
    options = parser.parse_args()
    about = json.loads((options.model / "model.json").read_text())
    found = scores(read(options.run)).set_index("key")
    graded = diagnosed(options.model, options.phantom, options.studies)
    print("| target | cross-validation | new studies | difference |\n|---|---|---|---|")
    for cell in about["cells"]:
        rows = graded[graded["condition"] == cell["rows"]["condition"]]
        y = rows["y"].map({name: k for k, name in enumerate(cell["classes"])}).to_numpy()
        P = rows[["p_0", "p_1", "p_2"]].to_numpy()
        here = macro_auc(y, P)
        low, high = interval(y, P, rows["study"].to_numpy())
        row = found.loc[cell["key_in_run"]]
        cv = f"{row['auc']:.3f} [{row['auc_low']:.3f}, {row['auc_high']:.3f}]"
        print(f"| {cell['target']} | {cv} | {here:.3f} [{low:.3f}, {high:.3f}] | {here - row['auc']:+.3f} |")
    print(f"\n{graded['study'].nunique()} new studies, {len(graded)} graded places.")


def diagnosed(model: Path, phantom: Path, most: int) -> pd.DataFrame:
    """One row for each graded place of the phantom's studies: study, condition, the truth `y` and probabilities."""
    truth = pd.read_csv(phantom / "train.csv", dtype=str).set_index("study_id")
    studies = [phantom / "train_images" / name for name in truth.index[: most or None]]
    rows = []
    for one in grade(model, studies, phantom / "train_series_descriptions.csv", keep_names=True, device="cpu"):
        if isinstance(one, Exception):
            raise one
        for finding in one.findings:
            y = truth.loc[one.study, Place(**finding.place).column]
            if finding.grade and isinstance(y, str):
                rows.append((one.study, finding.place["condition"], y, *finding.probabilities))
    return pd.DataFrame(rows, columns=["study", "condition", "y", "p_0", "p_1", "p_2"])


def macro_auc(y: np.ndarray, P: np.ndarray) -> float:
    return float(np.mean([roc_auc_score(y == k, P[:, k]) for k in range(P.shape[1])]))


def interval(y: np.ndarray, P: np.ndarray, patients: np.ndarray, draws: int = 1000) -> tuple[float, float]:
    random, found = np.random.default_rng(0), []
    rows = [np.flatnonzero(patients == name) for name in np.unique(patients)]
    while len(found) < draws:
        drawn = np.concatenate([rows[i] for i in random.integers(len(rows), size=len(rows))])
        if len(np.unique(y[drawn])) == P.shape[1]:
            found.append(macro_auc(y[drawn], P[drawn]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
