"""N4 finds a field that was multiplied on."""

from dataclasses import replace

import numpy as np
import pytest

from data.base import Image
from preprocessing.images.n4_bias import N4Bias


def tissues(slices):
    """Three tissues in blocks with a little noise, in front of a dark background."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(1, 4, (slices, 8, 8)).repeat(10, axis=1).repeat(10, axis=2) * 200.0
    pixels = np.pad(blocks, ((0, 0), (8, 8), (8, 8)), constant_values=5) + rng.normal(0, 4, (slices, 96, 96))
    return Image(np.maximum(pixels, 0).astype(np.float32), np.diag([3.0, 1.0, 1.0, 1.0]))


def field(shape):
    d, h, w = (np.linspace(-1, 1, n)[index] for n, index in zip(shape, np.indices(shape), strict=True))
    return (0.4 * w - 0.3 * h**2 + 0.2 * h * w + 0.1 * d).astype(np.float32)


@pytest.mark.parametrize("slices", [1, 10])
def test_finds_the_field(slices):
    plain = tissues(slices)
    true = field(plain.pixels.shape)
    biased = replace(plain, pixels=plain.pixels * np.exp(true))
    inside = plain.pixels > 50
    found = np.log(biased.pixels[inside] / N4Bias()(biased).pixels[inside])
    assert np.corrcoef(found, true[inside])[0, 1] > 0.95
    left = (found - true[inside]).std()
    assert left < 0.35 * true[inside].std()


@pytest.mark.parametrize("name", ["shrink", "levels", "iterations"])
def test_refuses_zero(name):
    with pytest.raises(ValueError, match=name):
        N4Bias(**{name: 0})(tissues(1))
