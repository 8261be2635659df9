"""Trained networks count the levels of spines that lie anywhere in the field of view."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from data.base import Image
from preprocessing.regions.base import Study
from preprocessing.regions.predicted import Predicted

LEVELS = ("L5/S1", "L4/L5", "L3/L4", "L2/L3", "L1/L2")
# Sagittal slices: D to the left, H to the feet, W to the back
AFFINE = np.array([[4, 0, 0, -8], [0, 0, 3, -70], [0, -3, 0, 140], [0, 0, 0, 1.0]])
SHAPE = (3, 96, 48)
REGION = Predicted(pixels=64, slice_pixels=32, epochs=1, least_steps=150, scans=4, batch_size=8, validation=0.0)


def discs(seed, n=8):
    """`(n, 2)` rows and columns of discs from the lowest up: alike, 12 voxels apart, beginning anywhere."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(62, 84) - np.concatenate([[0], np.cumsum(rng.normal(12, 0.5, n - 1))])
    return np.stack([rows, 24 + rng.normal(0, 1.5) + np.cumsum(rng.normal(0, 0.7, n))], axis=1)


def spine(seed, *, bottom=SHAPE[1]):
    """A sacrum, which is bright, below discs that all look alike; rows from `bottom` on are cut off."""
    h, w = np.meshgrid(np.arange(SHAPE[1]), np.arange(SHAPE[2]), indexing="ij")
    picture = np.random.default_rng(seed).normal(0, 0.05, SHAPE)
    for row, column in discs(seed):
        picture[1] += np.exp(-(((h - row) / 2) ** 2) - ((w - column) / 5) ** 2)
    row, column = discs(seed)[0]
    picture[1] += 1.5 * ((h > row + 4) & (abs(w - column) < 7))
    return Image((1000 * picture[:, :bottom]).astype(np.float32), AFFINE)


def study(seed, *, bottom=SHAPE[1]):
    samples = [{"sample": f"{seed} {x}", "patient": f"p{seed}", "study": f"s{seed}", "level": x} for x in LEVELS]
    rows = [("sag", *spine(seed).position((1, *at)), "") for at in discs(seed)[:5]]
    index = pd.Index([sample["sample"] for sample in samples], name="sample")
    points = pd.DataFrame(rows, columns=["sequence", "x", "y", "z", "fault"], index=index)
    return Study(f"s{seed}", f"p{seed}", {"sag": partial(spine, seed, bottom=bottom)}, samples, points)


@pytest.fixture(scope="module")
def fitted():
    return REGION.fit([study(i) for i in range(40)], seed=0, device="cpu")


def off(fitted, given):
    """For each level by how many discs the found point is too high; NaN where none was found."""
    found = fitted.look(replace(given, points=None)).points
    seed = int(given.study[1:])
    heights = np.array([spine(seed).position((1, *at))[2] for at in discs(seed)])
    return np.array(
        [abs(heights - z).argmin() - i if np.isfinite(z) else np.nan for i, z in enumerate(found.loc[:, "z"])]
    )


@pytest.mark.long
def test_trained_networks_count_the_levels_wherever_the_spine_lies(fitted):
    assert len(fitted._finders["sag"].chains) == 1
    counted = np.stack([off(fitted, study(i)) for i in range(100, 130)])
    assert (counted == 0).mean() > 0.95


def test_an_anchor_numbers_a_scan_whose_lowest_discs_are_cut_off(fitted, tmp_path):
    """Without the sacrum the lowest disc in the image may be any: an anchor names it, and levels below have a fault."""
    low = {f"s{i}": int(discs(i)[0][0]) - 4 for i in range(200, 220)}
    given = [study(int(name[1:]), bottom=bottom) for name, bottom in low.items()]
    unnamed = np.stack([off(fitted, one) for one in given])
    file = tmp_path / "anchors.csv"
    pd.DataFrame({"study": list(low), "level": "L4/L5"}).to_csv(file, index=False)
    fitted.save(tmp_path)
    anchored = replace(REGION, anchor=str(file)).load(tmp_path, device="cpu")
    named = np.stack([off(anchored, one) for one in given])
    assert np.isnan(named[:, 0]).all()
    assert (named[:, 1:] == 0).mean() > 0.9
    assert (named[:, 1:] == 0).mean() > (unnamed[:, 1:] == 0).mean()
    faults = anchored.look(given[0]).points["fault"]
    assert list(faults) == ["it lies below L4/L5, which is named as the lowest level seen", *[""] * 4]
