"""The 2D autoencoder learns, stops, and keeps its learning curve."""

import numpy as np
import pytest

from data.base import Image
from encoders.cae_2d import Cae2d

SMALL = {"channels": (8, 16), "size": 16, "latent": 8, "batch_size": 16, "learning_rate": 0.005, "steps": 250}


def blobs(n, seed=0):
    """Pictures of one bright square at a random place: two numbers to learn."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n):
        pixels = np.zeros((1, 16, 16), dtype=np.float32)
        row, column = rng.integers(0, 9, 2)
        pixels[:, row : row + 8, column : column + 8] = 1
        images.append(Image(pixels=pixels, affine=np.eye(4)))
    return images, np.array([f"p{i // 4}" for i in range(n)])


def fit(encoder, n=160):
    images, groups = blobs(n)
    return encoder.fit(images, None, groups=groups, seed=0, device="cpu")


def test_learns_more_than_the_mean_image():
    fitted = fit(Cae2d(**SMALL))
    curve = fitted.artifacts()["learning_curve"]
    pixels = np.stack([image.pixels for image in blobs(160)[0]])
    assert curve["validation_loss"].min() < 0.6 * pixels.var(axis=0).mean()
    shown, rebuilt = fitted.artifacts()["reconstructions"]
    assert shown.shape == rebuilt.shape == (8, 16, 16)
    assert ((shown - rebuilt) ** 2).mean() < 0.6 * pixels.var(axis=0).mean()


def test_stops_when_held_out_patients_gain_nothing_and_keeps_the_best():
    """Of noise there is nothing to learn but the training images themselves."""
    noise = np.random.default_rng(0).random((80, 1, 16, 16), dtype=np.float32)
    groups = np.array([f"p{i // 4}" for i in range(80)])
    encoder = Cae2d(**SMALL | {"steps": 600}, patience=60, augmentation=0.0)
    images = [Image(pixels=pixels, affine=np.eye(4)) for pixels in noise]
    fitted = encoder.fit(images, None, groups=groups, seed=0, device="cpu")
    errors = fitted.artifacts()["learning_curve"]["validation_loss"]
    assert len(errors) < 20 and len(errors) - 1 - errors.argmin() == 2
    shown, rebuilt = fitted.artifacts()["reconstructions"]
    images = [Image(pixels=pixels[None], affine=np.eye(4)) for pixels in shown]
    again = fitted.decode(np.concatenate(list(fitted.encode(images))))
    assert np.array_equal(rebuilt, again[:, 0])


def test_too_few_patients_for_a_split_run_all_steps():
    curve = fit(Cae2d(**SMALL | {"steps": 4}), n=16).artifacts()["learning_curve"]
    assert len(curve) == 4 and curve["validation_loss"].isna().all()


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match=r"size \(20\) must be a multiple of 16.*use size=16"):
        Cae2d(size=20)


def test_the_published_architecture():
    """1x64x64, convolutions to 256x4x4, a latent of 100; the parameters counted by hand."""
    encoder, decoder = Cae2d(preset="knee").build(seed=0)
    down = [(1, 64), (64, 128), (128, 256), (256, 256)]
    expected = sum(25 * i * o + o for i, o in down) + 4096 * 100 + 100
    assert sum(p.numel() for p in encoder.parameters()) == expected
    expected = sum(16 * i * o + i for i, o in down) + 100 * 4096 + 4096
    assert sum(p.numel() for p in decoder.parameters()) == expected
