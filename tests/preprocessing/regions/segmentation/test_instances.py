"""Discs and vertebrae one by one, on masks whose instances are known."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from data.spider import Spider
from preprocessing.regions.segmentation.classes import classes_of
from preprocessing.regions.segmentation.instances import instances

SAGITTAL = np.array([[1.0, 0, 0, -10], [0, 0, 1, -50], [0, -1, 0, 300], [0, 0, 0, 1]])  # 1 mm; D left, H feet, W back


def spine(discs=4, shape=(15, 160, 60), gap=4):
    """Blocks: a vertebra of 22 rows, then a disc of 8, from the head on; the canal behind. Labels as in SPIDER."""
    mask = np.zeros(shape, dtype=np.int16)
    for i in range(discs):
        top = 10 + 34 * i
        mask[3:12, top : top + 22, 10:40] = discs - i
        mask[3:12, top + 22 + gap // 2 : top + 30 + gap // 2, 10:40] = 200 + discs - i
    mask[5:10, 5:150, 45:52] = 100
    return mask


def split(mask, **kwargs):
    return instances(classes_of(mask), kwargs.pop("affine", SAGITTAL), **kwargs)


def test_numbers_blocks_from_the_bottom():
    assert_array_equal(split(spine()), spine())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_any_order_and_direction_of_axes_gives_the_same_labels(order, flips):
    mask, affine = spine(), SAGITTAL[:, [*order, 3]].copy()
    turned = mask.transpose(order)
    for axis in flips:
        affine[:, 3] += affine[:, axis] * (turned.shape[axis] - 1)
        affine[:, axis] *= -1
    turned = np.flip(turned, flips)
    assert_array_equal(split(turned, affine=affine), turned)


@pytest.mark.parametrize("degrees", [-50, -30, 30, 50])
def test_a_spine_that_leans_in_the_slice_is_numbered_along_itself(degrees):
    from scipy.ndimage import rotate

    mask = rotate(np.pad(spine(), [(0, 0), (60, 60), (80, 80)]), degrees, axes=(1, 2), order=0, reshape=False)
    assert (split(mask)[mask > 200] == mask[mask > 200]).mean() > 0.999


@pytest.mark.parametrize("between", [0.3, 1.0, 5.0])
def test_distance_of_slices_does_not_matter(between):
    assert_array_equal(split(spine(), affine=SAGITTAL @ np.diag([between, 1, 1, 1])), spine())


def test_voxels_of_a_third_of_a_millimetre():
    mask = spine().repeat(3, axis=1).repeat(3, axis=2)
    assert_array_equal(split(mask, affine=SAGITTAL @ np.diag([1, 1 / 3, 1 / 3, 1])), mask)


def test_voxels_of_five_millimetres():
    mask = spine()[2::5, 2::5, 2::5]
    assert_array_equal(np.unique(mask), [0, 1, 2, 3, 4, 100, 201, 202, 203, 204])
    assert_array_equal(split(mask, affine=SAGITTAL @ np.diag([5, 5, 5, 1])), mask)


def test_touching_discs_are_parted_at_the_bridge():
    mask = spine()
    bridged = mask.copy()
    bridged[6:9, 20:140, 38:41] = 250  # a strip behind all vertebrae joins the four discs
    found = split(bridged)
    discs = mask > 200
    assert_array_equal(np.unique(found[found > 200]), [201, 202, 203, 204])
    assert (found[discs] == mask[discs]).mean() > 0.97


def test_a_disc_in_two_parts_is_one_disc():
    mask = spine()
    mask[:, :, 22:26][mask[:, :, 22:26] > 200] = 0
    assert_array_equal(split(mask), mask)


def test_a_disc_that_is_hardly_seen_still_counts():
    """Two parts have 4 % of a disc each: neither is a disc, but together they are one."""
    mask = spine()
    little = np.zeros_like(mask)
    little[3:6, :, 12:22], little[9:12, :, 28:38] = 1, 1
    third = mask == 203
    mask[third & ~((little == 1) & (np.arange(160)[None, :, None] % 34 == 3))] = 0
    assert (mask == 203).sum() / (mask == 202).sum() == pytest.approx(2 * 30 / 2160)
    assert_array_equal(split(mask, smallest=0.02), mask)


def test_specks_are_removed_and_do_not_count():
    mask = spine()
    specks = mask.copy()
    specks[2, 2:4, 2:4], specks[0, 155, 50:53], specks[14, 100, 55] = 201, 205, 100
    assert_array_equal(split(specks), mask)


def test_a_disc_without_a_neighbouring_vertebra_is_removed():
    """S1/S2 lies between two parts of the sacrum and has no label."""
    mask = np.pad(spine(), [(0, 0), (0, 40), (0, 0)])
    with_sacral = mask.copy()
    with_sacral[3:12, 180:186, 10:35] = 201
    assert_array_equal(split(with_sacral), mask)


def test_discs_without_vertebrae_are_numbered_too():
    mask = spine()
    mask[mask < 200] = 0
    assert_array_equal(split(mask), mask)


def test_a_mask_without_discs_keeps_vertebrae_and_canal():
    mask = spine()
    mask[mask > 200] = 0
    assert_array_equal(split(mask), np.where(mask == 100, 100, np.minimum(mask, 1)))


def test_an_empty_mask_stays_empty():
    assert not split(np.zeros((3, 8, 8), dtype=np.int16)).any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 8, 8)])
def test_a_disc_of_one_voxel_is_a_disc(shape):
    mask = np.zeros(shape, dtype=np.int16)
    mask[0, shape[1] // 2, 0] = 201
    assert_array_equal(split(mask), mask)


def test_one_slice_is_numbered_by_its_rows_where_it_has_no_place_in_the_patient():
    mask = spine()[7:8]
    assert_array_equal(split(mask, affine=np.eye(4)[[2, 1, 0, 3]]), mask)
    assert_array_equal(split(mask), mask)


def test_a_disc_cut_by_the_image_keeps_its_place():
    mask = spine()[:, :-20]  # cuts the lowest disc in two
    assert (mask == 201).sum() > 0
    assert_array_equal(split(mask), mask)


def test_real_discs_keep_the_numbers_that_connected_components_gave_them(shared_data):
    dataset = Spider(folder=str(shared_data / "spider-t2space-volumes"), tables=str(shared_data / "spider-tables"))
    for patient in ("11", "50", "241"):  # the smallest share of the largest disc, scoliosis, nine discs
        image = dataset.load(patient, "t2_SPACE")
        found, disc = split(image.mask, affine=image.affine), image.mask > 200
        assert (found[disc] == image.mask[disc]).mean() > 0.99
