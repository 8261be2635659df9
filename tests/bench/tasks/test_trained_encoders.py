"""Encoders that are trained with labels of training patients, and the head `own`, which reads their probabilities."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest

import encoders
from bench import plugins
from bench.stages.crop_files import Crops
from results.run_folder import read

CENTROIDS = '''
"""The mean picture of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from encoders.base import Encoder

LOG = []


@dataclass(frozen=True, kw_only=True)
class Centroids(Encoder):
    """The distance to the mean brightness of each class."""

    learns: ClassVar[str] = "labels"
    classifies: ClassVar[bool] = True

    def fit(self, images, y, *, groups, seed, device):
        values = np.array([image.pixels.mean() for image in images])
        LOG.append((values, y.copy(), groups.copy()))
        return Fitted(np.array([values[y == k].mean() for k in range(y.max() + 1)]))

    def load(self, folder, *, device):
        return Fitted(np.load(folder / "centres.npy"))


class Fitted:
    def __init__(self, centres):
        self.centres = centres

    def encode(self, images):
        for image in images:
            yield image.pixels.mean(axis=(1, 2)).reshape(-1, 1).astype(np.float32)

    def log_probabilities(self, tokens):
        away = -np.abs(tokens - self.centres)
        return away - np.log(np.exp(away).sum(axis=1, keepdims=True))

    def save(self, folder):
        np.save(folder / "centres.npy", self.centres)

    def artifacts(self):
        return {}
'''


@pytest.fixture
def centroids(tmp_path, monkeypatch):
    """The encoder among the plug-ins, for one test; gives what each fit saw."""
    folder = tmp_path / "mine" / "encoders"
    folder.mkdir(parents=True)
    (folder / "centroids.py").write_text(CENTROIDS)
    monkeypatch.setattr(encoders, "__path__", [*encoders.__path__])
    plugins.add_folder(tmp_path / "mine")
    yield importlib.import_module("encoders.centroids").LOG
    del sys.modules["encoders.centroids"]


def grid(small, *, encoder="centroids", heads="[own, logistic]", images="grayscale"):
    text = small.replace("encoders: [raw_pixels: {size: 12}]", f"encoders: [{encoder}]")
    text = text.replace("balance: [none, smote]", "").replace(
        "heads: [prior, location, logistic, knn]", f"heads: {heads}"
    )
    return text.replace("images: [grayscale, histogram_equalization]", f"images: [{images}]")


def test_learns_only_from_the_labels_of_training_patients(small, go, centroids):
    outcome = go(grid(small))
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype=str).set_index("patient")["fold"]
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    assert len(centroids) == 3
    seen = []
    for _, y, groups in centroids:
        tested = [fold for fold in ("0", "1", "2") if not (folds[np.unique(groups)] == fold).any()]
        seen += tested
        train = samples[(samples["patient"].map(folds) != tested[0]) & samples["narrowing"].notna()]
        assert len(y) == len(train)
        assert y.sum() == train["narrowing"].astype(int).sum()
    assert sorted(seen) == ["0", "1", "2"]


def test_own_gives_the_probabilities_of_the_encoder(small, go, centroids):
    outcome = go(grid(small, heads="[own]"))
    (key,) = (cell.key for cell in read(outcome.folder).cells if cell.axes["heads"] == "own")
    found = pd.read_parquet(outcome.folder / "cells" / f"{key}.parquet").set_index("sample")
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    crops = Crops(next((go.store / "crops").iterdir()))
    brightness = pd.Series([crops[row].pixels.mean() for row in crops.rows], samples.index)
    assert len(centroids) == 3
    for values, y, groups in centroids:
        normal, narrowed = (values[y == k].mean() for k in (0, 1))
        tested = found[~found["patient"].isin(groups)]
        v = brightness[tested.index].to_numpy()
        odds = np.exp(np.abs(v - normal) - np.abs(v - narrowed))
        np.testing.assert_allclose(tested["p_1"], odds / (1 + odds), rtol=1e-5)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"heads": "[logistic, prior]"}, "use head own"),
        ({"encoder": "centroids + raw_pixels", "heads": "[own, prior]"}, "the other encoders are not"),
        ({"heads": "[own: {calibration: sigmoid}, prior]"}, "calibrated in training"),
    ],
)
def test_a_head_that_would_trust_features_trained_with_labels_is_refused(small, go, centroids, changed, why):
    run = read(go(grid(small, **changed)).folder)
    refused = [cell for cell in run.cells if cell.status == "refused"]
    assert len(refused) == 1
    assert why in refused[0].reason
