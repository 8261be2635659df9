"""The cells of grids/speed.yaml as scikit-learn users write them: a Pipeline with memory under GridSearchCV."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


class Embed(TransformerMixin, BaseEstimator):
    """Turns sample numbers into embeddings: reads, processes, crops and encodes."""

    def __init__(self, folder="", images="grayscale", encoder="raw_pixels"):
        self.folder = folder
        self.images = images
        self.encoder = encoder

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        import torch

        from bench.plugins import load
        from data.geometry.crop import crop

        torch.set_num_threads(1)
        dataset = load("data", "spider", folder=self.folder)
        samples = dataset.samples().iloc[np.asarray(X).ravel()]
        region, step = load("regions", "mask", slices=1, margin=8.0), load("images", self.images)
        images = []
        for study, rows in samples.groupby("study", sort=False):
            scan = dataset.load(study, "t2")
            processed = step(scan)
            images += [crop(processed, region.locate(scan, row)) for _, row in rows.iterrows()]
        size = {"raw_pixels": 24, "efficientnet_lite0": 160}[self.encoder]
        nobody = np.zeros(0, dtype=str)
        encoder = load("encoders", self.encoder, size=size)
        fitted = encoder.fit([], None, groups=nobody, seed=0, device="cpu")
        return np.stack([tokens.mean(axis=0) for tokens in fitted.encode(images)])


def seconds(folder: str, jobs: int, repeats: int) -> float:
    """Runs the search on the same folds of the first repeats; returns the seconds."""
    import pandas as pd

    from bench.plugins import load

    data = str(Path(folder) / "phantom")
    samples = load("data", "spider", folder=data).samples()
    folds = pd.read_csv(Path(folder) / "runs cores" / "speed" / "folds.csv", dtype={"patient": str})
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        pipeline = Pipeline(
            [
                ("embed", Embed(data)),
                ("scale", StandardScaler()),
                ("balance", "passthrough"),
                ("head", LogisticRegression()),
            ],
            memory=cache,
        )
        grid = {
            "embed__images": ["grayscale", "histogram_equalization"],
            "embed__encoder": ["raw_pixels", "efficientnet_lite0"],
            "balance": ["passthrough", SMOTE(random_state=0)],
            "head": [
                LogisticRegression(C=0.01, max_iter=2000),
                KNeighborsClassifier(15, metric="cosine"),
                CalibratedClassifierCV(SVC(), ensemble=False, cv=3),
                LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1),
            ],
        }
        for _, table in folds[folds["repeat"] < repeats].groupby("repeat"):
            fold = table.set_index("patient")["fold"][samples["patient"]].to_numpy()
            search = GridSearchCV(
                pipeline,
                grid,
                cv=PredefinedSplit(fold),
                scoring="roc_auc",
                n_jobs=jobs,
                refit=False,
                error_score="raise",
            )
            search.fit(np.arange(len(samples))[:, None], samples["narrowing"].to_numpy())
    return time.perf_counter() - start
