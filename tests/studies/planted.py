"""How often attention over slices is largest on the slice in which the sign of a phantom study was planted.

`python -m tests.studies.planted RUN STORE PHANTOM` prints a row for each fusion and sequence, over the test samples of
each fold. The variable that the grid takes the phantom's folder from must be set, as for the run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bench.grid.file import read_grid
from bench.plan.plan import Plan
from bench.tasks.store import Store
from results.artifacts import read_artifacts
from results.scores.labels import shorten


def hits(run: Path, store: Path, phantom: Path) -> pd.DataFrame:
    """One row per fusion and sequence: its name, n, hits (share of samples), chance (1 by the number of slices)."""
    samples = pd.read_parquet(run / "samples.parquet")
    folds = pd.read_csv(run / "folds.csv", dtype={"patient": str}).query("repeat == 0").set_index("patient")["fold"]
    truth = pd.read_csv(phantom / "truth.csv").set_index("row_id").reindex(samples.index)
    fold = folds[samples["patient"]].to_numpy()
    kept = Store(store)
    crops = {ref.sequence: kept.find("crops", ref.key) for ref in Plan(read_grid(run / "grid.yaml"), kept).crops_refs()}
    if not all(crops.values()):
        raise SystemExit(f"{store} does not hold the crops of {run}: run its grid again")
    rows = []
    fusions = _fusions(run)
    names = [shorten(place) for place in zip(*(words for words, _, _ in fusions), strict=True) if len(set(place)) > 1]
    for words, sequences, folds in fusions:
        for s, sequence in enumerate(sequences):
            planted, there = _planted(crops[sequence], truth)
            right, n = 0, 0
            for number, path in folds:
                weights = np.load(path)[:, s]
                here = there & (fold == number) & (weights.sum(axis=1) > 0)
                right += int((weights[here].argmax(axis=1) == planted[here]).sum())
                n += int(here.sum())
            name = ", ".join(short[word] for short in names for word in words if word in short)
            rows.append((name, sequence, n, right / max(n, 1), 1 / weights.shape[1]))
    return pd.DataFrame(rows, columns=["fusion", "sequence", "n", "hits", "chance"])


def _fusions(run: Path) -> list[tuple[tuple[str, ...], tuple[str, ...], list[tuple[int, Path]]]]:
    """For each fusion that attends to slices its words, its sequences, and the weights of each fold."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[int, Path]]] = {}
    for one in read_artifacts(run):
        for path in one.files.get("attention_slices", ()):
            found.setdefault((one.words, one.sequences), []).append((one.fold, path))
    return [(words, sequences, folds) for (words, sequences), folds in sorted(found.items())]


def _planted(entry: Path, truth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """For each sample the position in its crop of the slice nearest the true point, and whether the crop has it."""
    index = np.load(entry / "index.npz")
    rows, affines, shapes = index["rows"], index["affines"][index["rows"]], index["shapes"][index["rows"]]
    points = truth[["x", "y", "z"]].to_numpy()
    normal = affines[:, :3, 0] / np.linalg.norm(affines[:, :3, 0], axis=1, keepdims=True)
    step = np.linalg.norm(affines[:, :3, 0], axis=1)
    depth = np.einsum("ni,ni->n", points - affines[:, :3, 3], normal) / step
    planted = np.rint(depth)
    return planted, (rows >= 0) & (planted >= 0) & (planted < shapes[:, 0]) & ~np.isnan(depth)


if __name__ == "__main__":
    print(hits(*map(Path, sys.argv[1:4])).to_markdown(index=False, floatfmt=".2f"))
