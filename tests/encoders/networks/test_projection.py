"""Projections against linear algebra."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bench.plugins import load
from encoders.medicalnet import Medicalnet
from encoders.networks.projection import PcaProjection, RandomProjection
from encoders.resnet50 import Resnet50


def test_pca_keeps_the_directions_of_the_largest_singular_values():
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(60, 10)) * np.arange(1, 11)).astype(np.float32)
    centred = values - values.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    projected = PcaProjection(3).fit(values, seed=0)(values)
    assert_allclose(np.abs(projected), np.abs(centred @ directions[:3].T), atol=1e-3)


def test_pca_with_more_components_than_tokens_is_refused():
    with pytest.raises(ValueError, match=r"project \(30\) must not exceed the training tokens \(20\) .* project=20"):
        PcaProjection(30).fit(np.zeros((20, 64), dtype=np.float32), seed=0)


def test_random_projection_keeps_lengths_on_average():
    """The squared length of a Gaussian projection to k features has mean 1 and variance 2 / k."""
    values = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    lengths = [(RandomProjection(100).fit(values, seed=s)(values) ** 2).sum(axis=1) for s in range(200)]
    assert_allclose(np.mean(lengths, axis=0), 1, atol=4 * np.sqrt(2 / 100 / 200))


@pytest.mark.parametrize("projection", [PcaProjection(4), RandomProjection(4)])
def test_any_leading_axes_give_float32_and_the_same_seed_gives_the_same_bits(projection):
    values = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    first, second = (projection.fit(values, seed=5)(values.reshape(10, 3, 8)) for _ in range(2))
    assert first.shape == (10, 3, 4) and first.dtype == np.float32
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "medicalnet", "resnet50", "timm_backbone"])
def test_an_encoder_separates_from_its_projection(name):
    encoder = load("encoders", name, project=512, project_by="random", size=96 if name != "medicalnet" else (8, 32, 32))
    assert encoder.frozen() == replace(encoder, project=0, project_by="pca") != encoder
    assert encoder.frozen().projection() is None
    assert encoder.projection() == RandomProjection(512)
    assert load("encoders", name, project=64).projection() == PcaProjection(64)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"project": -1}, r"project \(-1\) must be 0, which keeps all features"),
        ({"project": 5, "project_by": "learned"}, r"project_by \(learned\) must be pca or random"),
    ],
)
def test_an_unknown_projection_is_refused(fields, why):
    with pytest.raises(ValueError, match=why):
        Resnet50(**fields).projection()


def test_medicalnet_of_depth_50_gives_2048_features_that_are_projected():
    from data.base import Image

    encoder = Medicalnet(depth=50, weights="random", size=(8, 32, 32), project=4, project_by="random")
    pixels = np.random.default_rng(0).random((6, 8, 32, 32)).astype(np.float32)
    fitted = encoder.fit([], None, groups=np.zeros(0, dtype=str), seed=0, device="cpu")
    tokens = np.concatenate(list(fitted.encode([Image(p, np.eye(4)) for p in pixels])))
    assert tokens.shape == (6, 2048)
    assert encoder.projection().fit(tokens, seed=0)(tokens).shape == (6, 4)
