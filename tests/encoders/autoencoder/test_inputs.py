"""Crops on the grid of an autoencoder, against lengths that are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from data.base import Image
from encoders.autoencoder.inputs import on_grid
from encoders.cae_2d import Cae2d
from encoders.cae_3d import Cae3d


def cuboid(lengths, spacing, structure=201):
    """A cuboid of whole voxels, lengths in mm, in the middle of a crop that is 4 voxels larger on each side."""
    inside = np.rint(np.divide(lengths, spacing)).astype(int)
    mask = np.pad(np.full(inside, 201, dtype=np.int16), 4)
    mask[0, 0, 0], mask[1, 1, 1] = -1, 202
    affine = np.diag([*spacing, 1.0])
    return Image(
        pixels=np.where(mask == 201, 0.75, 0.25).astype(np.float32), affine=affine, mask=mask, structure=structure
    )


@pytest.mark.parametrize("spacing", [(4.0, 0.5, 0.5), (1.0, 1.0, 1.0), (0.5, 3.0, 1.5)])
def test_padding_keeps_lengths_whatever_the_spacing(spacing):
    lengths = np.array([24.0, 6.0, 18.0])
    (volume,) = Cae3d(preset="disc_small").prepare(cuboid(lengths, spacing))
    assert volume.shape == (1, 32, 32, 32) and volume.dtype == np.float32
    assert volume.sum() * 2.0**3 == pytest.approx(np.prod(lengths), rel=1e-5)
    for axis, length in enumerate(lengths):
        profile = volume[0].max(axis=tuple({0, 1, 2} - {axis}))
        assert profile.sum() * 2.0 == pytest.approx(length, rel=1e-5)
        assert profile @ np.arange(32) / profile.sum() == pytest.approx(15.5)


def test_what_is_too_long_is_cut_on_both_sides():
    (volume,) = Cae3d(preset="disc_small", size=(8, 8, 8), channels=(2,)).prepare(cuboid((40, 6, 6), (1, 1, 1)))
    assert_allclose(volume[0].max(axis=(1, 2)), 1, rtol=1e-6)
    assert volume.sum() * 8 == pytest.approx(16 * 6 * 6, rel=1e-5)


def test_each_voxel_is_the_mean_of_what_it_covers():
    """3 pixels of 2 mm become 4 of 1.5 mm, with shares computed by hand."""
    found = on_grid(np.array([8.0, 4.0, 0.0], dtype=np.float32), [2.0], [4], [1.5], 0.0)
    assert_allclose(found, [8, (0.5 * 8 + 1 * 4) / 1.5, 1 * 4 / 1.5, 0], rtol=1e-6)
    padded = on_grid(np.array([8.0, 4.0], dtype=np.float32), [1.0], [4], [1.0], 3.0)
    assert_allclose(padded, [3, 8, 4, 3], rtol=1e-6)


def test_slices_are_padded_each_by_itself():
    image = cuboid((9, 8, 4), (3, 1, 1))
    slices = Cae2d(preset="disc_small").prepare(image)
    assert slices.shape == (11, 1, 32, 32)
    assert_allclose(slices.sum(axis=(1, 2, 3)) * 4, np.repeat([0, 32, 0], [4, 3, 4]), rtol=1e-5)


def test_resizing_stretches_to_the_whole():
    (volume,) = Cae3d(preset="disc", placing="resize", size=(8, 8, 8), channels=(2,)).prepare(
        cuboid((8, 8, 8), (1, 1, 1))
    )
    assert_allclose(volume[0, 2:6, 2:6, 2:6], 1)
    assert volume.sum() == pytest.approx(64)


def test_both_are_two_channels():
    image = cuboid((8, 8, 8), (1, 1, 1))
    (volume,) = Cae3d(preset="disc_small", input="both").prepare(image)
    assert volume.shape == (2, 32, 32, 32)
    assert_allclose(volume[0], 0.25 + 0.5 * volume[1], atol=1e-6)


def test_the_mask_is_asked_for_where_it_is_read():
    bare = Image(pixels=np.zeros((4, 4, 4), dtype=np.float32), affine=np.eye(4))
    with pytest.raises(ValueError, match=r"not around a structure.*input=intensity"):
        Cae3d(preset="disc").prepare(bare)
    with pytest.raises(ValueError, match="not around a structure"):
        Cae3d(preset="disc").prepare(cuboid((4, 4, 4), (1, 1, 1), structure=None))


def test_unknown_words_and_unfit_lengths_are_refused():
    with pytest.raises(ValueError, match=r"preset \(spine\) must be one of compact, knee, disc, disc_small"):
        Cae3d(preset="spine")
    with pytest.raises(ValueError, match=r"loss \(l1\) must be one of mse, bce"):
        Cae3d(loss="l1")
    with pytest.raises(ValueError, match=r"spacing_mm \(\[1.0, 1.0\]\) must have 3 numbers"):
        Cae3d(spacing_mm=(1.0, 1.0))
    with pytest.raises(ValueError, match=r"size \(\[32, 20, 32\]\) must be a multiple of 16.*use size=\[32, 16, 32\]"):
        Cae3d(preset="disc_small", size=(32, 20, 32))
    with pytest.raises(ValueError, match=r"kernel \(4\) must be odd"):
        Cae3d(preset="disc_small", kernel=4)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"beta": -1.0}, r"beta \(-1.0\) must be 0 or more"),
        ({"latent": -1}, r"latent \(-1\) must be 1 or more"),
        ({"channels": (16, -8)}, r"channels \(-8\) must be 1 or more"),
        ({"learning_rate": -0.1}, r"learning_rate \(-0.1\) must be above 0"),
        ({"patience": 0}, r"patience \(0\) must be 1 or more"),
        ({"validation": 1.5}, r"validation \(1.5\) must be from 0 to below 1"),
    ],
)
def test_numbers_out_of_range_are_refused(fields, why):
    with pytest.raises(ValueError, match=why):
        Cae3d(preset="disc_small", **fields)
