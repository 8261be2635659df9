"""What is particular to the regions of the project."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import Image
from data.geometry.crop import crop
from data.geometry.planes import regular_grid
from data.phantom import example_discs
from preprocessing.regions.mask import Mask
from preprocessing.regions.point import Point
from preprocessing.regions.whole import Whole

SHARED = Path(os.environ.get("SCANGRID_SHARED", Path(__file__).resolve().parents[3] / ".." / "shared"))
VOLUMES = SHARED / "data" / "spider-t2space-volumes"


@pytest.fixture
def scan():
    """12 x 40 x 50 voxels of 4 x 0.5 x 0.8 mm, H downwards; label 203 fills `[3:7, 10:20, 15:40]`."""
    mask = np.zeros((12, 40, 50), dtype=np.int16)
    mask[3:7, 10:20, 15:40] = 203
    affine = np.array([[4, 0, 0, -20], [0, 0, 0.8, 5], [0, -0.5, 0, 90], [0, 0, 0, 1]], dtype=np.float64)
    return Image(np.zeros(mask.shape, dtype=np.float32), affine, mask)


def test_whole_is_every_voxel(scan):
    part = crop(scan, Whole().locate(scan, {}))
    assert_array_equal(part.mask, scan.mask)
    assert_allclose(part.affine, scan.affine)


@pytest.mark.parametrize(
    ("slices", "expected"), [(1, slice(5, 6)), (2, slice(5, 7)), (5, slice(3, 8)), (99, slice(12))]
)
def test_whole_takes_central_slices(scan, slices, expected):
    assert_array_equal(crop(scan, Whole(slices=slices).locate(scan, {})).mask, scan.mask[expected])


def test_mask_is_the_bounding_box_and_its_margin(scan):
    box = Mask(margin=2.0, slices=None, square=False).locate(scan, {"mask_label": 203})
    assert_allclose(box.size, [4 * 4 + 4, 10 * 0.5 + 4, 25 * 0.8 + 4])
    assert_allclose(box.centre, [-20 + 4.5 * 4, 5 + 27 * 0.8, 90 - 14.5 * 0.5])
    assert_allclose(box.directions, [[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def test_mask_without_margin_is_the_structure(scan):
    part = crop(scan, Mask(margin=0.0, slices=None, square=False).locate(scan, {"mask_label": 203}))
    assert part.mask.shape == (4, 10, 25)
    assert (part.mask == 203).all()


def test_mask_is_square_in_mm(scan):
    box = Mask(margin=0.0).locate(scan, {"mask_label": 203})
    assert_allclose(box.size[1:], [20, 20])
    assert crop(scan, box).pixels.shape == (1, 40, 25)


def test_mask_of_a_fixed_size(scan):
    """12 mm are 24 voxels of 0.5 mm; 15 voxels of 0.8 mm."""
    assert crop(scan, Mask(size=12.0).locate(scan, {"mask_label": 203})).pixels.shape == (1, 24, 15)


@pytest.mark.parametrize(("slices", "expected"), [(1, [4]), (3, [3, 4, 5]), (2, [4, 5])])
def test_mask_takes_the_slices_in_the_middle_of_the_structure(scan, slices, expected):
    part = crop(scan, Mask(slices=slices).locate(scan, {"mask_label": 203}))
    assert_allclose(part.position([[d, 0, 0] for d in range(slices)])[:, 0], -20 + 4.0 * np.asarray(expected))


def test_mask_takes_the_label_that_is_given_or_that_of_the_named_column(scan):
    expected = Mask().locate(scan, {"mask_label": 203.0})
    assert Mask(label="disc").locate(scan, {"disc": 203}) == expected
    assert Mask(label=203).locate(scan, {}) == expected


def test_mask_of_an_absent_structure_is_none(scan):
    assert Mask().locate(scan, {"mask_label": 204}) is None
    assert Mask().locate(scan, {"mask_label": np.nan}) is None
    assert Mask().locate(Image(scan.pixels, scan.affine), {"mask_label": 203}) is None


def test_mask_names_a_missing_column(scan):
    with pytest.raises(ValueError, match="no column 'mask_label': set label to a number or one of patient, disc"):
        Mask().locate(scan, {"patient": "1", "disc": 203})


def test_mask_refuses_negative_lengths(scan):
    with pytest.raises(ValueError, match="use 0 or more"):
        Mask(margin=-1.0).locate(scan, {"mask_label": 203})


@pytest.mark.parametrize("region", [Whole(slices=0), Mask(slices=0)])
def test_refuses_no_slices(scan, region):
    with pytest.raises(ValueError, match=r"slices \(0\) must be 1 or more"):
        region.locate(scan, {"mask_label": 203})


def test_point_is_a_box_around_it_along_the_image_axes(scan):
    point = np.array([0.5, 21, 80.2])
    box = Point(size=(12.0, 16.0), slices=3).locate(scan, {"point": point})
    assert_allclose(box.centre, point)
    assert_allclose(box.size, [3 * 4, 12, 16])
    assert_allclose(box.directions, [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    part = crop(scan, box)
    assert part.pixels.shape == (3, 24, 20)
    middle = part.position((np.asarray(part.pixels.shape) - 1) / 2)
    assert (np.abs(middle - point) <= [2, 0.8, 0.5]).all()


def test_points_of_a_scan_have_crops_of_one_shape(scan):
    """11.8 mm are 23.6 voxels of 0.5 mm, 15.5 mm are 19.4 of 0.8 mm."""
    region = Point(size=(11.8, 15.5), slices=2)
    points = np.random.default_rng(0).uniform((-18, 8, 73), (22, 40, 87), (50, 3))
    assert {crop(scan, region.locate(scan, {"point": p})).pixels.shape for p in points} == {(2, 24, 20)}


@pytest.mark.parametrize(
    ("mirror", "side", "expected"),
    [(True, "left", True), (True, "right", False), (True, "middle", False), (False, "left", False)],
)
def test_left_samples_are_mirrored_where_asked(scan, mirror, side, expected):
    box = Point(mirror=mirror).locate(scan, {"point": np.array([0.5, 21, 80]), "side": side})
    assert box.mirrored == expected
    assert Whole(mirror=mirror).locate(scan, {"side": side}).mirrored == expected


def test_whole_mirrors_from_left_to_right(scan):
    """D of sagittal slices is left-right: the first slice becomes the last one."""
    part = crop(scan, Whole(mirror=True).locate(scan, {"side": "left"}))
    assert_array_equal(part.mask, scan.mask[::-1])


@pytest.mark.parametrize(
    ("point", "seen"),
    [
        *[((-20, 5, 90), True), ((24, 44.2, 70.5), True)],
        *[((-23.9, 20, 80), True), ((-24.1, 20, 80), False), ((27.9, 20, 80), True), ((28.1, 20, 80), False)],
        *[((0, 4.7, 80), True), ((0, 4.5, 80), False), ((0, 20, 90.2), True), ((0, 20, 90.3), False)],
        *[((0, 44.5, 80), True), ((0, 44.7, 80), False), ((0, 20, 70.3), True), ((0, 20, 70.2), False)],
    ],
)
def test_point_outside_of_the_scan_is_none(scan, point, seen):
    """A point is inside up to a slice distance (4 mm) from the outer slices and within the area of the outer pixels."""
    assert (Point().locate(scan, {"point": np.array(point, dtype=float)}) is not None) == seen


def test_no_point_is_none(scan):
    assert Point().locate(scan, {"point": None}) is None
    assert Point().locate(scan, {}) is None


def test_point_follows_the_nearest_of_turned_planes(scan):
    planes = np.repeat(scan.affine[None], 12, axis=0)
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])  # the last slices are turned about the vertical axis
    for d, plane in enumerate(planes):
        plane[:3, 3] = scan.position([d, 0, 0])
        if d >= 10:
            plane[:3, :3] = turn @ plane[:3, :3]
            plane[0, 3] += 40
    image = replace(scan, planes=planes, affine=regular_grid(planes, scan.pixels.shape))
    near = image.position([10, 20, 25]) + 3.9 * turn[:, 0]
    assert_allclose(Point().locate(image, {"point": near}).directions, [[0, 1, 0], [0, 0, -1], [-1, 0, 0]], atol=1e-9)
    assert_allclose(Point().locate(image, {"point": scan.position([3, 20, 25])}).directions, scan.directions)
    assert Point().locate(image, {"point": image.position([10, 20, 25]) - 4.1 * turn[:, 0]}) is None


@pytest.mark.parametrize(("fields", "message"), [({"size": (0.0, 5.0)}, "above 0 mm"), ({"slices": 0}, "1 or more")])
def test_point_refuses_lengths_and_slices_of_0(scan, fields, message):
    with pytest.raises(ValueError, match=message):
        Point(**fields).locate(scan, {"point": np.array([0.5, 21, 80])})


def test_phantom_discs_are_centred_and_complete():
    for image in example_discs(6)[0]:
        label = int(image.mask.max())
        part = crop(image, Mask(slices=None).locate(image, {"mask_label": label}))
        assert_complete_and_centred(part, image, label)


@pytest.mark.skipif(not VOLUMES.is_dir(), reason=f"{VOLUMES} is not here: real volumes are not tested")
@pytest.mark.parametrize("patient", [110, 22])
def test_real_discs_are_centred_and_complete(patient):
    import SimpleITK

    pixels, labels = (
        SimpleITK.ReadImage(str(VOLUMES / kind / f"{patient}_t2_SPACE.mha")) for kind in ("images", "masks")
    )
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(pixels.GetDirection(), (3, 3)) * pixels.GetSpacing()
    affine[:3, 3] = pixels.GetOrigin()
    mask = np.ascontiguousarray(SimpleITK.GetArrayViewFromImage(labels).T.astype(np.int16))
    image = Image(np.ascontiguousarray(SimpleITK.GetArrayViewFromImage(pixels).T.astype(np.float32)), affine, mask)
    discs = [label for label in np.unique(mask) if label > 200]
    assert len(discs) >= 6
    for disc in discs:
        part = crop(image, Mask(slices=None).locate(image, {"mask_label": disc}))
        assert_complete_and_centred(part, image, disc)


def assert_complete_and_centred(part, image, label):
    assert (part.mask == label).sum() == (image.mask == label).sum()
    index = np.argwhere(part.mask == label)
    middle = (index.min(axis=0) + index.max(axis=0)) / 2
    assert_allclose(middle[1:], (np.asarray(part.mask.shape[1:]) - 1) / 2, atol=0.5)
