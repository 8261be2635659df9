"""The published 3D autoencoders, and what a small one learns of discs."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from encoders.cae_3d import Cae3d
from tests.encoders.disc_masks import FACTORS, Discs, dice, draw_factors


def test_the_knee_architecture():
    """1x160x64x64, convolutions to 256x10x4x4, a latent of 200; the parameters counted by hand."""
    encoder, decoder = Cae3d(preset="knee").build(seed=0)
    down = [(1, 64), (64, 128), (128, 256), (256, 256)]
    expected = sum(125 * i * o + o for i, o in down) + 40960 * 200 + 200
    assert sum(p.numel() for p in encoder.parameters()) == expected
    expected = sum(64 * i * o + i for i, o in down) + 200 * 40960 + 40960
    assert sum(p.numel() for p in decoder.parameters()) == expected


@pytest.mark.parametrize("latent", [4, 8])
def test_the_disc_architecture(latent):
    """1x64x64x64, convolutions to 512x2x2x2, two numbers per channel in each BatchNorm."""
    encoder, decoder = Cae3d(preset="disc", latent=latent).build(seed=0)
    down = [(1, 32), (32, 64), (64, 128), (128, 256), (256, 512)]
    expected = sum(27 * i * o + o + 2 * o for i, o in down) + 4096 * latent + latent
    assert sum(p.numel() for p in encoder.parameters()) == expected
    expected = sum(64 * i * o + i + 2 * o for i, o in down) + latent * 4096 + 4096
    assert sum(p.numel() for p in decoder.parameters()) == expected


@pytest.mark.long
def test_four_features_rebuild_discs_of_four_factors_and_predict_height_and_width(capsys):
    """45 patients train and 15 are held out, with five discs each."""
    factors, patients = draw_factors(60)
    held = np.isin(patients, np.unique(patients)[45:])
    encoder = Cae3d(preset="disc_small")
    seen, unseen = Discs(factors[~held]), Discs(factors[held])
    fitted = encoder.fit(seen, None, groups=patients[~held], seed=0, device="cpu")
    before, after = (np.concatenate([encoder.prepare(disc) for disc in discs]) for discs in (seen, unseen))
    latents = [np.concatenate(list(fitted.encode(discs))) for discs in (seen, unseen)]
    pca = PCA(4, random_state=0).fit(before.reshape(len(before), -1))
    components = pca.inverse_transform(pca.transform(after.reshape(len(after), -1)))
    reached, linear = dice(fitted.decode(latents[1]), after).mean(), dice(components, after).mean()
    line = LinearRegression().fit(latents[0], factors[~held])
    error = ((line.predict(latents[1]) - factors[held]) ** 2).mean(axis=0)
    explained = dict(zip(FACTORS, 1 - error / factors[held].var(axis=0), strict=True))
    with capsys.disabled():
        listed = ", ".join(f"{name} {value:.2f}" for name, value in explained.items())
        print(f"\nDice on held-out patients: autoencoder {reached:.4f}, PCA-4 {linear:.4f}; R2 of latents: {listed}")
    assert reached >= min(0.95, linear + 0.02)
    assert min(explained["height"], explained["ap"], explained["lateral"]) >= 0.8
