"""What autoencoders learn, encode and keep, in 2D and 3D."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from data.base import Image
from encoders.autoencoder.training import objective
from encoders.cae_2d import Cae2d
from encoders.cae_3d import Cae3d

FLAT = {"channels": (4, 8), "size": 8, "latent": 3, "batch_size": 8, "learning_rate": 0.01, "steps": 20}
DEEP = FLAT | {"size": (4, 8, 8)}


def crops(n=32, shape=(1, 8, 8), seed=0):
    """Pictures of a bright cuboid, which the mask marks too; each patient has four."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n):
        mask = np.zeros(shape, dtype=np.int16)
        first = [rng.integers(0, max(1, length // 2)) for length in shape]
        mask[tuple(slice(a, a + length // 2 + 1) for a, length in zip(first, shape, strict=True))] = 7
        images.append(Image(pixels=(mask > 0) * np.float32(0.8), affine=np.eye(4), mask=mask, structure=7))
    return images, np.array([f"p{i // 4}" for i in range(n)])


def fit(encoder, images, groups):
    return encoder.fit(images, None, groups=groups, seed=0, device="cpu")


def encoded(fitted, images):
    return np.concatenate(list(fitted.encode(images)))


@pytest.mark.parametrize("reads", ["intensity", "mask", "both"])
@pytest.mark.parametrize(("plugin", "fields", "shape"), [(Cae2d, FLAT, (1, 8, 8)), (Cae3d, DEEP, (4, 8, 8))])
def test_decoding_what_was_encoded_is_the_reconstruction(plugin, fields, shape, reads, tmp_path):
    images, groups = crops(shape=shape)
    encoder = plugin(preset="disc_small", placing="resize", input=reads, loss="mse", **fields)
    fitted = fit(encoder, images, groups)
    kept = fitted.artifacts()
    assert fitted.channels == {"both": ("intensity", "mask")}.get(reads, (reads,))
    latents = encoded(fitted, images)
    decoded = fitted.decode(latents)
    inputs = np.concatenate([fitted.prepare(image) for image in images])
    assert latents.shape == (32, 3) and decoded.shape == inputs.shape and decoded.dtype == np.float32
    for channel, name in enumerate(["", "_mask"][: len(fitted.channels)]):
        shown, rebuilt = kept[f"reconstructions{name}"].astype(np.float32)
        rows = [int(np.abs(inputs[:, channel].reshape(32, -1) - one.ravel()).max(axis=1).argmin()) for one in shown]
        exact = 1e-6 if plugin is Cae2d else 2e-3  # float16
        assert_allclose(rebuilt.reshape(len(rows), -1), decoded[rows, channel].reshape(len(rows), -1), atol=exact)
    fitted.save(tmp_path)
    loaded = encoder.load(tmp_path, device="cpu")
    assert np.array_equal(loaded.decode(latents), decoded)
    again = loaded.artifacts()
    assert again.keys() == kept.keys()
    assert all(np.array_equal(again[name], kept[name]) for name in kept if name != "learning_curve")


def test_the_same_held_out_slices_are_kept_after_some_of_the_checks():
    """One patient of four is held out, and the curve shows the error of exactly the slices that are kept."""
    images, groups = crops(16)
    fitted = fit(Cae2d(**FLAT | {"steps": 40}, validation=0.25), images, groups)
    kept = fitted.artifacts()
    assert kept["evolution_steps"].tolist() == [2, 4, 10, 20, 40] and kept["evolution"].shape == (5, 4, 8, 8)
    curve = kept["learning_curve"].set_index("step")["validation_loss"]
    errors = ((kept["evolution"] - kept["reconstructions"][0]) ** 2).mean(axis=(1, 2, 3))
    assert_allclose(errors, curve[[2, 4, 10, 20, 40]], rtol=1e-5)


def test_of_large_volumes_some_depths_are_kept():
    images, groups = crops(4, shape=(20, 8, 8))
    fitted = fit(Cae3d(size=(40, 32, 32), channels=(2, 2), latent=2, steps=1, validation=0.0), images, groups)
    kept = fitted.artifacts()
    assert kept["reconstructions"].shape == (2, 4, 8, 32, 32) and kept["reconstructions"].dtype == np.float16
    inputs = np.concatenate([fitted.prepare(image) for image in images])
    assert_allclose(kept["reconstructions"][0], inputs[:, 0, kept["depths"]], atol=1e-3)
    assert kept["evolution"].shape == (1, 4, 8, 32, 32) and np.ptp(np.diff(kept["depths"])) <= 1


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_the_objective_is_the_evidence_bound(loss):
    """By torch.distributions it is minus the log likelihood per voxel plus beta times the divergence."""
    encoder = Cae3d(preset="disc_small", loss=loss, variational=True, beta=2.5, size=(4, 8, 8), channels=(3, 5))
    network, recipe = encoder.build(seed=1).eval(), encoder.recipe()
    torch.manual_seed(0)
    batch, noise = torch.rand(6, 1, 4, 8, 8).round(), torch.randn(6, 4)
    with torch.no_grad():
        hidden = network[0][:-1](batch)
        posterior = torch.distributions.Normal(network[0][-1](hidden), (network[2](hidden) / 2).exp())
        out = network[1](posterior.mean + posterior.stddev * noise)
        prior = torch.distributions.Normal(0.0, 1.0)
        divergence = torch.distributions.kl_divergence(posterior, prior).sum() / batch.numel()
        if loss == "bce":
            error = -torch.distributions.Bernoulli(logits=out).log_prob(batch).mean()
        else:
            of_pixels = torch.distributions.Normal(out, 0.5**0.5)
            error = (of_pixels.log_prob(out) - of_pixels.log_prob(batch)).mean()
        found = objective(network, batch, recipe, noise)
    assert found.item() == pytest.approx((error + 2.5 * divergence).item(), rel=1e-5)


def test_a_heavy_divergence_draws_all_latents_to_the_prior():
    images, groups = crops(64)
    fields = FLAT | {"steps": 400, "preset": "disc_small", "placing": "resize"}
    spread = {
        beta: encoded(fit(Cae2d(**fields, variational=True, beta=beta), images, groups), images).std(axis=0).max()
        for beta in (0.001, 50.0)
    }
    assert spread[50.0] < 0.1 < 0.5 < spread[0.001]


def test_cross_entropy_of_inputs_above_1_is_refused():
    images, groups = crops(8)
    bright = [Image(pixels=image.pixels * 3, affine=np.eye(4)) for image in images]
    with pytest.raises(ValueError, match=r"inputs from 0 to 2.4 have no binary cross-entropy.*rescale=true"):
        fit(Cae2d(**FLAT, loss="bce"), bright, groups)
    decoded = fit(Cae2d(**FLAT, loss="bce", rescale=True), bright, groups).decode(np.full((2, 3), 50, dtype=np.float32))
    assert decoded.shape == (2, 1, 8, 8) and 0 <= decoded.min() <= decoded.max() <= 1
