"""A network trained with labels learns, is calibrated, keeps left and right apart, and refuses wrong fields."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from data.base import Image
from data.describing.training import heard_by
from encoders.finetuned import Finetuned
from encoders.finetuning.crops import PreparedCrops
from encoders.finetuning.training import Trainer

TINY = Finetuned(
    preset="", network="test_resnet", weights="random", size=32, epochs=6, batch_size=16, learning_rate=3e-3
)


def edges(n, seed=0, classes=2):
    """Noisy crops of 1 to 3 slices with an edge: bright on the left is class 0, on the right class 1, neither 2."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    images = []
    for label in y:
        pixels = rng.normal(0.5, 0.1, (int(rng.integers(1, 4)), 32, 32)).astype(np.float32)
        at = int(rng.integers(10, 22))
        side = (slice(None, at), slice(at, None), slice(0, 0))[label]
        pixels[:, :, side] += 0.3
        images.append(Image(pixels=pixels, affine=np.eye(4)))
    return images, y, np.array([f"p{i // 4:02d}" for i in range(n)])


def fit(encoder, n=96, classes=2, seed=0):
    images, y, groups = edges(n, classes=classes)
    return encoder.fit(images, y, groups=groups, seed=seed, device="cpu")


def token_means(fitted, images):
    return np.stack([tokens.mean(axis=0) for tokens in fitted.encode(images)])


@pytest.fixture(scope="module")
def trained():
    return fit(TINY)


def test_learns_a_side_and_recognises_it_in_new_patients(trained):
    images, y, _ = edges(60, seed=9)
    log_p = trained.log_probabilities(token_means(trained, images))
    assert roc_auc_score(y, log_p[:, 1]) > 0.95
    curve = trained.artifacts()["learning_curve"]
    assert curve["validation_auc"].iloc[curve["validation_loss"].argmin()] > 0.95
    assert list(curve) == ["epoch", "train_loss", "validation_loss", "validation_auc", "learning_rate"]


def test_log_probabilities_are_those_of_the_network_on_pixels(trained):
    images, _, _ = edges(8, seed=2)
    ours = trained.log_probabilities(token_means(trained, images))
    network = trained._whole
    theirs = []
    with torch.inference_mode():
        for image in images:
            gray = torch.from_numpy(image.pixels)[:, None]
            colour = (gray.expand(-1, 3, -1, -1) - 0.5) / 0.5  # test_resnet's own mean and deviation
            mean = network["features"][1](colour).mean(dim=0)
            logits = network["classifier"].weight @ mean + network["classifier"].bias
            theirs.append(torch.log_softmax(logits / trained.temperature, dim=0))
    assert ours.dtype == np.float32 and ours.shape == (8, 2)
    assert_allclose(ours, torch.stack(theirs).numpy(), atol=1e-4)
    assert_allclose(np.exp(ours).sum(axis=1), 1, atol=1e-6)


def test_temperature_is_that_of_the_patients_held_out():
    """A third of the labels is random, so that no temperature lies at an end of the allowed range."""
    images, y, groups = edges(96)
    y = np.where(np.arange(96) % 3 == 0, np.random.default_rng(0).integers(0, 2, 96), y)
    fitted = TINY.fit(images, y, groups=groups, seed=0, device="cpu")
    held = TINY.held_out(y, groups, 0)
    vectors = token_means(fitted, [image for image, h in zip(images, held, strict=True) if h])
    logits = fitted.log_probabilities(vectors).astype(float) * fitted.temperature  # but for a constant

    def loss(t):
        return -log_softmax(logits / t[0], axis=1)[np.arange(held.sum()), y[held]].mean()

    other = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).x[0]
    assert 1 / 20 < other < 20 and abs(other - 1) > 0.02
    assert_allclose(fitted.temperature, other, rtol=1e-3)


def test_class_weights_change_the_loss_as_computed_by_hand():
    """Counts 1 and 3: weights n / (K n_k) = 2 and 2 / 3; the loss is the weighted mean of -log p."""
    y = np.array([0, 1, 1, 1])
    weights = np.array([4 / (2 * 1), 4 / (2 * 3)])
    p = np.array([0.2, 0.9, 0.6, 0.5])  # of the right class
    logits = torch.tensor([[np.log(0.2), np.log(0.8)], *([np.log(1 - q), np.log(q)] for q in p[1:])])

    def loss(w):
        return float(Trainer(TINY, None, None, y, w, "cpu").loss(logits.float(), np.arange(4)))

    assert_allclose(loss(np.ones(2)), -np.log(p).mean(), rtol=1e-6)
    by_class = (-np.log(0.2) - np.log([0.9, 0.6, 0.5]).mean()) / 2
    assert_allclose(loss(weights), by_class, rtol=1e-6)


def test_class_weights_come_only_from_the_training_crops(monkeypatch):
    images, y, groups = edges(60)
    y = (np.arange(60) % 5 == 0).astype(np.int64)
    seen = []
    monkeypatch.setattr(Trainer, "train", lambda self, rows, held, seed: seen.append((self.weights, rows)) or [])
    for weighted in (False, True):
        encoder = dataclasses.replace(TINY, class_weights=weighted)
        encoder.fit(images, y, groups=groups, seed=0, device="cpu")
    (plain, _), (weights, rows) = seen
    assert_allclose(plain, 1)
    assert len(rows) < 60
    for k in (0, 1):
        assert_allclose(weights[k] * (y[rows] == k).sum(), len(rows) / 2)


def test_inner_split_is_by_patient():
    _, y, groups = edges(96)
    for seed in range(5):
        held = TINY.held_out(y, groups, seed)
        assert not set(groups[held]) & set(groups[~held])
        assert 3 <= len(set(groups[held])) <= 6  # of 24 patients


def test_stops_when_held_out_patients_gain_nothing_and_keeps_the_best():
    images, _, groups = edges(48)
    y = np.random.default_rng(0).integers(0, 2, 48)
    encoder = dataclasses.replace(TINY, epochs=30, patience=2, learning_rate=1e-2)
    fitted = encoder.fit(images, y, groups=groups, seed=0, device="cpu")
    losses = fitted.artifacts()["learning_curve"]["validation_loss"].to_numpy()
    assert len(losses) < 30 and len(losses) - 1 - losses.argmin() == 2
    held = encoder.held_out(y, groups, 0)
    logits = Trainer(
        encoder, fitted._whole, PreparedCrops(images, encoder.prepare, "cpu"), y, np.ones(2), "cpu"
    ).logits(np.flatnonzero(held))
    kept = -log_softmax(logits, axis=1)[np.arange(held.sum()), y[held]].mean()
    assert_allclose(kept, losses.min(), rtol=1e-4)


def test_learning_rate_makes_one_cycle():
    """An epoch has two steps. The rate rises for 30 % of the 20 steps and ends at 1 / 250,000 of the highest."""
    told = []
    with heard_by(lambda *words: told.append(words)):
        curve = fit(dataclasses.replace(TINY, validation=0.0, epochs=10), n=32).artifacts()["learning_curve"]
    assert told == [("epoch", epoch, 10) for epoch in range(1, 11)]
    rates = curve["learning_rate"].to_numpy()
    assert_allclose(rates[2], TINY.learning_rate)  # of step 6
    assert (np.diff(rates[:3]) > 0).all() and (np.diff(rates[2:]) < 0).all()
    assert_allclose(rates[-1], TINY.learning_rate / 25 / 1e4, rtol=1e-6)
    assert curve["validation_loss"].isna().all()


def test_three_classes(tmp_path):
    fitted = fit(TINY, n=120, classes=3)
    images, y, _ = edges(60, seed=9, classes=3)
    p = np.exp(fitted.log_probabilities(token_means(fitted, images)))
    assert p.shape == (60, 3) and roc_auc_score(y, p / p.sum(axis=1, keepdims=True), multi_class="ovr") > 0.9


def test_a_saved_and_loaded_network_gives_the_same(trained, tmp_path):
    images, _, _ = edges(6, seed=4)
    trained.save(tmp_path)
    loaded = dataclasses.replace(TINY, weights="pretrained").load(tmp_path, device="cpu")
    vectors, again = (token_means(f, images) for f in (trained, loaded))
    assert np.array_equal(vectors, again)
    assert np.array_equal(trained.log_probabilities(vectors), loaded.log_probabilities(again))
    assert loaded.artifacts()["learning_curve"].equals(trained.artifacts()["learning_curve"])
    assert json.loads((tmp_path / "finetuned.json").read_text())["temperature"] == trained.temperature


def test_seed_decides():
    images, _, _ = edges(6, seed=4)
    encoder = dataclasses.replace(TINY, epochs=2)
    first, same, other = (token_means(fit(encoder, n=40, seed=seed), images) for seed in (0, 0, 1))
    assert np.array_equal(first, same) and not np.allclose(first, other, rtol=1e-2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"preset": "convnxt"}, "no preset 'convnxt': did you mean 'convnext'"),
        ({"preset": ""}, "must be given, and not both"),
        ({"network": "resnet18"}, "must be given, and not both"),
        ({"batch_size": 1}, r"batch_size \(1\) must be 2 or more"),
        ({"validation": 1.0}, r"validation \(1.0\) must be from 0 to below 1"),
        ({"decay": -0.1}, r"decay \(-0.1\) must be 0 or more"),
        ({"precision": "bf16"}, r"precision \(bf16\) must be auto or fp32"),
    ],
)
def test_wrong_fields_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Finetuned(**fields)


def test_unfit_labels_and_patients_are_refused():
    images, y, groups = edges(12)

    def refused(message, encoder=TINY, y=y, groups=groups):
        with pytest.raises(ValueError, match=message):
            encoder.fit(images, y, groups=groups, seed=0, device="cpu")

    refused("y is None", y=None)
    refused("all 12 crops have class 1: training needs two classes", y=np.ones(12, dtype=np.int64))
    refused("needs 2 patients or more, but there is 1: set validation=0", groups=np.full(12, "p0"))
    two, of_two = np.repeat([0, 1], 6), np.repeat(["p0", "p1"], 6)
    refused("class [01] has 1 training patients, all held out", y=two, groups=of_two)
