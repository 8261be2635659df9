"""Resizing against closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from encoders.networks.pixels import demand_scaled, resize_slices, resize_volume, standardize, stretch


def test_shrinking_by_a_whole_factor_is_the_mean_of_blocks():
    pixels = np.random.default_rng(0).random((2, 12, 20), dtype=np.float32)
    expected = pixels.reshape(2, 4, 3, 4, 5).mean(axis=(2, 4))
    assert_allclose(resize_slices(pixels, 4, 4), expected, atol=1e-6)


def test_shrinking_one_side_and_growing_the_other_still_averages():
    """A checkerboard has the mean .5 wherever one side is averaged over whole periods."""
    board = (np.indices((8, 64)).sum(axis=0) % 2).astype(np.float32)[None]
    assert_allclose(resize_slices(board, 16, 16), 0.5, atol=1e-6)


def test_growing_interpolates_linearly():
    ramp = np.tile(np.arange(8, dtype=np.float32), (1, 8, 1))
    expected = np.clip((np.arange(16) + 0.5) / 2 - 0.5, 0, 7)
    assert_allclose(resize_slices(ramp, 8, 16)[0, 0], expected, atol=1e-5)


def test_a_volume_is_resized_along_all_axes():
    volume = np.random.default_rng(0).random((6, 8, 10), dtype=np.float32)
    expected = volume.reshape(3, 2, 4, 2, 5, 2).mean(axis=(1, 3, 5))
    assert_allclose(resize_volume(volume, (3, 4, 5)), expected, atol=1e-6)


def test_same_shape_same_pixels():
    volume = np.random.default_rng(0).random((6, 8, 10), dtype=np.float32)
    assert np.array_equal(resize_volume(volume, (6, 8, 10)), volume)


def test_stretch_ignores_the_outermost_percent():
    pixels = np.linspace(100, 200, 1001, dtype=np.float32).reshape(1, 7, 143)
    assert_allclose(stretch(pixels), np.clip((pixels - 101) / 98, 0, 1), atol=1e-5)
    assert np.array_equal(stretch(np.full((1, 4, 4), 300, dtype=np.float32)), np.zeros((1, 4, 4)))


def test_standardize():
    pixels = np.random.default_rng(0).normal(300, 40, (2, 30, 30)).astype(np.float32)
    assert_allclose([standardize(pixels).mean(), standardize(pixels).std()], [0, 1], atol=1e-5)
    assert np.array_equal(standardize(np.full((1, 4, 4), 300, dtype=np.float32)), np.zeros((1, 4, 4)))


def test_units_of_a_scanner_are_refused():
    with pytest.raises(ValueError, match=r"mean absolute value of 300, .* about 0 to 1: add an image step"):
        demand_scaled(np.full((1, 4, 4), 300, dtype=np.float32))
    z_scored = np.random.default_rng(0).normal(0, 1, (1, 30, 30)).astype(np.float32)
    assert demand_scaled(z_scored) is z_scored
