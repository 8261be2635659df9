"""Planted leaks: whatever learns sees only the training patients of the fold.

Most tests change what a learner must not see: the pixels or labels of test patients. What was learnt, or the
predictions for other patients, must stay the same bits. The other tests record what a learner is given.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from bench.grid.cells import is_floor
from bench.grid.file import read_grid
from bench.plan.plan import Plan
from bench.plan.references import View
from bench.stages import features
from bench.tasks.store import Store
from encoders.base import Tokens


def some_tokens(n=40, width=6, seed=0):
    values = np.random.default_rng(seed).normal(size=(n, 1, width)).astype(np.float32)
    return Tokens(values, np.ones((n, 1), dtype=bool), np.arange(n))


def test_the_scaler_sees_only_training_rows():
    X = np.random.default_rng(0).normal(3, 2, size=(50, 4)).astype(np.float32)
    train, test = np.arange(30), np.arange(30, 50)
    changed = X.copy()
    changed[test] += 1000
    assert_array_equal(features.standardise(X, train)[train], features.standardise(changed, train)[train])
    scaled = features.standardise(X, train)[train].astype(np.float64)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-5)


def test_the_projection_sees_only_training_tokens():
    from encoders.networks.projection import PcaProjection

    tokens, train = some_tokens(), np.arange(25)
    other = Tokens(tokens.values.copy(), tokens.present, tokens.rows)
    other.values[25:] *= 100
    one, two = (features.project([t], PcaProjection(3), train, seed=0)[0].values for t in (tokens, other))
    assert_array_equal(one[:25], two[:25])


def test_the_filler_sees_only_training_samples():
    from encoders.fusion.concat import Concat
    from encoders.missing.mean import TrainingMean

    first, second = some_tokens(seed=1), some_tokens(seed=2)
    second.rows[[3, 30]] = -1
    train = np.arange(25)
    other = Tokens(second.values.copy(), second.present, second.rows)
    other.values[25:] += 50

    def fused(t):
        groups = np.arange(40).astype(str)
        how = {"classes": 2, "seed": 0, "device": "cpu"}
        return features.fuse([first, t], TrainingMean(), Concat(), train, None, groups, **how)[0].vectors[0]

    assert_array_equal(fused(second)[3], fused(other)[3])
    assert_array_equal(fused(second)[30], fused(other)[30])  # a test sample is filled by training samples


def test_a_fusion_trained_with_labels_sees_only_training_samples():
    from encoders.fusion.attention import Attention
    from encoders.missing.zeros import Zeros

    tokens = some_tokens()
    train, groups = np.arange(25), np.arange(40).astype(str)
    y = (tokens.values[:, 0, 0] > 0).astype(np.int64)
    other = Tokens(tokens.values.copy(), tokens.present, tokens.rows)
    other.values[25:] += 50
    how = {"classes": 2, "seed": 0, "device": "cpu"}
    one, two = (
        features.fuse([t], Zeros(), Attention(epochs=3), train, y[train], groups, **how)[0] for t in (tokens, other)
    )
    assert_array_equal(one.vectors[0, :25], two.vectors[0, :25])
    assert_array_equal(one.probabilities[:25], two.probabilities[:25])


@pytest.mark.parametrize(
    ("balance", "head"), [("smote", "logistic"), ("none", "svc"), ("svm_smote", "svc"), ("undersample", "mlp")]
)
def test_test_labels_never_reach_a_fit(small, go, phantom_copy, balance, head, tmp_path):
    """Sampler, classifier and calibrator: flipped labels of test patients change no prediction of their fold."""
    text = small.split("data:")[0] + f"data: {{spider: {{folder: {phantom_copy}}}}}\n" + small.split("}}\n", 1)[1]
    text = text.replace("[none, smote]", f"[{balance}]").replace("[prior, location, logistic, knn]", f"[{head}]")
    text = text.replace("images: [grayscale, ", "images: [")
    first = go(text, runs="first")
    folds = first.folder / "folds.csv"
    fixed = tmp_path / "fixed.csv"
    fixed.write_text(folds.read_text())
    test = pd.read_csv(folds, dtype={"patient": str}).query("fold == 0")["patient"]
    gradings = phantom_copy / "radiological_gradings.csv"
    table = pd.read_csv(gradings)
    mine = table["Patient"].astype(str).isin(test)
    table.loc[mine, "Disc narrowing"] = 1 - table.loc[mine, "Disc narrowing"]
    table.to_csv(gradings, index=False)
    second = go(text, [f"protocol.split={fixed}"], runs="second", store=tmp_path / "other store")
    before, after = (_predictions(outcome, head).query("fold == 0") for outcome in (first, second))
    assert (before["y"].to_numpy() != after["y"].to_numpy()).all()
    assert_array_equal(before["p_1"], after["p_1"])


def test_the_autoencoder_sees_only_training_patients(small, go, phantom_copy, tmp_path):
    """Other pixels of the test patients leave the trained weights as they are, bit by bit."""
    import SimpleITK as sitk  # noqa: N813
    from safetensors.numpy import load_file

    text = small.split("data:")[0] + f"data: {{spider: {{folder: {phantom_copy}}}}}\n" + small.split("}}\n", 1)[1]
    text = text.replace("raw_pixels: {size: 12}", "cae_2d: {size: 16, channels: [4, 8], latent: 4, steps: 2}")
    text = text.replace("images: [grayscale, ", "images: [").replace("[none, smote]", "[none]")
    first = go(text, runs="first")
    folds = pd.read_csv(first.folder / "folds.csv", dtype={"patient": str})
    for patient in folds.query("fold == 0")["patient"]:
        path = str(phantom_copy / "images" / f"{patient}_t2.mha")
        image = sitk.ReadImage(path)
        sitk.WriteImage(sitk.Cast(sitk.SmoothingRecursiveGaussian(image, 3.0), image.GetPixelID()), path)
    other = tmp_path / "other store"
    go(text, runs="second", store=other)

    def weights(store):
        found = {}
        for folder in (store / "networks").iterdir():
            arrays = load_file(next(folder.glob("*.safetensors")))
            made = (folder / "made_by.json").read_text()
            found[arrays[sorted(arrays)[0]].tobytes()] = made
        return set(found)

    same = weights(go.store) & weights(other)
    assert len(same) == 1  # fold 0 holds the changed patients out; the other two folds train on them


def test_encoders_are_given_only_training_patients(small, phantom, tmp_path, monkeypatch):
    from bench.run.progress import Progress
    from bench.tasks.reading import make_crops
    from bench.tasks.work import Work
    from encoders import cae_2d

    file = tmp_path / "grid.yaml"
    file.write_text(small.replace("raw_pixels: {size: 12}", "cae_2d: {size: 16, channels: [4], latent: 4, steps: 1}"))
    store = Store(tmp_path / "store")
    plan = Plan(read_grid(file), store)
    make_crops(plan, store, jobs=1, progress=Progress(live=False, show=lambda line: None))
    seen = []
    cls = next(c for c in vars(cae_2d).values() if dataclasses.is_dataclass(c) and c.__module__ == "encoders.cae_2d")
    real = cls.fit
    monkeypatch.setattr(
        cls, "fit", lambda self, images, y, **k: seen.append(set(k["groups"])) or real(self, images, y, **k)
    )
    cells = [c for c in plan.cells() if not is_floor(c.cell)][:1]
    work = Work(plan, store, device="cpu", progress=Progress(live=False), fitted=lambda cell: None)
    tasks, _ = work.tasks(cells, [])
    for task in tasks:
        if task.name.startswith("cae_2d"):
            task.run()
    expected = [set(plan.patients[fold.train]) for fold in plan.view.folds]
    assert seen == expected


def test_views_of_null_runs_hold_their_own_labels(small, tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text(small)
    plan = Plan(read_grid(file), Store(tmp_path / "store"))
    real, null = plan.view, plan.null_view(0)
    assert isinstance(null, View)
    assert_array_equal(np.sort(real.labels["narrowing"].y), np.sort(null.labels["narrowing"].y))
    keys = {c.key for c in plan.cells()} & {c.key for c in plan.cells(null)}
    assert not keys


def _predictions(outcome, head):
    import json

    cells = json.loads((outcome.folder / "cells.json").read_text())
    cell = next(c for c in cells if c["axes"]["heads"] == head)
    return pd.read_parquet(outcome.folder / "cells" / f"{cell['key']}.parquet")
