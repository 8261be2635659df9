"""From patient mm to a network's square and back: whole slices, edges of pixels, turned planes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from data.base import Image
from preprocessing.regions.localisation.augment import draw, moved, moved_points, recoloured
from preprocessing.regions.localisation.baselines import Baselines, centre_of
from preprocessing.regions.localisation.coordinates import PointStage, gaussians
from preprocessing.regions.localisation.finder import Finder, errors
from preprocessing.regions.localisation.instance import SliceStage, VolumeStage
from preprocessing.regions.localisation.networks import soft_argmax
from preprocessing.regions.localisation.square import SquareFrame
from preprocessing.regions.localisation.stack import Stack
from preprocessing.regions.networks.pixels import scaled

# D grows to the left, H to the feet, W to the back, as in RSNA's sagittal slices
AFFINE = np.array([[4.0, 0, 0, -20], [0, 0, 0.5, -50], [0, -0.75, 0, 200], [0, 0, 0, 1]])


class Brightest(torch.nn.Module):
    """A network for two marks: the brightest place of a slice and the darkest."""

    def forward(self, slices, depths=None):
        middle = slices[:, slices.shape[1] // 2]
        signed = torch.stack([middle, -middle], dim=1)
        if depths is None:
            return (200 * signed).flatten(2).log_softmax(2).view(signed.shape)
        return signed.amax(dim=(2, 3))[None]


@pytest.fixture
def scan():
    """7 x 64 x 96 voxels of .5; a block of 2 x 3 (one pixel of a square of 32) is bright in slice 5, dark in 1."""
    pixels = np.full((7, 64, 96), 0.5, dtype=np.float32)
    pixels[5, 40:42, 60:63], pixels[1, 10:12, 81:84] = 1, 0
    return Image(pixels, AFFINE)


@pytest.fixture
def finder():
    stages = SliceStage(Brightest(), 32, 1, "cpu"), PointStage(Brightest(), True, 1, 1, "cpu")
    nothing = np.full((2, 3), np.nan)
    return Finder(["bright", "dark"], *stages, 32, Baselines(nothing, nothing))


def unscaled(pixels):
    return pixels


def test_a_found_point_is_the_centre_of_the_block_in_the_patient(scan, finder, monkeypatch):
    monkeypatch.setattr("preprocessing.regions.localisation.stack.scaled", unscaled)  # the blocks are below 1 %
    slices, places = finder.find(scan)
    assert_array_equal(slices, [5, 1])
    # Blocks cover rows 40 and 41 (centre 40.5) and columns 60 to 62 (61); rows 10 and 11, columns 81 to 83.
    bright = [-20 + 4 * 5, -50 + 0.5 * 61, 200 - 0.75 * 40.5]
    dark = [-20 + 4 * 1, -50 + 0.5 * 82, 200 - 0.75 * 10.5]
    assert_allclose(places, [bright, dark], atol=0.02)


def test_a_found_point_lies_on_its_own_plane(scan, finder, monkeypatch):
    monkeypatch.setattr("preprocessing.regions.localisation.stack.scaled", unscaled)
    planes = np.repeat(AFFINE[None], 7, axis=0)
    planes[:, :3, 3] = [(-20 + 4 * d + (30 if d > 3 else 0), -50, 200 + d) for d in range(7)]
    _, places = finder.find(replace(scan, planes=planes))
    assert_allclose(places[0], [30, -50 + 0.5 * 61, 205 - 0.75 * 40.5], atol=0.02)
    assert_allclose(places[1], [-16, -50 + 0.5 * 82, 201 - 0.75 * 10.5], atol=0.02)


def test_the_square_of_a_ramp_is_the_ramp_at_the_native_index():
    frame = SquareFrame((60, 40), 16)
    rows, columns = np.meshgrid(np.arange(60.0), np.arange(40.0), indexing="ij")
    squares = frame.pixels(np.stack([rows, columns]).astype(np.float32))
    index = np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"), axis=-1)
    native = frame.native(index.reshape(-1, 2)).reshape(16, 16, 2)
    inside = slice(2, -2)  # at the border the smoothing sees only one side; half a pixel would be off by 1.4
    assert_allclose(squares[0][inside, inside], native[inside, inside, 0], atol=0.05)
    assert_allclose(squares[1][inside, inside], native[inside, inside, 1], atol=0.05)


@pytest.mark.parametrize("size", [16, 60, 100])
def test_a_square_and_its_slice_share_their_edges(size):
    frame = SquareFrame((60, 41), size)
    assert_allclose(frame.native([[-0.5, -0.5], [size - 0.5, size - 0.5]]), [[-0.5, -0.5], [59.5, 40.5]])
    points = np.random.default_rng(0).uniform(0, 40, (5, 2))
    assert_allclose(frame.native(frame.resized(points)), points)


def test_marks_lie_in_slices_from_0_and_at_shares_of_the_slice(scan):
    places = np.array([[-20, -50, 200], [4, -50 + 0.5 * 95.5, 200 - 0.75 * 15.5], [np.nan] * 3, [99, -50, 200]])
    stack = Stack.of(scan, 32, places=places)
    assert_array_equal(stack.slices, [0, 6, -1, -1])
    # The centre of the first pixel is half a pixel from the edge; column 95.5 is the far edge of 96.
    assert_allclose(stack.points[:2], [[0.5 / 64, 0.5 / 96], [0.25, 1.0]])
    assert np.isnan(stack.points[2:]).all()
    assert_allclose(stack.spacing, [0.75 * 2, 0.5 * 3])
    for d, point, place in zip(stack.slices[:2], stack.points[:2], places[:2], strict=True):
        assert_allclose(stack.position(scan, d, point), place)


def test_a_scan_is_scaled_by_its_percentiles():
    values = np.arange(101, dtype=np.float32).reshape(1, 1, 101) * 600
    assert_allclose(scaled(values)[0, 0, [0, 1, 50, 99, 100]], [0, 0, 0.5, 1, 1], atol=1e-6)
    assert_array_equal(scaled(np.full((1, 2, 2), 7, dtype=np.float32)), 0)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.1, 0), (0.5, 2), (0.79, 3), (0.81, 4), (1.0, 4)])
def test_a_share_of_the_depth_is_a_slice_from_0(share, expected):
    class Share(torch.nn.Module):
        def forward(self, volumes):
            assert volumes.shape == (1, 1, 4, 8, 8)
            return torch.full((1, 1), share)

    stack = Stack.of(Image(np.zeros((5, 20, 20), dtype=np.float32), AFFINE), 16)
    assert VolumeStage(Share(), (4, 8, 8), 1, "cpu").predict(stack).tolist() == [expected]


def test_soft_argmax_of_one_bright_pixel_and_of_a_gaussian():
    one = torch.full((1, 1, 8, 4), -torch.inf)
    one[0, 0, 5, 1] = 0
    assert_allclose(soft_argmax(one)[0, 0], [5.5 / 8, 1.5 / 4])
    points = torch.tensor([[0.5, 0.4], [0.31, 0.62]])
    maps = gaussians(points, 32)
    assert_allclose(maps.sum(dim=(1, 2)), 1, rtol=1e-5)
    assert_allclose(soft_argmax(maps.log()[None])[0], points, atol=1e-4)


def test_moved_points_lie_where_moved_pixels_do():
    pixels = torch.zeros(3, 1, 64, 64)
    pixels[:, :, 20:22, 40:42] = 1  # centre at the pixel edges 21 and 41
    scale, shift = torch.tensor([[1.1, 0.9], [0.9, 0.9], [1, 1]]), torch.tensor([[0.05, -0.02], [0, 0.1], [0.25, 0]])
    seen = moved(pixels, scale, shift).clamp(min=1e-12)
    points = moved_points(torch.tensor([[[21 / 64, 41 / 64]]] * 3), scale, shift)
    assert_allclose(soft_argmax((seen / seen.sum(dim=(2, 3), keepdim=True)).log()), points, atol=2e-3)
    assert_allclose(points[2, 0], [21 / 64 + 0.25, 41 / 64])


def test_training_never_flips_a_slice_and_draws_by_its_generator():
    scale, shift = draw(500, torch.Generator().manual_seed(0))
    assert 0.8 < scale.min() < 0.95 < 1.05 < scale.max() < 1.2
    assert 0.05 < shift.abs().max() < 0.1
    pixels = torch.rand(4, 1, 8, 8)
    one, other = (recoloured(pixels, torch.Generator().manual_seed(seed)) for seed in (1, 1))
    assert_array_equal(one, other)
    assert not torch.equal(one, recoloured(pixels, torch.Generator().manual_seed(2)))


def test_errors_count_slices_and_mm_along_the_normal_and_in_space(scan):
    annotated = np.array([-20 + 4 * 2, 0.0, 180])
    found = annotated + np.array([12, 3, 4])
    assert errors(scan, annotated, found) == (3, 12, 13)
    assert errors(scan, annotated, found, 4) == (2, 12, 13)
    assert errors(scan, annotated, annotated + np.array([1.5, 0, 2])) == (0, 1.5, 2.5)
    assert np.isnan(errors(scan, annotated, np.full(3, np.nan))).all()


def test_errors_on_planes_count_along_the_normal_of_the_annotated_one(scan):
    turned = AFFINE[:3, :3] @ np.array([[0.8, 0, 0], [0, 1, 0], [0, 0, 1]])
    planes = np.repeat(np.eye(4)[None], 7, axis=0)
    planes[:, :3, :3] = turned
    planes[:, :3, 3] = [(10.0 * d, -50, 200) for d in range(7)]
    image = replace(scan, planes=planes)
    assert errors(image, np.array([20.0, -30, 190]), np.array([41.0, -30, 190])) == (2, 21, 21)


def test_baselines_are_means_in_the_patient_and_from_the_centre_of_the_scan():
    image = Image(np.zeros((3, 5, 9), dtype=np.float32), AFFINE)
    assert_allclose(centre_of(image), [-20 + 4, -50 + 0.5 * 4, 200 - 0.75 * 2])
    places = [np.array([[1.0, 2, 3], [np.nan] * 3]), np.array([[3.0, 2, 7], [np.nan] * 3])]
    baselines = Baselines.fit(places, [np.array([1.0, 0, 0]), np.array([0.0, 0, 1])])
    assert_allclose(baselines.mean, [[2, 2, 5], [np.nan] * 3])
    guess = baselines.places(image)
    assert_allclose(guess["mean"][0], [2, 2, 5])
    assert_allclose(guess["centre"][0], [-16 + 1.5, -48 + 2, 198.5 + 4.5])
