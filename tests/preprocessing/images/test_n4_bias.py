"""N4 finds the field that an image was multiplied by."""

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


@pytest.mark.parametrize("shape", [(1, 3, 3), (1, 2, 9), (2, 2, 2), (3, 40, 40), (1, 1, 1), (4, 1, 9)])
def test_small_images_are_fitted_or_stay_as_they_are(shape):
    """With isotropic voxels, shrinking by four would leave one of three slices."""
    pixels = np.random.default_rng(0).uniform(50, 150, shape).astype(np.float32)
    out = N4Bias()(Image(pixels, np.eye(4))).pixels
    assert out.shape == shape and np.isfinite(out).all()
    if 1 in shape[1:]:
        np.testing.assert_array_equal(out, pixels)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_the_error_names_the_pixels_that_it_cannot_take(wrong):
    image = tissues(1)
    image.pixels[0, 3, 3] = wrong
    with pytest.raises(ValueError, match="NaN or infinite pixels: mend the scan"):
        N4Bias()(image)
