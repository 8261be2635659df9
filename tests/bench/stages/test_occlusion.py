"""Occlusion against a second computation that covers and predicts one patch at a time."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bench.stages.occlusion import Patches, log_odds, mean_crop, resampled, usual_patch
from data.base import Image


def image(shape=(3, 20, 26), spacing=(4.4, 1.0, 0.8), seed=0):
    affine = np.eye(4)
    affine[:3, :3] = np.diag(spacing)
    return Image(np.random.default_rng(seed).random(shape, dtype=np.float32), affine)


def test_windows_have_the_side_in_mm_and_cover_every_voxel():
    patches = Patches.of(image(), 6.0)
    assert patches.lengths == (1, 6, 8)  # thick slices are covered one at a time; 8 x .8 mm is nearest to 6 mm
    covered = np.zeros((3, 20, 26), dtype=int)
    for window in patches.windows:
        covered[window] += 1
    assert covered.min() >= 1
    starts = sorted({window[1].start for window in patches.windows})
    assert starts[0] == 0 and starts[-1] == 14 and max(np.diff(starts)) <= 3
    assert Patches((30, 20, 26), (1.0, 1.0, 1.0), 6.0).lengths == (6, 6, 6)
    assert Patches((1, 4, 4), (1.0, 1.0, 1.0), 60.0).windows == [(slice(0, 1), slice(0, 4), slice(0, 4))]


def test_the_map_is_the_mean_change_of_the_windows_over_a_voxel():
    patches = Patches.of(image(), 6.0)
    changes = np.random.default_rng(1).normal(size=len(patches.windows))
    found = patches.map(changes)
    for voxel in ((0, 0, 0), (1, 7, 9), (2, 19, 25)):
        over = [
            change
            for window, change in zip(patches.windows, changes, strict=True)
            if all(part.start <= at < part.stop for part, at in zip(window, voxel, strict=True))
        ]
        assert_allclose(found[voxel], np.mean(over), rtol=1e-5)


def test_what_replaces_a_patch_is_the_mean_crop_or_a_blur():
    one = image()
    patches = Patches.of(one, 6.0)
    mean = mean_crop([one, image(seed=1), image(seed=2)])
    assert_allclose(mean, np.mean([image(seed=k).pixels for k in range(3)], axis=0), atol=1e-6)
    covered = list(patches.covered(one, patches.filling(one, mean)))
    for version, window in zip(covered, patches.windows, strict=True):
        outside = np.ones(one.pixels.shape, dtype=bool)
        outside[window] = False
        assert (version.pixels[outside] == one.pixels[outside]).all()
        assert_allclose(version.pixels[window], mean[window])
    flat = Image(np.full((3, 20, 26), 0.3, dtype=np.float32), one.affine)
    assert_allclose(patches.filling(flat, None), 0.3, rtol=1e-5)
    assert patches.filling(one, None).std() < one.pixels.std() / 2


def test_crops_of_several_sizes_share_a_mean_over_the_same_extent():
    ramp = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (1, 30, 1))
    small = resampled(ramp, (1, 15, 20))
    assert small.shape == (1, 15, 20)
    assert_allclose(small[0, 5], np.linspace(0, 1, 40).reshape(20, 2).mean(axis=1), atol=0.02)


def test_the_usual_patch_is_a_sixth_of_the_longer_side():
    assert usual_patch([image((1, 30, 60), (1, 1, 0.8))] * 3) == 8.0


@pytest.mark.parametrize(
    ("P", "expected"),
    [
        ([0.5, 0.5], 0.0),
        ([0.1, 0.9], np.log(9)),
        ([0.2, 0.3, 0.5], -np.log(0.7 / 0.3)),
        ([0.0, 1.0], np.log(1e6)),
        ([1.0, 0.0], -np.log(1e6)),
        ([1e-20, 1.0], np.log(1e20)),  # a model that is very sure has evidence to lose
    ],
)
def test_log_odds_are_of_one_class_against_all_others(P, expected):
    assert_allclose(log_odds(np.array([P]), 1), [expected], rtol=1e-9)


def test_a_probability_of_0_is_never_above_one_that_is_not():
    P = np.array([[0.0, 1.0], [1e-9, 1.0], [1e-3, 0.999]])
    assert_allclose(log_odds(P, 1)[:2], np.log(1e9), rtol=1e-6)
