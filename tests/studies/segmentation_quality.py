"""`python -m tests.studies.segmentation_quality`: a table of `segmented` on real volumes, in 3 folds by patient.

Dice and distances are measured at native resolution, on patients who took no part in training.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Trains one fold after another and prints one row per patient, then means."""
    from data.spider import Spider

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", default=str(shared() / "spider-t2space-volumes"))
    arguments.add_argument("--tables", default=str(shared() / "spider-tables"))
    arguments.add_argument("--sequence", default="t2_SPACE")
    arguments.add_argument("--folds", type=int, default=3)
    arguments.add_argument("--only", type=int, default=None, help="this fold alone, from 0")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, default=None, help="keeps masks (.npz), curves and weights here")
    arguments.add_argument("--draw", metavar="PATIENT", help="writes OUT/PATIENT.png: given and predicted mask")
    arguments.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="fields of the region")
    given = arguments.parse_args()
    fields = dict(pair.split("=", 1) for pair in given.set)
    dataset = Spider(folder=given.folder, tables=given.tables, sequences=(given.sequence,))
    table = measure(dataset, given, {name: _value(text) for name, text in fields.items()})
    with pd.option_context("display.width", 200, "display.max_columns", 30):
        print(table.round(3).to_string(), file=sys.stderr)
    print(summary(table))


def measure(dataset, given: argparse.Namespace, fields: dict) -> pd.DataFrame:
    """One row per patient."""
    from sklearn.model_selection import KFold

    from preprocessing.regions.base import Study
    from preprocessing.regions.segmentation.quality import quality
    from preprocessing.regions.segmented import Segmented

    region = Segmented(**fields)
    studies = dataset.samples()["study"].unique()
    rows = []
    folds = KFold(given.folds, shuffle=True, random_state=given.seed).split(studies)
    for fold, (train, test) in enumerate(folds):
        if given.only not in (None, fold):
            continue
        scans = [Study(s, s, {given.sequence: partial(dataset.load, s, given.sequence)}, []) for s in studies[train]]
        start, cpu = time.perf_counter(), time.process_time()
        fitted = region.fit(scans, seed=given.seed, device="cpu")
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        curve = fitted.artifacts()["learning_curve"]
        took = f"\nfold {fold}: {wall:.0f} s, {cpu:.0f} CPU s"
        print(curve.round(3).to_string(index=False), took, file=sys.stderr, flush=True)
        if given.out is not None:
            (given.out / f"fold{fold}").mkdir(parents=True, exist_ok=True)
            fitted.save(given.out / f"fold{fold}")
        for study in studies[test]:
            image = dataset.load(study, given.sequence)
            cpu = time.process_time()
            prepared = fitted.draw(image)
            seconds = time.process_time() - cpu
            scores = quality(image.mask, prepared.mask, image.spacing)
            rows.append({"patient": study, "fold": fold, **scores, "cpu_s": seconds})
            if given.out is not None:
                np.savez_compressed(given.out / f"{study}.npz", mask=prepared.mask)
            if given.draw == study:
                draw(image, prepared.mask, (given.out or Path()) / f"{study}.png")
    return pd.DataFrame(rows).set_index("patient")


def draw(image, predicted: np.ndarray, path: Path) -> None:
    """Draws the middle slice alone, with the given and with the predicted mask, and numbers the discs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    middle, (_, h, w) = len(image.pixels) // 2, image.spacing
    figure, axes = plt.subplots(1, 3, figsize=(10, 8), layout="constrained")
    for axis, mask, title in zip(axes, (None, image.mask, predicted), ("image", "given", "predicted"), strict=True):
        axis.imshow(image.pixels[middle], cmap="gray", aspect=h / w)
        axis.set(title=title, xticks=[], yticks=[])
        for label in [] if mask is None else np.unique(mask[middle][mask[middle] > 0]):
            inside = mask[middle] == label
            colour = "tab:cyan" if label == 100 else "tab:orange" if label > 200 else "tab:green"
            axis.contour(inside, [0.5], colors=colour, linewidths=1)
            if label > 200:
                row, column = np.argwhere(inside).mean(axis=0)
                axis.text(column, row, str(label), color="white", fontsize=7, ha="center", va="center")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def summary(table: pd.DataFrame) -> str:
    """Means over patients with intervals (2,000 resamples of patients), the worst patient, and counts of discs."""
    drawn = np.random.default_rng(0).integers(len(table), size=(2000, len(table)))

    def mean(values: pd.Series, digits: int) -> str:
        low, high = np.percentile(values.to_numpy()[drawn].mean(axis=1), (2.5, 97.5))
        return f"{values.mean():.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

    rows = []
    for name in ("disc", "canal", "vertebra"):
        dice, distance = table[f"dice_{name}"], table[f"hd95_{name}"]
        worst = f"{dice.min():.3f} ({dice.idxmin()})"
        rows.append((name, mean(dice, 3), worst, mean(distance, 1), f"{distance.median():.1f}"))
    header = ("class", "Dice", "worst patient", "95 % Hausdorff, mm", "median, mm")
    total = table[["discs", "discs_predicted", "discs_found", "discs_numbered"]].sum().astype(int)
    counts = (
        f"Discs: {total['discs']}, predicted {total['discs_predicted']}, found {total['discs_found']}, "
        f"numbered rightly {total['discs_numbered']}."
    )
    return f"{tabulate(rows, header, tablefmt='pipe', disable_numparse=True)}\n\n{counts}"


def shared() -> Path:
    """Where the real data lies."""
    return Path(os.environ.get("SCANGRID_SHARED", ROOT.parent / "shared")) / "data"


def _value(text: str):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    main()
