"""Projections against linear algebra."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from encoders.projection import PcaProjection, RandomProjection
from encoders.resnet50 import Resnet50


def test_pca_keeps_what_the_singular_values_say():
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(60, 10)) * np.arange(1, 11)).astype(np.float32)
    centred = values - values.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    projected = PcaProjection(3).fit(values, seed=0)(values)
    assert_allclose(np.abs(projected), np.abs(centred @ directions[:3].T), atol=1e-3)


def test_pca_of_more_components_than_there_is():
    with pytest.raises(ValueError, match=r"project \(30\) must not exceed the training tokens \(20\) .* project=20"):
        PcaProjection(30).fit(np.zeros((20, 64), dtype=np.float32), seed=0)


def test_random_projection_keeps_lengths_on_average():
    """The squared length of a Gaussian projection to k features has mean 1 and variance 2 / k."""
    values = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    lengths = [(RandomProjection(100).fit(values, seed=s)(values) ** 2).sum(axis=1) for s in range(200)]
    assert_allclose(np.mean(lengths, axis=0), 1, atol=4 * np.sqrt(2 / 100 / 200))


@pytest.mark.parametrize("projection", [PcaProjection(4), RandomProjection(4)])
def test_any_leading_axes_float32_and_the_same_seed_the_same_bits(projection):
    values = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    first, second = (projection.fit(values, seed=5)(values.reshape(10, 3, 8)) for _ in range(2))
    assert first.shape == (10, 3, 4) and first.dtype == np.float32
    assert np.array_equal(first, second)


def test_resnet50_parts_from_its_projection():
    encoder = Resnet50(project=512, project_by="random", size=96)
    assert encoder.frozen() == Resnet50(size=96)
    assert encoder.projection() == RandomProjection(512)
    assert Resnet50(project=64).projection() == PcaProjection(64)
