"""Which frozen ImageNet features are good for small crops: a sweep over size, stage and grid, chosen on inner folds.

`python -m tests.studies.frozen_features DATA` reads the crops of SPIDER in the folder DATA. It prints a row for the
best choices, and for the last layer as it is mostly used: the AUC on inner folds of the training patients, by which one
may choose, and on test patients. In the last rows the choice is made anew in each fold. The classifier is ridge
regression on the labels, whose penalty is chosen on inner folds too: it orders samples about as logistic regression
does, and all penalties come from one decomposition.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.model_selection import StratifiedGroupKFold
from tabulate import tabulate

from encoders.efficientnet_lite0 import EfficientnetLite0
from encoders.networks.pixels import resize_slices, stretch
from encoders.networks.torch_base import seeded

TARGETS = {"disc_narrowing": "narrowing", "disc_bulging": "bulging", "pfirrman_grade": "Pfirrmann"}
SIZES = (96, 128, 160, 224, 288)
READ = ((5, 1), (5, 2), (5, 4), (6, 1), (6, 4), (7, 1), (7, 4), (8, 1), (8, 2))
PENALTIES = np.array([0.1, 0.3, 1, 3, 10, 30, 100])
REPEATS = 2
BEST = 20


def sweep(folder: Path) -> pd.DataFrame:
    """One row for each choice, outer fold and target: `choice`, `fold`, `target`, `inner`, `auc`."""
    table = pd.read_csv(folder / "labels.csv").query("sequence == 't2'")
    crops = [
        stretch(cv2.imread(str(folder / file), cv2.IMREAD_GRAYSCALE)[None].astype(np.float32)) for file in table["file"]
    ]
    labels = {}
    for column, name in TARGETS.items():
        classes = np.unique(table[column])
        labels[name] = table[column].to_numpy()[:, None] == (classes if len(classes) > 2 else classes[1:])
    first, patients = labels["narrowing"][:, 0], table["patient"].to_numpy()
    pixels = _normalised(np.stack([resize_slices(crop, 16, 16).ravel() for crop in crops]))
    folds = []
    for seed in range(REPEATS):
        for train, test in _cut(5, seed, first, patients):
            inner = [(train[a], train[b]) for a, b in _cut(3, seed, first[train], patients[train])]
            folds.append((train, test, inner))
    rows = []
    for choice, blocks in _choices(crops, pixels):
        for i, (train, test, inner) in enumerate(folds):
            held = [_aucs(blocks, fit, out, labels) for fit, out in inner]
            outer = _aucs(blocks, train, test, labels)
            for target in labels:
                on_inner = np.mean([one[target] for one in held], axis=0)
                best = on_inner.argmax()
                rows.append((choice, i, target, on_inner[best], outer[target][best]))
    return pd.DataFrame(rows, columns=["choice", "fold", "target", "inner", "auc"])


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the choice with the highest inner AUC over all targets, made in each fold."""
    by_fold = table.groupby(["fold", "choice"], sort=False)["inner"].mean().reset_index()
    best = by_fold.loc[by_fold.groupby("fold")["inner"].idxmax(), ["fold", "choice"]]
    return table.merge(best, on=["fold", "choice"])


def _choices(crops: list[np.ndarray], pixels: np.ndarray) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Each choice with its blocks of features `(N, F)`."""
    yield "16 x 16 pixels", [pixels]
    for size in SIZES:
        inputs = np.stack([resize_slices(crop, size, size) for crop in crops])
        for stage, grid in READ:
            encoder = EfficientnetLite0(size=size, stage=stage, grid=grid)
            with seeded(0):
                network = encoder.frozen_network(encoder.build(seed=0), device="cpu")
            features = [network.features(inputs[i : i + 32]) for i in range(0, len(inputs), 32)]
            block = _normalised(np.concatenate(features))
            name = f"{size} px, stage {stage}, grid {grid}"
            yield name, [block]
            yield f"{name}, with pixels", [block, pixels]
            print(name, file=sys.stderr)


def _normalised(features: np.ndarray) -> np.ndarray:
    """Features over the root of their number, so that each block weighs alike."""
    return np.asarray(features, dtype=np.float64) / np.sqrt(features.shape[1])


def _cut(folds: int, seed: int, y: np.ndarray, patients: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(y[:, None], y, patients)


def _aucs(
    blocks: list[np.ndarray], train: np.ndarray, test: np.ndarray, labels: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """For each target the macro AUC `(penalties,)` of ridge regressions on the standardised blocks."""
    gram: np.ndarray = sum(_linear(block, train) for block in blocks)
    values, vectors = np.linalg.eigh(gram[np.ix_(train, train)])
    cross = gram[np.ix_(test, train)] @ vectors
    found = {}
    for target, classes in labels.items():
        wanted = vectors.T @ (classes[train] - classes[train].mean(axis=0))
        scores = [cross @ (wanted / (values + penalty * values.mean())[:, None]) for penalty in PENALTIES]
        found[target] = np.array([_macro(classes[test], score) for score in scores])
    return found


def _linear(block: np.ndarray, train: np.ndarray) -> np.ndarray:
    deviation = block[train].std(axis=0)
    scaled = (block - block[train].mean(axis=0)) / np.where(deviation < 1e-9, np.inf, deviation)
    return np.asarray(scaled @ scaled.T) / block.shape[1]


def _macro(classes: np.ndarray, scores: np.ndarray) -> float:
    found = []
    for is_class, score in zip(classes.T, scores.T, strict=True):
        n, rank = int(is_class.sum()), rankdata(score)
        if 0 < n < len(score):
            found.append((rank[is_class].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))
    return float(np.mean(found))


def _line(name: str, rows: pd.DataFrame) -> list[object]:
    means = rows.groupby("target")[["inner", "auc"]].mean()
    return [name, rows["inner"].mean(), *(means.loc[target, "auc"] for target in TARGETS.values())]


if __name__ == "__main__":
    results = sweep(Path(sys.argv[1]))
    lines = [_line(str(name), rows) for name, rows in results.groupby("choice", sort=False)]
    ranked = sorted(lines[1:], key=lambda line: -float(str(line[1])))
    usual = [line for line in ranked[BEST:] if str(line[0]).endswith("stage 8, grid 1")]
    lines = [lines[0], *ranked[:BEST], *usual]
    with_pixels = results["choice"].str.endswith("with pixels")
    lines.append(_line("network, chosen by fold", chosen(results[~with_pixels & (results["choice"] != lines[0][0])])))
    lines.append(_line("with pixels, chosen by fold", chosen(results[with_pixels])))
    print(tabulate(lines, ["choice", "inner folds", *TARGETS.values()], floatfmt=".3f"))
