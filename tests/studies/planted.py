"""How often attention over slices is largest on the slice that a phantom study's sign was planted in.

`python -m tests.studies.planted RUN STORE PHANTOM`: prints a row for each fusion and sequence,
over the test samples of each fold.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bench.grid.file import read_grid
from bench.plan.plan import Plan
from bench.tasks.store import Store


def hits(run: Path, store: Path, phantom: Path) -> pd.DataFrame:
    """Columns fusion, sequence, n, hits (the share of samples), chance (1 over the slices)."""
    samples = pd.read_parquet(run / "samples.parquet")
    folds = pd.read_csv(run / "folds.csv", dtype={"patient": str}).query("repeat == 0").set_index("patient")["fold"]
    truth = pd.read_csv(phantom / "truth.csv").set_index("row_id").reindex(samples.index)
    fold = folds[samples["patient"]].to_numpy()
    kept = Store(store)
    crops = {ref.sequence: kept.find("crops", ref.key) for ref in Plan(read_grid(run / "grid.yaml"), kept).crops_refs()}
    rows = []
    for folder in sorted((run / "artifacts").iterdir()):
        if not list(folder.glob("*/attention_slices.npy")):
            continue
        sequences = next(words for words in _sequences(folder.name, list(crops)) if words)
        for s, sequence in enumerate(sequences):
            planted, there = _planted(crops[sequence], truth)
            right, n = 0, 0
            for part in folder.iterdir():
                weights = np.load(part / "attention_slices.npy")[:, s]
                here = there & (fold == int(part.name.rsplit("fold", 1)[1])) & (weights.sum(axis=1) > 0)
                right += int((weights[here].argmax(axis=1) == planted[here]).sum())
                n += int(here.sum())
            rows.append((folder.name, sequence, n, right / max(n, 1), 1 / weights.shape[1]))
    return pd.DataFrame(rows, columns=["fusion", "sequence", "n", "hits", "chance"])


def _sequences(name: str, known: list[str]) -> list[list[str]]:
    """The sequences that the folder's name starts with."""
    text = name.partition(" ")[2]
    found = []
    while True:
        first = next((s for s in known if text.startswith(s)), None)
        if first is None:
            return [found]
        found.append(first)
        text = text[len(first) :].removeprefix(" + ")


def _planted(entry: Path, truth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """For each sample the position in its crop of the slice nearest the true point, and whether the crop holds it."""
    index = np.load(entry / "index.npz")
    rows, affines, shapes = index["rows"], index["affines"][index["rows"]], index["shapes"][index["rows"]]
    points = truth[["x", "y", "z"]].to_numpy()
    normal = affines[:, :3, 0] / np.linalg.norm(affines[:, :3, 0], axis=1, keepdims=True)
    step = np.linalg.norm(affines[:, :3, 0], axis=1)
    depth = np.einsum("ni,ni->n", points - affines[:, :3, 3], normal) / step
    planted = np.rint(depth)
    return planted, (rows >= 0) & (planted >= 0) & (planted < shapes[:, 0]) & ~np.isnan(depth)


if __name__ == "__main__":
    print(hits(*map(Path, sys.argv[1:4])).to_string(index=False))
