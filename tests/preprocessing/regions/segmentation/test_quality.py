"""The quality of a mask, against closed forms."""

import numpy as np
import pytest

from preprocessing.regions.segmentation.classes import CLASSES, classes_of
from preprocessing.regions.segmentation.quality import quality


def block(first, last, label=201, shape=(20, 40, 40)):
    mask = np.zeros(shape, dtype=np.int16)
    mask[5:15, first:last, 10:30] = label
    return mask


def test_dice_of_a_shifted_block():
    """Ten rows against ten rows four further on share six."""
    scores = quality(block(10, 20), block(14, 24), (1, 1, 1))
    assert scores["dice_disc"] == pytest.approx(2 * 6 / 20)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (4, 0.5, 0.9), (0.3, 5, 0.3)])
def test_surface_distance_of_a_thicker_block_is_its_extra_rows_in_mm(spacing):
    """A fifth of the surface moved by three rows, and nothing moved further."""
    assert quality(block(10, 20), block(10, 23), spacing)["hd95_disc"] == pytest.approx(3 * spacing[1])


def test_surface_distance_agrees_with_all_pairs():
    rng = np.random.default_rng(0)
    a, b = (np.pad(rng.random((6, 8, 8)) > 0.6, 2).astype(np.int16) * 100 for _ in range(2))
    spacing = np.array([3.0, 0.7, 1.3])

    def surface(mask):
        inner = mask.astype(bool).copy()
        for axis in range(3):
            for step in (-1, 1):
                inner &= np.roll(mask.astype(bool), step, axis)
        return np.argwhere(mask.astype(bool) & ~inner) * spacing

    apart = np.linalg.norm(surface(a)[:, None] - surface(b)[None], axis=2)
    expected = max(np.percentile(apart.min(axis=1), 95), np.percentile(apart.min(axis=0), 95))
    assert quality(a, b, tuple(spacing))["hd95_canal"] == pytest.approx(expected)


def test_what_the_image_cuts_is_no_surface():
    """A block through the whole image: only the two sides that moved are surface."""
    a, b = np.zeros((2, 4, 30, 4), dtype=np.int16)
    a[:, 10:20], b[:, 9:21] = 1, 1
    assert quality(a, b, (1, 2, 1))["hd95_vertebra"] == 2


def test_absent_classes_are_not_scored_and_a_missed_one_is_zero():
    scores = quality(block(10, 20), np.zeros((20, 40, 40), dtype=np.int16), (1, 1, 1))
    assert scores["dice_disc"] == 0
    assert np.isnan([scores["hd95_disc"], scores["dice_canal"], scores["hd95_canal"]]).all()
    assert (scores["discs"], scores["discs_predicted"], scores["discs_found"]) == (1, 0, 0)


def test_found_discs_need_more_than_half_of_the_union_and_their_own_number():
    truth, predicted = block(0, 10, 201) + block(20, 30, 202), block(1, 10, 201) + block(20, 30, 203)
    scores = quality(truth, predicted, (1, 1, 1))
    assert (scores["discs_found"], scores["discs_numbered"]) == (2, 1)
    assert quality(truth, block(5, 10, 201), (1, 1, 1))["discs_found"] == 0  # exactly half is not more than half


def test_classes_follow_spider_labels():
    labels = np.array([[[0, 1, 9, 99, 100, 101, 125, 126, 200, 201, 209, -1]]], dtype=np.int16)
    names = [CLASSES[c] for c in classes_of(labels)[0, 0]]
    other, bone = "background", "vertebra"
    assert names == [other, bone, bone, bone, "canal", bone, bone, other, other, "disc", "disc", other]
