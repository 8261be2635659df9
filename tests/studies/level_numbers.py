"""How often region `predicted` numbers the levels of real spines right, on SPIDER's masks.

    python -m tests.studies.level_numbers FOLDER --sequence t2_SPACE

The points are the centres of the five lowest discs of the masks. Networks learn in three folds by patient. A point
belongs to the disc whose centre is nearest along the spine. The rows are: levels counted together; each heat map alone,
as without chains; the same scans cut off above L5/S1; these scans with the anchor L4/L5.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from data.base import Float64, Image
from data.spider import Spider
from preprocessing.regions.base import Study
from preprocessing.regions.localisation.fitted import FittedPredicted
from preprocessing.regions.predicted import Predicted

LEVELS = ("L5/S1", "L4/L5", "L3/L4", "L2/L3", "L1/L2")
FIRST_DISC, FOLDS = 201, 3
Scans = Mapping[str, Image]


def main() -> None:
    """Fits, looks and prints."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, help="a folder with images/ and masks/, such as a phantom")
    arguments.add_argument("--sequence", default="t2")
    options = arguments.parse_args()
    dataset = Spider(folder=str(options.folder))
    ending = f"_{options.sequence}.mha"
    names = sorted(path.name.removesuffix(ending) for path in (options.folder / "images").glob(f"*{ending}"))
    loaded = {name: dataset.load(name, options.sequence) for name in names}
    scans: dict[str, Image] = {name: image for name, image in loaded.items() if image is not None}
    off: dict[str, list[Float64]] = {}
    away: dict[str, list[Float64]] = {}
    for number, test in enumerate(np.array_split(np.random.default_rng(0).permutation(names), FOLDS)):
        training = [study(name, scans[name]) for name in names if name not in set(test)]
        fitted = Predicted().fit(training, seed=number, device="cpu")
        box, finders, curves = fitted._box, fitted._finders, fitted._curves
        alone = FittedPredicted(box, {q: replace(f, chains=()) for q, f in finders.items()}, curves)
        anchored = FittedPredicted(box, finders, curves, dict.fromkeys(test, "L4/L5"))
        ways: dict[str, tuple[FittedPredicted, Callable[[Image], Image]]] = {
            "counted together": (fitted, lambda image: image),
            "each map alone": (alone, lambda image: image),
            "cut off above L5/S1": (fitted, without_lowest),
            "cut off, each map alone": (alone, without_lowest),
            "cut off, anchor L4/L5": (anchored, without_lowest),
        }
        for way, (region, change) in ways.items():
            for name in test:
                discs = centres(scans[name])
                found = region.look(study(name, change(scans[name]))).points
                assert found is not None
                at = found[["x", "y", "z"]].to_numpy(dtype=np.float64)
                nearest = np.abs(at[:, None, 2] - discs[None, :, 2]).argmin(axis=1) - np.arange(len(LEVELS))
                off.setdefault(way, []).append(np.where(np.isfinite(at[:, 2]), nearest, np.nan))
                away.setdefault(way, []).append(np.linalg.norm((at - discs[: len(LEVELS)])[:, 1:], axis=1))
    for way, each in off.items():
        print(f"{way:24}", line(np.stack(each), np.stack(away[way]), lowest=way.startswith("cut")))


def line(off: Float64, away: Float64, *, lowest: bool) -> str:
    """Shares of levels, without the lowest where it is cut off, which no point can be right for."""
    off, away = (values[:, 1:] if lowest else values for values in (off, away))
    shares = {"right": off == 0, "one too high": off == 1, "higher": off > 1, "too low": off < 0}
    text = ", ".join(f"{name} {100 * which.mean():.1f} %" for name, which in shares.items())
    whole = 100 * (off == 0).all(axis=1).mean()
    return f"{text}; all levels of a spine right {whole:.1f} %; {np.nanmedian(away):.1f} mm in the slice ({len(off)})"


def centres(image: Image) -> Float64:
    """`(n, 3)` LPS mm of the discs from the lowest up."""
    assert image.mask is not None
    labels = sorted(int(label) for label in np.unique(image.mask) if FIRST_DISC <= label < FIRST_DISC + 20)
    return np.stack([image.position(np.argwhere(image.mask == label).mean(axis=0)) for label in labels])


def study(name: str, image: Image) -> Study:
    """A study whose points are the centres of its discs."""
    samples = [{"sample": f"{name} {level}", "patient": name, "study": name, "level": level} for level in LEVELS]
    rows = [("scan", *place, "") for place in centres(image)[: len(LEVELS)]]
    index = pd.Index([row["sample"] for row in samples[: len(rows)]], name="sample")
    points = pd.DataFrame(rows, columns=["sequence", "x", "y", "z", "fault"], index=index)
    return Study(name, name, {"scan": partial(_same, image)}, samples, points)


def _same(image: Image) -> Image:
    return image


def without_lowest(image: Image) -> Image:
    """The scan without the rows (from the head down) that show the lowest disc and what is below it."""
    assert image.mask is not None
    rows = np.flatnonzero((image.mask == FIRST_DISC).any(axis=(0, 2)))
    down = image.affine[2, 1] < 0
    kept = slice(None, int(rows.min())) if down else slice(int(rows.max()) + 1, None)
    affine = image.affine.copy()
    affine[:3, 3] = image.position((0, kept.start or 0, 0))
    return replace(image, pixels=image.pixels[:, kept], mask=image.mask[:, kept], affine=affine)


if __name__ == "__main__":
    main()
