"""Phantom studies, and models fitted on them."""

import json

import numpy as np
import pandas as pd
import pytest

from bench.models.fit import fit_model
from bench.run.progress import Progress
from tests.bench.models.spines import GRID


@pytest.fixture(scope="module")
def spines(tmp_path_factory):
    """Eight studies in which all classes are equally frequent."""
    from data.phantom import write_rsna_phantom

    folder = tmp_path_factory.mktemp("spines")
    write_rsna_phantom(folder, patients=8, test_patients=0, seed=2, effect=1.0, spacing=(5.0, 1.6), axial_slices=3)
    table = pd.read_csv(folder / "train.csv")
    for i, column in enumerate(table.columns[1:]):
        table[column] = np.array(["Normal/Mild", "Moderate", "Severe"])[(np.arange(len(table)) + i) % 3]
    table.to_csv(folder / "train.csv", index=False)
    return folder


@pytest.fixture
def fitted(go, spines, tmp_path):
    """Runs a grid on the spines and fits the cells with a head: `fitted(heads, fusion, targets)` gives the model."""

    def fit(heads="logistic", fusion="concat", targets=("spinal_canal_stenosis",), region="whole: {slices: 1}"):
        text = GRID.format(folder=spines, targets=", ".join(targets), region=region, fusion=fusion, heads=heads)
        run = go(text).folder
        cells = json.loads((run / "cells.json").read_text())
        keys = [c["key"] for c in cells if not c["floor"] and c["axes"]["heads"].startswith(heads.partition(":")[0])]
        out = tmp_path / "model"
        options = {"store": go.store, "grid_file": None, "device": "cpu", "jobs": 2}
        fit_model(run, keys, out, **options, progress=Progress(live=False, show=lambda text: None))
        return out

    return fit
