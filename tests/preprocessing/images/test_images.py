"""What is particular to the image steps of the project."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import SimpleITK
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter

from data.base import Image
from preprocessing.images.clahe import Clahe
from preprocessing.images.grayscale import Grayscale
from preprocessing.images.histogram_equalization import HistogramEqualization
from preprocessing.images.resample import Resample
from preprocessing.images.window import Window
from preprocessing.images.zscore import Zscore


def image_of(pixels, spacing=(4.0, 1.0, 1.0)):
    return Image(np.asarray(pixels, dtype=np.float32), np.diag([*spacing, 1.0]))


def scan(bits=8, side=160):
    """Blurred noise of whole numbers that fill the bits, skewed as in MRI, with an empty border."""
    pixels = gaussian_filter(np.random.default_rng(0).gamma(0.3, size=(4, side, side)), (0, 4, 4))
    pixels[:, :9] = 0
    return image_of(np.rint(pixels / pixels.max() * (2**bits - 1)))


def test_grayscale_stretches_percentiles():
    """Pixels are 0, 1 ... 100, so that the p-th percentile is p."""
    pixels = Grayscale(low=10, high=90)(image_of(np.arange(101.0).reshape(1, 1, 101))).pixels
    assert_allclose(pixels[0, 0], np.clip((np.arange(101) - 10) / 80, 0, 1), atol=1e-6)


def test_grayscale_ignores_scale_and_offset():
    image = scan()
    assert_allclose(Grayscale()(image_of(image.pixels * 3 - 1000)).pixels, Grayscale()(image).pixels, atol=1e-5)


def test_grayscale_keeps_a_small_structure_on_an_empty_background():
    pixels = np.zeros((1, 100, 100))
    pixels[0, 50, 50] = 7
    assert_array_equal(Grayscale()(image_of(pixels)).pixels, (pixels > 0).astype(np.float32))


def test_grayscale_refuses_swapped_percentiles():
    with pytest.raises(ValueError, match=r"low \(99\) must be below high \(1\)"):
        Grayscale(low=99, high=1)(scan())


@pytest.mark.parametrize("seed", range(5))
def test_histogram_equalization_equals_opencv_on_8_bit(seed):
    rng = np.random.default_rng(seed)
    pixels = np.clip(rng.gamma(2, 20 + 10 * seed, (3, 64, 51)) + 10 * seed, 0, 255).astype(np.uint8)
    expected = cv2.equalizeHist(pixels.reshape(-1, 51)).reshape(pixels.shape)
    assert_array_equal(np.rint(HistogramEqualization()(image_of(pixels)).pixels * 255), expected)
    assert_allclose(HistogramEqualization()(image_of(pixels)).pixels * 255, expected, atol=1e-4)


def test_histogram_equalization_equals_opencv_on_a_scan():
    pixels = scan().pixels
    expected = cv2.equalizeHist(pixels.astype(np.uint8).reshape(-1, 160)).reshape(pixels.shape)
    assert_array_equal(np.rint(HistogramEqualization()(image_of(pixels)).pixels * 255), expected)


@pytest.mark.parametrize("change", [lambda x: x, lambda x: x - 1000, lambda x: x * 1e-3, lambda x: -x])
def test_histogram_equalization_is_the_rank_of_a_value(change):
    """With one bin per value, the result is the share of pixels above the lowest value that are not brighter."""
    pixels = change(scan(bits=12).pixels)
    values, counts = np.unique(pixels, return_counts=True)
    rank = (np.cumsum(counts) - counts[0]) / (pixels.size - counts[0])
    after = HistogramEqualization()(image_of(pixels)).pixels
    assert_allclose(after, rank[np.searchsorted(values, pixels)], atol=2 / 65535)


def test_histogram_equalization_keeps_levels_that_8_bits_would_merge():
    pixels = np.arange(3 * 40 * 50.0).reshape(3, 40, 50)
    assert len(np.unique(HistogramEqualization()(image_of(pixels)).pixels)) == pixels.size


@pytest.mark.parametrize("clip_limit", [1.0, 2.0, 5.0])
@pytest.mark.parametrize(("tiles", "side"), [(4, 160), (8, 160), (8, 75)])
def test_clahe_equals_opencv_on_8_bit(clip_limit, tiles, side):
    image = scan(side=side)
    opencv = cv2.createCLAHE(clip_limit, (tiles, tiles))
    expected = np.stack([opencv.apply(one) for one in image.pixels.astype(np.uint8)])
    assert image.pixels.min() == 0 and image.pixels.max() == 255
    assert_allclose(Clahe(clip_limit=clip_limit, tiles=tiles)(image).pixels * 255, expected, atol=1.01)


def test_clahe_is_the_same_for_any_unit():
    image = scan(bits=8)
    assert_allclose(Clahe()(image_of(image.pixels * 16 - 1000)).pixels, Clahe()(image).pixels, atol=1e-4)


def test_clahe_limits_contrast_at_16_bits():
    """OpenCV's own 16-bit CLAHE gives the same picture for every limit here."""
    contrast = [Clahe(clip_limit=limit)(scan(bits=16)).pixels.std() for limit in (1.0, 2.0, 4.0)]
    assert contrast[0] < 0.95 * contrast[1] < 0.9 * contrast[2]


def test_clahe_of_a_picture_smaller_than_its_tiles():
    pixels = Clahe()(image_of(np.arange(15.0).reshape(1, 3, 5))).pixels
    assert pixels.shape == (1, 3, 5)
    assert pixels.min() >= 0 and pixels.max() <= 1


def test_zscore_standardises_the_foreground():
    image = scan()
    bright = image.pixels > image.pixels.mean()
    pixels = Zscore()(image).pixels[bright]
    assert_allclose([pixels.mean(), pixels.std()], [0, 1], atol=1e-5)
    pixels = Zscore(foreground=False)(image).pixels
    assert_allclose([pixels.mean(), pixels.std()], [0, 1], atol=1e-5)


def test_zscore_ignores_scale_and_offset():
    image = scan()
    assert_allclose(Zscore()(image_of(image.pixels * 3 - 1000)).pixels, Zscore()(image).pixels, atol=1e-4)


def test_zscore_of_two_values_uses_the_whole_image():
    """Half of the pixels are 0 and half are 1: the mean and the deviation are 1/2."""
    pixels = np.repeat([0.0, 1.0], 8).reshape(1, 4, 4)
    assert_allclose(Zscore()(image_of(pixels)).pixels, pixels * 2 - 1)


def test_window_equals_simpleitk():
    pixels = np.linspace(-1000, 2000, 3 * 20 * 20, dtype=np.float32).reshape(3, 20, 20)
    expected = SimpleITK.IntensityWindowing(SimpleITK.GetImageFromArray(pixels), -160.0, 240.0, 0.0, 1.0)
    assert_allclose(Window()(image_of(pixels)).pixels, SimpleITK.GetArrayFromImage(expected), atol=1e-6)


def test_window_refuses_no_width():
    with pytest.raises(ValueError, match=r"width \(0\) must be above 0"):
        Window(width=0)(scan())


def ball(spacing, radius=9.0):
    """A smooth ball in an oblique volume of about 40 mm a side, and its centre in mm."""
    shape = np.rint(40 / np.asarray(spacing)).astype(int)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * spacing, [10, -20, 300]
    centre = affine[:3, :3] @ (shape * [0.45, 0.55, 0.5]) + affine[:3, 3]
    at = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    distance = np.linalg.norm(at - centre, axis=-1)
    return Image(
        (1 / (1 + np.exp(distance - radius))).astype(np.float32), affine, (distance < radius).astype(np.int16)
    ), centre


@pytest.mark.parametrize("spacing", [(0.0, 1.0, 1.0), (1.0, 1.0, 1.0), (2.0, 0.7, 1.3), (3.0, 3.0, 3.0)])
def test_resample_keeps_structures_in_place(spacing):
    image, centre = ball((2.0, 0.8, 1.0))
    after = Resample(spacing=spacing)(image)
    assert_allclose(after.spacing, np.where(np.asarray(spacing) == 0, image.spacing, spacing))
    assert_allclose(after.directions, image.directions, atol=1e-9)
    for weight in (after.pixels, after.mask):
        index = np.moveaxis(np.indices(weight.shape), 0, -1).reshape(-1, 3)
        found = np.average(after.position(index), axis=0, weights=weight.ravel())
        assert np.linalg.norm(found - centre) < 0.25 * min(after.spacing)
    brightness = np.prod(after.spacing) * after.pixels.sum()
    assert_allclose(brightness, np.prod(image.spacing) * image.pixels.sum(), rtol=0.01)


def test_resample_is_linear_and_exact_on_a_ramp():
    """A finer grid blurs nothing: between the old centres a ramp stays a ramp."""
    image = image_of(np.arange(20.0)[None, None, :] * np.ones((3, 4, 1)), spacing=(1.0, 1.0, 1.0))
    after = Resample(spacing=(0, 0, 0.4))(image)
    assert after.pixels.shape == (3, 4, 50)
    place = np.clip(after.position([[0, 0, w] for w in range(50)])[:, 2], 0, 19)
    assert_allclose(after.pixels[0, 0], place, atol=1e-5)


def test_resample_does_not_alias():
    """Stripes finer than the new grid can show turn grey."""
    stripes = np.broadcast_to(np.arange(60) % 2, (1, 60, 60))
    after = Resample(spacing=(0, 3.0, 3.0))(image_of(stripes, spacing=(1, 1, 1))).pixels[0, 2:-2, 2:-2]
    assert_allclose(after, 0.5, atol=0.02)


def test_resample_keeps_a_single_slice():
    image = scan()
    picture = Image(image.pixels[:1], image.affine)
    assert Resample(spacing=(1.0, 2.0, 2.0))(picture).pixels.shape == (1, 80, 80)


def test_resample_keeps_slices_with_planes_of_their_own():
    """Each slice becomes the same as if it were the only one."""
    image = image_of(np.random.default_rng(0).random((3, 20, 30)), spacing=(4.0, 0.5, 0.8))
    planes = np.repeat(image.affine[None], 3, axis=0)
    planes[:, :3, 3] += [[0, 0, 0], [9, 1, 0], [11, 0, 2]]
    after = Resample(spacing=(1.0, 1.0, 1.0))(replace(image, planes=planes))
    assert after.pixels.shape == (3, 10, 24)
    for d, plane in enumerate(planes):
        single = Resample(spacing=(1.0, 1.0, 1.0))(Image(image.pixels[d : d + 1], plane))
        assert_allclose(after.pixels[d], single.pixels[0], atol=1e-6)
        assert_allclose(after.position([[d, 0, 0], [d, 9, 23]]), single.position([[0, 0, 0], [0, 9, 23]]))


def test_resample_to_its_own_spacing_changes_nothing():
    image = scan()
    after = Resample(spacing=(4.0, 0, 1.0))(image)
    assert_array_equal(after.pixels, image.pixels)
    assert_allclose(after.affine, image.affine)


def test_resample_refuses_a_negative_spacing():
    with pytest.raises(ValueError, match="must not be negative"):
        Resample(spacing=(0, -1, 1))(scan())
