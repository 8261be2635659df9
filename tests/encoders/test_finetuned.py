"""A network trained with labels learns, is calibrated, keeps left and right apart, and says what is wrong."""

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
from encoders.finetuned import Finetuned
from encoders.finetuning.augmentation import augment, placings
from encoders.finetuning.calibration import temperature
from encoders.finetuning.network import build, means
from encoders.finetuning.training import Crops, Trainer
from encoders.networks.weights import WeightsError

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


def test_learns_a_side_and_tells_it_in_new_patients(trained):
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


def test_temperature_is_the_optimum_that_another_minimiser_finds():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(400, 3))
    y = np.array([rng.choice(3, p=p) for p in np.exp(log_softmax(truth, axis=1))])
    logits = (3 * truth).astype(np.float32)

    def loss(t):
        return -log_softmax(logits / t[0], axis=1)[np.arange(400), y].mean()

    other = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).x[0]
    assert_allclose(temperature(logits, y), other, rtol=1e-4)
    assert 2.4 < other < 3.6  # the logits were made three times too sharp


def test_temperature_of_rows_all_told_rightly_stays_finite():
    y = np.arange(20) % 2
    logits = np.eye(2, dtype=np.float32)[y]
    assert_allclose(temperature(logits, y), 1 / 20, rtol=1e-3)


def test_temperature_is_that_of_the_patients_held_out():
    """A third of the labels is random, so that no temperature lies at an end of what is allowed."""
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


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_augmentation_never_mirrors(strength):
    generator = torch.Generator().manual_seed(0)
    matrices = placings(2000, strength, generator)
    assert (torch.linalg.det(matrices[:, :, :2]) > 0).all()
    marked = torch.rand(200, 1, 32, 32, generator=generator) * 0.1
    marked[:, :, 12:20, 3:11] += 1  # left of the middle
    changed = augment(marked, torch.arange(200), strength, generator)
    left, right = changed[..., :16].mean(dim=(1, 2, 3)), changed[..., 16:].mean(dim=(1, 2, 3))
    assert (left > right).all()
    assert not torch.allclose(changed, marked, atol=0.1)


def test_augmentation_turns_about_the_middle_by_a_known_angle():
    """A point is found where the inverse of its crop's own matrix puts it."""
    generator = torch.Generator().manual_seed(3)
    matrix = placings(1, 1.0, torch.Generator().manual_seed(3))[0].double()
    picture = torch.zeros(1, 1, 65, 65)
    picture[0, 0, 20:23, 44:47] = 1  # its centre at (21, 45)
    changed = augment(picture, torch.zeros(1, dtype=torch.long), 1.0, generator)[0, 0].clamp(min=0)
    changed = torch.where(changed > 0.5 * changed.max(), changed, 0).double()
    rows, columns = torch.meshgrid(torch.arange(65.0), torch.arange(65.0), indexing="ij")
    found = torch.stack([(columns * changed).sum(), (rows * changed).sum()]) / changed.sum()
    start = (torch.tensor([45.0, 21.0]).double() + 0.5) * 2 / 65 - 1
    expected = torch.linalg.solve(matrix[:, :2], start - matrix[:, 2])
    assert_allclose(found, ((expected + 1) * 65 / 2 - 0.5).numpy(), atol=0.5)


def test_slices_of_a_crop_move_together_and_strength_0_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    one = torch.rand(1, 1, 32, 32, generator=generator)
    of = torch.tensor([0, 0, 1])
    changed = augment(one.expand(3, 1, 32, 32), of, 1.0, generator).flatten(1)
    alike = torch.corrcoef(changed)
    assert alike[0, 1] > alike[0, 2] + 0.1
    assert torch.equal(augment(one, of[:1], 0.0, generator), one)


def test_crops_of_different_depth_are_averaged_each_by_itself():
    features = torch.arange(12.0).reshape(6, 2)
    found = means(features, torch.tensor([0, 1, 1, 1, 2, 2]))
    assert_allclose(found, [[0, 1], [4, 5], [9, 10]])


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


def test_class_weights_are_of_the_training_crops_alone(monkeypatch):
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
    logits = Trainer(encoder, fitted._whole, Crops(images, encoder.prepare, "cpu"), y, np.ones(2), "cpu").logits(
        np.flatnonzero(held)
    )
    kept = -log_softmax(logits, axis=1)[np.arange(held.sum()), y[held]].mean()
    assert_allclose(kept, losses.min(), rtol=1e-4)


def test_learning_rate_makes_one_cycle():
    """Two steps an epoch: up for 30 % of the 20 steps, and down to 1 / 250,000 of the highest rate at the last."""
    curve = fit(dataclasses.replace(TINY, validation=0.0, epochs=10), n=32).artifacts()["learning_curve"]
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


def test_saved_and_loaded_says_the_same(trained, tmp_path):
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


@pytest.mark.parametrize("preset", ["convnext", "densenet121", "efficientnetv2", "efficientnet_lite0"])
def test_presets_give_features_and_classes(preset):
    encoder = Finetuned(preset=preset, weights="random", size=32)
    network = build(encoder.model, "random", 32, 3)
    features = {"convnext": 768, "densenet121": 1024, "efficientnetv2": 1280, "efficientnet_lite0": 1280}[preset]
    assert network["classifier"].weight.shape == (3, features)


def test_training_starts_from_the_weights_of_a_file(tmp_path):
    from safetensors.torch import save_file

    from encoders.networks.timm_network import create

    start = create("test_resnet", "random", 32).state_dict()
    save_file(start, tmp_path / "start.safetensors")
    network = build("test_resnet", str(tmp_path / "start.safetensors"), 32, 2)
    assert all(torch.equal(tensor, start[name]) for name, tensor in network["features"][1].state_dict().items())
    start.pop(next(iter(start)))
    save_file(start, tmp_path / "cut.safetensors")
    with pytest.raises(WeightsError, match=r"tensors match"):
        build("test_resnet", str(tmp_path / "cut.safetensors"), 32, 2)


def test_lite0_starts_from_its_packages_weights():
    from encoders.efficientnet_lite0 import EfficientnetLite0

    encoder, frozen = Finetuned(preset="efficientnet_lite0"), EfficientnetLite0()
    assert encoder.weights_digest() == frozen.weights_digest() != ""
    ours = build(encoder.model, "pretrained", 32, 2)["features"].state_dict()
    theirs = frozen.build(seed=0).state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"preset": "convnxt"}, "must be one of convnext.*did you mean 'convnext'"),
        ({"preset": ""}, "must be given, and not both"),
        ({"network": "resnet18"}, "must be given, and not both"),
        ({"batch_size": 1}, r"batch_size \(1\) must be 2 or more"),
        ({"validation": 1.0}, r"validation \(1.0\) must be from 0 to below 1"),
        ({"decay": -0.1}, r"decay \(-0.1\) must be 0 or more"),
        ({"precision": "bf16"}, r"precision \(bf16\) must be auto or fp32"),
    ],
)
def test_fields_that_cannot_be(fields, message):
    with pytest.raises(ValueError, match=message):
        Finetuned(**fields)


def test_networks_and_sizes_that_cannot_be():
    with pytest.raises(ValueError, match="did you mean 'test_resnet'"):
        build("test_resnt", "random", 32, 2)
    with pytest.raises(ValueError, match=r"densenet121 can't take size=8 .*use size=224"):
        build("densenet121", "random", 8, 2)
    with pytest.raises(ValueError, match=r"convnext_tiny can't take size=16 "):
        build("convnext_tiny", "random", 16, 2)


def test_labels_and_patients_that_cannot_be():
    images, y, groups = edges(12)

    def refused(message, encoder=TINY, y=y, groups=groups):
        with pytest.raises(ValueError, match=message):
            encoder.fit(images, y, groups=groups, seed=0, device="cpu")

    refused("y is None", y=None)
    refused("all 12 crops have class 1: training needs two classes", y=np.ones(12, dtype=np.int64))
    refused("needs 2 patients or more, there is 1: set validation=0", groups=np.full(12, "p0"))
    two, of_two = np.repeat([0, 1], 6), np.repeat(["p0", "p1"], 6)
    refused("class [01] has 1 training patients, all held out", y=two, groups=of_two)
