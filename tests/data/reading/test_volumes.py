"""Volumes keep every voxel's place in the patient and the scanner's units."""

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations, product

import cv2
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from data.base import DataError, Image
from data.reading import volumes
from tests.data.reading.scans import DIRECTIONS, ENHANCED_MR, itk_volume, write_dicom


@pytest.fixture
def rng():
    return np.random.default_rng(0)


CT = "1.2.840.10008.5.1.4.1.1.2"


def signed_permutations():
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            yield np.eye(3)[:, order] * signs


@pytest.mark.parametrize("tilt", [0.0, 20.0])
@pytest.mark.parametrize("orientation", [None, *DIRECTIONS])
def test_a_bright_voxel_stays_where_itk_says_it_is(tmp_path, rng, orientation, tilt):
    turn = Rotation.from_euler("xyz", [tilt, -tilt / 2, tilt / 3], degrees=True).as_matrix()
    for number, axes in enumerate(signed_permutations()):
        scan = itk_volume(rng, direction=turn @ axes)
        scan[2, 4, 1] = 9000
        path = tmp_path / f"{number}.mha"
        sitk.WriteImage(scan, str(path))

        image = volumes.read(path, orientation=orientation)

        bright = np.unravel_index(image.pixels.argmax(), image.pixels.shape)
        assert_allclose(image.position(bright), scan.TransformIndexToPhysicalPoint((2, 4, 1)), atol=1e-9)
        if orientation is not None:
            grows = np.einsum("ij,ij->i", image.directions, DIRECTIONS[orientation])
            assert (grows > np.cos(np.radians(1.5 * tilt)) - 1e-9).all()


@pytest.mark.parametrize("end", ["mha", "mhd", "nii", "nii.gz"])
def test_every_format_has_the_same_places(tmp_path, rng, end):
    scan = itk_volume(rng, direction=Rotation.from_euler("zyx", [30, 10, 5], degrees=True).as_matrix())
    sitk.WriteImage(scan, str(tmp_path / f"scan.{end}"))
    image = volumes.read(tmp_path / f"scan.{end}")
    assert_array_equal(image.pixels, sitk.GetArrayFromImage(scan))
    for index in [(0, 0, 0), (6, 5, 4), (3, 1, 2)]:
        assert_allclose(image.position(index[::-1]), scan.TransformIndexToPhysicalPoint(index), atol=1e-4)


def test_left_is_left(tmp_path):
    """In LPS, x grows to the patient's left: of two marks the left one is in the later sagittal slice."""
    pixels = np.zeros((4, 5, 6), dtype=np.float32)
    pixels[1, 2, 5], pixels[1, 2, 0] = 2, 1
    scan = sitk.GetImageFromArray(pixels)
    scan.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, 1))
    sitk.WriteImage(scan, str(tmp_path / "scan.mha"))
    image = volumes.read(tmp_path / "scan.mha", orientation="sagittal")
    right, left = (int(np.argwhere(image.pixels == mark)[0, 0]) for mark in (2, 1))
    assert (right, left) == (0, 5)
    assert image.position((left, 0, 0))[0] > image.position((right, 0, 0))[0]


def test_stored_order_does_not_matter(tmp_path, rng):
    scan = itk_volume(rng)
    mask = sitk.Cast(scan > 500, sitk.sitkUInt8)
    expected = None
    for number, (order, flips) in enumerate(product(permutations(range(3)), product((False, True), repeat=3))):
        paths = [tmp_path / f"{number}_{name}.mha" for name in ("image", "mask")]
        for path, image in zip(paths, (scan, mask), strict=True):
            sitk.WriteImage(sitk.Flip(sitk.PermuteAxes(image, list(order)), list(flips)), str(path))
        image = volumes.read(paths[0], mask=paths[1], orientation="sagittal")
        expected = expected or image
        assert_array_equal(image.pixels, expected.pixels)
        assert_array_equal(image.mask, expected.mask)
        assert_allclose(image.affine, expected.affine, atol=1e-9)
        assert_array_equal(image.mask, image.pixels > 500)


def test_writes_what_it_reads(tmp_path, rng):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_matrix() * (4, 0.5, 0.6)
    affine[:3, 3] = 1, 2, 3
    image = Image(
        rng.normal(size=(3, 4, 5)).astype(np.float32), affine, rng.integers(0, 210, (3, 4, 5)).astype(np.int16)
    )
    volumes.write(tmp_path / "a.mha", image, mask=tmp_path / "m.mha")
    again = volumes.read(tmp_path / "a.mha", mask=tmp_path / "m.mha")
    assert_array_equal(again.pixels, image.pixels)
    assert_array_equal(again.mask, image.mask)
    assert_allclose(again.affine, affine, atol=1e-12)
    whole = Image(np.rint(image.pixels * 1000), affine)
    volumes.write(tmp_path / "whole.mha", whole)
    assert sitk.ReadImage(str(tmp_path / "whole.mha")).GetPixelID() == sitk.sitkInt16
    assert_array_equal(volumes.read(tmp_path / "whole.mha").pixels, whole.pixels)
    with pytest.raises(ValueError, match="no labels"):
        volumes.write(tmp_path / "b.mha", whole, mask=tmp_path / "m.mha")


@pytest.mark.parametrize("high", [1500, 3096])
def test_units_are_left_as_they_are(tmp_path, rng, high):
    low = -1000 if high == 3096 else 0
    pixels = rng.integers(low, high, (3, 8, 9)).astype(np.int16)
    pixels[0, 0, :2] = low, high
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "scan.mha"))
    image = volumes.read(tmp_path / "scan.mha")
    assert image.pixels.dtype == np.float32
    assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize("rle", [False, True])
@pytest.mark.parametrize("sop_class", [ENHANCED_MR, CT])
def test_dicom_takes_its_place_from_the_tags(tmp_path, rng, sop_class, rle):
    pixels = rng.integers(0, 4096, (12, 16)).astype(np.uint16)
    write_dicom(tmp_path / "1.dcm", pixels, sop_class=sop_class, rle=rle)
    image = volumes.read(tmp_path / "1.dcm")
    assert_array_equal(image.pixels[0], pixels)
    assert_allclose(image.spacing, (4.4, 0.5, 0.7))
    # DICOM PS3.3 C.7.6.2.1.1: P = position + column index * row cosine * .7 + row index * column cosine * .5
    assert_allclose(image.position((0, 3, 10)), (10.5, -20 + 10 * 0.7, 30 - 3 * 0.5))


@pytest.mark.parametrize("sop_class", [ENHANCED_MR, CT])
def test_dicom_is_rescaled_to_hounsfield_units(tmp_path, rng, sop_class):
    pixels = rng.integers(0, 4096, (12, 16)).astype(np.uint16)
    write_dicom(tmp_path / "ct.dcm", pixels, sop_class=sop_class, rescale=(2, -1024))
    assert_array_equal(volumes.read(tmp_path / "ct.dcm").pixels[0], pixels * 2.0 - 1024)


@pytest.mark.parametrize("end", ["png", "tif"])
def test_pictures_keep_16_bits(tmp_path, rng, end):
    pixels = rng.integers(0, 65536, (9, 8)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / f"a.{end}"), pixels)
    image = volumes.read(tmp_path / f"a.{end}", orientation="sagittal")
    assert_array_equal(image.pixels, pixels[None])
    assert image.spacing == (1, 1, 1)


def test_colours_become_luminance(tmp_path, rng):
    colours = rng.integers(0, 256, (9, 8, 3)).astype(np.uint8)
    transparent = np.dstack((colours, np.full((9, 8), 128, dtype=np.uint8)))
    expected = cv2.cvtColor(colours.astype(np.float32), cv2.COLOR_BGR2GRAY)
    cv2.imwrite(str(tmp_path / "c.png"), colours)
    cv2.imwrite(str(tmp_path / "t.png"), transparent)
    for name in ("c.png", "t.png"):
        assert_allclose(volumes.read(tmp_path / name).pixels[0], expected, rtol=1e-5)


def test_jpeg_and_pages_of_a_tiff(tmp_path, rng):
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (40, 32)).astype(np.uint8), (9, 9), 3)
    cv2.imwrite(str(tmp_path / "a.jpg"), smooth)
    assert_allclose(volumes.read(tmp_path / "a.jpg").pixels[0], smooth, atol=6)
    cv2.imwritemulti(str(tmp_path / "a.tiff"), [smooth, smooth + 1, smooth])
    assert_array_equal(volumes.read(tmp_path / "a.tiff").pixels, np.stack([smooth, smooth + 1, smooth]))


def test_a_single_time_point_is_a_volume_and_a_flat_mha_a_picture(tmp_path, rng):
    scan = itk_volume(rng)
    sitk.WriteImage(sitk.JoinSeries([scan]), str(tmp_path / "one.nii"))
    assert_array_equal(volumes.read(tmp_path / "one.nii").pixels, sitk.GetArrayFromImage(scan))
    sitk.WriteImage(sitk.JoinSeries([scan, scan]), str(tmp_path / "two.nii"))
    with pytest.raises(DataError, match=r"two\.nii: has 4 axes"):
        volumes.read(tmp_path / "two.nii")
    sitk.WriteImage(scan[:, :, 2], str(tmp_path / "flat.mha"))
    flat = volumes.read(tmp_path / "flat.mha")
    assert flat.pixels.shape == (1, 6, 7)
    assert flat.spacing == (1, 0.75, 0.5)


def test_threads_read_the_same(tmp_path, rng):
    sitk.WriteImage(itk_volume(rng, (20, 30, 40)), str(tmp_path / "scan.mha"), useCompression=True)
    expected = volumes.read(tmp_path / "scan.mha").pixels
    with ThreadPoolExecutor(8) as pool:
        for image in pool.map(lambda _: volumes.read(tmp_path / "scan.mha"), range(32)):
            assert_array_equal(image.pixels, expected)
