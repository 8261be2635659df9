"""A crop copies what lies in its box and keeps every voxel's patient position."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from data.base import Box, DataError, Image
from data.geometry.crop import crop
from data.geometry.planes import regular_grid

SPACING = np.array([4.0, 0.5, 0.8])


@pytest.fixture
def image():
    """A sagittal scan of 5 x 20 x 30 voxels, turned in patient space; pixels are the running number of the voxel."""
    pixels = np.arange(5 * 20 * 30, dtype=np.float32).reshape(5, 20, 30)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [95, 10, -20], degrees=True).as_matrix() * SPACING
    affine[:3, 3] = [-40, 12, 300]
    return Image(pixels, affine, (pixels % 7).astype(np.int16))


def box_at(image, index, voxels, **fields):
    size = np.asarray(voxels) * image.spacing
    return Box(tuple(image.position(index)), tuple(size), tuple(map(tuple, image.directions)), **fields)


def assert_voxels_keep_their_place(part, image):
    """Every voxel of a crop holds what the image holds at the same patient position."""
    index = np.argwhere(np.ones(part.pixels.shape, dtype=bool))
    there = np.rint(image.index(part.position(index))).astype(int)
    assert_allclose(image.position(there), part.position(index), atol=1e-6)
    assert_array_equal(part.pixels[tuple(index.T)], image.pixels[tuple(there.T)])
    assert_array_equal(part.mask[tuple(index.T)], image.mask[tuple(there.T)])


def test_copies_the_voxels_whose_centres_lie_inside(image):
    part = crop(image, box_at(image, [2, 10, 15], [3, 4.8, 7.2]))
    assert_array_equal(part.pixels, image.pixels[1:4, 8:13, 12:19])
    assert_array_equal(part.mask, image.mask[1:4, 8:13, 12:19])
    assert_voxels_keep_their_place(part, image)


@pytest.mark.parametrize("index", [[2, 10, 15], [2.5, 10.5, 15.5]])
def test_a_box_of_whole_voxels_has_that_many(image, index):
    assert crop(image, box_at(image, index, [2, 6, 7])).pixels.shape == (2, 6, 7)


def test_the_box_of_all_voxels_is_the_image(image):
    part = crop(image, box_at(image, [2, 9.5, 14.5], [5, 20, 30]))
    assert_array_equal(part.pixels, image.pixels)
    assert_allclose(part.affine, image.affine)


@pytest.mark.parametrize(
    ("centre", "slices", "expected"),
    [
        *[(2.2, 1, [2]), (2.8, 1, [3]), (-0.6, 1, [0])],
        *[(2.2, 2, [2, 3]), (2, 3, [1, 2, 3]), (2, None, [1, 2, 3])],
        *[(0, 3, [0, 1, 2]), (4, 4, [1, 2, 3, 4]), (2, 9, [0, 1, 2, 3, 4])],
    ],
)
def test_takes_the_slices_nearest_the_centre(image, centre, slices, expected):
    part = crop(image, box_at(image, [centre, 10, 15], [3, 4, 4], slices=slices))
    assert_array_equal(part.pixels[:, 0, 0], image.pixels[expected, 8, 13])
    assert_voxels_keep_their_place(part, image)


def test_a_box_smaller_than_a_voxel_gives_the_nearest(image):
    part = crop(image, box_at(image, [2.3, 9.6, 15.4], [0.1, 0.1, 0.1]))
    assert_array_equal(part.pixels, image.pixels[2:3, 10:11, 15:16])


@pytest.mark.parametrize(("background", "fill"), [(None, -5), (-1000.0, -1000)])
def test_fills_what_lies_outside(image, background, fill):
    image.pixels[4, 19, 29] = -5
    part = crop(image, box_at(image, [2, 0, 29], [1, 6, 6]), background=background)
    assert_array_equal(part.pixels[:, 3:, :3], image.pixels[2:3, :3, 26:29])
    outside = np.ones(part.pixels.shape, dtype=bool)
    outside[:, 3:, :4] = False
    assert (part.pixels[outside] == fill).all()
    assert (part.mask[outside] == -1).all()


def test_background_of_slices_outside(image):
    part = crop(image, box_at(image, [0, 10, 15], [3, 4, 4]), background=-1.0)
    assert part.pixels.shape == (3, 4, 4)
    assert (part.pixels[0] == -1).all()
    assert_array_equal(part.pixels[1:], image.pixels[:2, 8:12, 13:17])


@pytest.mark.parametrize("index", [[20, 10, 15], [2, -30, 15], [2, 10, 99]])
@pytest.mark.parametrize("turn", [0, 30])
def test_refuses_a_box_outside_the_image(image, index, turn):
    box = box_at(image, index, [1, 6, 6], slices=1)
    with pytest.raises(DataError, match="outside the image"):
        crop(image, turned(box, turn))


def test_is_a_contiguous_copy(image):
    for mirrored in (False, True):
        part = crop(image, box_at(image, [2, 10, 15], [3, 4, 4], mirrored=mirrored))
        assert part.pixels.flags.c_contiguous and part.mask.flags.c_contiguous
        assert not np.shares_memory(part.pixels, image.pixels) and not np.shares_memory(part.mask, image.mask)


@pytest.mark.parametrize(("order", "flipped"), [((0, 1, 2), 0), ((1, 0, 2), 1), ((1, 2, 0), 2)])
def test_mirrored_flips_left_to_right_and_gives_the_true_positions(image, order, flipped):
    """The fixture's first axis is the patient's left-right axis; here it becomes D, H or W."""
    image = reordered(image, order)
    straight = crop(image, box_at(image, [2, 2, 2], [3, 4, 5]))
    mirrored = crop(image, box_at(image, [2, 2, 2], [3, 4, 5], mirrored=True))
    assert_array_equal(mirrored.pixels, np.flip(straight.pixels, flipped))
    assert_array_equal(mirrored.mask, np.flip(straight.mask, flipped))
    assert mirrored.pixels.flags.c_contiguous and mirrored.mask.flags.c_contiguous
    assert_voxels_keep_their_place(mirrored, image)


def reordered(image, order):
    """The image with its axes in another order."""
    pixels, mask = (np.ascontiguousarray(array.transpose(order)) for array in (image.pixels, image.mask))
    return Image(pixels, image.affine[:, [*order, 3]], mask)


@pytest.fixture
def stack(image):
    """The image's slices at other distances, each turned and shifted a little more than the one before."""
    planes = np.repeat(image.affine[None], 5, axis=0)
    for d, plane in enumerate(planes):
        turn = Rotation.from_rotvec(np.radians(4 * d) * image.directions[2]).as_matrix()
        plane[:3, :3] = turn @ plane[:3, :3]
        middle = image.position([[0, 0.5, 3, 5, 6][d], 9.5 + d, 14.5])
        plane[:3, 3] = middle - plane[:3, 1:3] @ [9.5, 14.5]
    return replace(image, planes=planes, affine=regular_grid(planes, image.pixels.shape))


def assert_pixels_keep_their_plane(part, stack):
    """Every pixel of a crop lies on a plane of the stack and holds what the stack holds there."""
    assert part.planes.shape == (len(part.pixels), 4, 4)
    for d in range(len(part.pixels)):
        index = np.argwhere(np.ones(part.pixels.shape, dtype=bool))
        index = index[index[:, 0] == d]
        source = np.abs(stack.planes[:, :3, 1:3] - part.planes[d, :3, 1:3]).sum(axis=(1, 2)).argmin()
        away, at = (one[:, source] for one in stack.on_planes(part.position(index)))
        assert_allclose(away, 0, atol=1e-9)
        assert_allclose(at, np.rint(at), atol=1e-9)
        h, w = np.rint(at).astype(int).T
        inside = (h >= 0) & (h < 20) & (w >= 0) & (w < 30)
        assert_array_equal(part.pixels[tuple(index[inside].T)], stack.pixels[source, h[inside], w[inside]])
        assert inside.any()


@pytest.mark.parametrize(
    ("at", "slices", "expected"), [(0, 2, [0, 1]), (2, 1, [2]), (3, 3, [2, 3, 4]), (1, 2, [0, 1]), (2, 9, range(5))]
)
def test_planes_nearest_the_centre_are_taken_in_their_order(stack, at, slices, expected):
    centre = stack.position([at, 10, 15])
    box = Box(tuple(centre), (1.0, 3.0, 4.0), tuple(map(tuple, stack.directions)), slices)
    part = crop(stack, box)
    assert part.pixels.shape == (len(expected), 6, 5)
    assert_allclose(part.planes[:, :3, :3], stack.planes[list(expected), :3, :3])
    assert_pixels_keep_their_plane(part, stack)
    for d in range(len(part.pixels)):
        middle = part.position([d, 2.5, 2])
        away = (centre - middle) - np.dot(centre - middle, part.planes[d, :3, 0]) * part.planes[d, :3, 0] / 16
        assert np.linalg.norm(away) < np.hypot(0.5, 0.8)


def test_planes_within_the_box_are_taken(stack):
    centre = stack.position([2, 9.5, 14.5])
    box = Box(tuple(centre), (20.2, 3.0, 4.0), tuple(map(tuple, stack.directions)))
    assert_allclose(crop(stack, box).planes[:, :3, :3], stack.planes[[1, 2, 3], :3, :3])


@pytest.mark.parametrize("turn", [0, 45])
def test_the_box_of_all_planes_is_the_image(stack, turn):
    """This holds even if the last slice is turned and shifted away from the line through the middles of the others."""
    planes, shape = stack.planes.copy(), np.asarray(stack.pixels.shape)
    planes[4, :3, :3] = Rotation.from_rotvec(np.radians(turn) * stack.directions[2]).as_matrix() @ planes[4, :3, :3]
    planes[4, :3, 3] += turn * stack.directions[1]
    stack = replace(stack, planes=planes, affine=regular_grid(planes, stack.pixels.shape))
    centre = (stack.affine @ [*(shape - 1) / 2, 1])[:3]
    part = crop(stack, Box(tuple(centre), tuple(shape * stack.spacing), tuple(map(tuple, stack.directions))))
    assert_array_equal(part.pixels, stack.pixels)
    assert_array_equal(part.mask, stack.mask)
    assert_allclose(part.planes, stack.planes)
    assert_allclose(part.affine, stack.affine)


def test_planes_are_filled_outside(stack):
    box = Box(tuple(stack.position([0, 0, 0])), (1.0, 3.0, 4.0), tuple(map(tuple, stack.directions)), 2)
    part = crop(stack, box, background=-9.0)
    assert part.pixels.shape == (2, 6, 5)
    assert (part.pixels[0, :3] == -9).all() and (part.mask[0, :3] == -1).all()
    assert_pixels_keep_their_plane(part, stack)


def test_a_box_outside_all_planes_is_refused(stack):
    box = Box(tuple(stack.position([0, -99, 0])), (1.0, 3.0, 4.0), tuple(map(tuple, stack.directions)), 2)
    with pytest.raises(DataError, match="outside the image"):
        crop(stack, box)


def test_mirrored_planes_keep_their_place(stack):
    box = Box(tuple(stack.position([2, 10, 15])), (1.0, 3.0, 4.0), tuple(map(tuple, stack.directions)), 3)
    straight, mirrored = crop(stack, box), crop(stack, replace(box, mirrored=True))
    assert_array_equal(mirrored.pixels, straight.pixels[::-1])
    assert_allclose(mirrored.planes[:, :, 1:], straight.planes[::-1, :, 1:])
    assert_pixels_keep_their_plane(mirrored, stack)
    axial = replace(stack, planes=stack.planes[:, :, [2, 1, 0, 3]], affine=stack.affine[:, [2, 1, 0, 3]])
    axial = replace(axial, pixels=stack.pixels[:, :, :20].copy(), mask=stack.mask[:, :, :20].copy())
    turned = Box(tuple(axial.position([2, 10, 10])), (4.0, 3.0, 16.0), tuple(map(tuple, axial.directions)), 1)
    straight, mirrored = crop(axial, turned), crop(axial, replace(turned, mirrored=True))
    assert_array_equal(mirrored.pixels, straight.pixels[:, :, ::-1])
    last = straight.pixels.shape[2] - 1
    assert_allclose(mirrored.position([0, 2, 0]), straight.position([0, 2, last]))


def test_faults_stay_with_the_crop(image, stack):
    for whole in (image, stack):
        named = replace(whole, faults=("3.dcm: broken",))
        box = box_at(whole, [2, 10, 15], [3, 4, 4])
        for one in (box, replace(box, mirrored=True)):
            assert crop(named, one).faults == ("3.dcm: broken",)
    assert crop(replace(image, faults=("a: b",)), turned(box, 30)).faults == ("a: b",)


def turned(box, degrees):
    """The box turned about its first axis."""
    rotation = Rotation.from_rotvec(np.radians(degrees) * np.asarray(box.directions[0]))
    return replace(box, directions=tuple(map(tuple, rotation.apply(np.asarray(box.directions)))))


def ramp(image):
    """The image with pixels that are linear in patient position, on which linear interpolation is exact."""
    position = image.position(np.argwhere(np.ones(image.pixels.shape, dtype=bool)))
    return replace(image, pixels=linear(position).reshape(image.pixels.shape).astype(np.float32))


def linear(position):
    return position @ [3.0, -2.0, 0.5] + 7


@pytest.mark.parametrize("degrees", [12, -75, 90, 180])
def test_a_turned_box_is_sampled_at_the_right_places(image, degrees):
    image = ramp(image)
    part = crop(image, turned(box_at(image, [2, 10, 15], [3, 5, 7]), degrees))
    index = np.argwhere(np.ones(part.pixels.shape, dtype=bool))
    assert_allclose(part.pixels.ravel(), linear(part.position(index)), rtol=1e-4)
    nearest = np.rint(image.index(part.position(index))).astype(int)
    certain = np.all(np.abs(image.index(part.position(index)) - nearest) < 0.49, axis=1)
    assert certain.any()
    assert_array_equal(part.mask.ravel()[certain], image.mask[tuple(nearest[certain].T)])
    assert part.pixels.dtype == np.float32 and part.mask.dtype == np.int16


def test_a_turned_box_lies_where_it_should(image):
    box = turned(box_at(image, [2, 10, 15], [3, 8, 5]), 20)
    part = crop(image, box)
    assert_allclose(part.position((np.asarray(part.pixels.shape) - 1) / 2), box.centre, atol=1e-9)
    assert_allclose(part.directions, box.directions, atol=1e-9)
    assert_allclose(part.spacing, SPACING)


def test_another_order_of_axes_keeps_each_axis_spacing(image):
    """An axial box in a sagittal scan: its D is the scan's H."""
    box = box_at(image, [2, 10, 15], [3, 8, 5], slices=1)
    d, h, w = box.directions
    part = crop(image, Box(box.centre, (box.size[1], box.size[0], box.size[2]), (h, d, w), slices=1))
    assert_allclose(part.spacing, SPACING[[1, 0, 2]])
    assert_allclose(part.pixels[0], image.pixels[1:4, 10, 13:18], rtol=1e-5)


def test_a_turned_box_is_filled_outside(image):
    part = crop(image, turned(box_at(image, [2, 0, 0], [1, 30, 30], slices=1), 45), background=-9.0)
    there = image.index(part.position(np.argwhere(part.pixels == -9)))
    assert len(there)
    assert np.any((there < -0.5) | (there > np.asarray(image.pixels.shape) - 0.5), axis=1).all()
    assert (part.mask[part.pixels == -9] == -1).all()


def test_a_picture_can_be_cut_by_a_turned_box(image):
    picture = Image(image.pixels[:1], image.affine)
    part = crop(picture, turned(box_at(picture, [0, 10, 15], [1, 4, 4], slices=1), 30), background=-9.0)
    assert part.mask is None
    assert (part.pixels > 0).all()


def test_directions_within_a_tenth_of_a_degree_are_the_images_own(image):
    box = box_at(image, [2, 10, 15], [3, 4, 4])
    assert_array_equal(crop(image, turned(box, 0.09)).pixels, image.pixels[1:4, 8:12, 13:17])
    assert not np.array_equal(crop(image, turned(box, 0.2)).pixels, image.pixels[1:4, 8:12, 13:17])
