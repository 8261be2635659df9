"""Volumes keep every voxel's place in the patient and the scanner's units; broken files say what is wrong."""

import gzip
import struct
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

DIRECTIONS = {
    "sagittal": [(1, 0, 0), (0, 0, -1), (0, 1, 0)],
    "axial": [(0, 0, 1), (0, 1, 0), (1, 0, 0)],
    "coronal": [(0, 1, 0), (0, 0, -1), (1, 0, 0)],
}
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def itk_volume(rng, shape=(5, 6, 7), direction=None, dtype=np.int16):
    image = sitk.GetImageFromArray(rng.integers(-1000, 3000, shape).astype(dtype))
    image.SetSpacing((0.5, 0.75, 3.0))
    image.SetOrigin((11.0, -22.0, 33.0))
    if direction is not None:
        image.SetDirection(np.asarray(direction, dtype=float).ravel().tolist())
    return image


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


TRUNCATED = ["mha", "packed.mha", "mhd", "packed.mhd", "nii", "nii.gz", "png", "jpg", "tif", "dcm"]


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.98])
@pytest.mark.parametrize("end", TRUNCATED)
def test_a_truncated_file_is_named(tmp_path, rng, capfd, end, kept):
    path = tmp_path / f"scan.{end}"
    if end == "dcm":
        write_dicom(path, rng.integers(0, 4096, (64, 64)).astype(np.uint16))
    elif end in ("png", "jpg", "tif"):
        cv2.imwrite(str(path), rng.integers(0, 256, (64, 64)).astype(np.uint8))
    else:
        sitk.WriteImage(itk_volume(rng, (20, 30, 40)), str(path), useCompression="packed" in end)
    volumes.read(path)
    cut = {"mhd": "scan.raw", "packed.mhd": "scan.packed.zraw"}.get(end, path.name)
    cut_path = tmp_path / cut
    content = cut_path.read_bytes()
    cut_path.write_bytes(content[: int(len(content) * kept)])
    capfd.readouterr()
    with pytest.raises(DataError) as error:
        volumes.read(path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
    assert "0x" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_a_zip_of_several_members_is_not_truncated(tmp_path, rng):
    scan = itk_volume(rng)
    sitk.WriteImage(scan, str(tmp_path / "a.nii"))
    content = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(content[:500]) + gzip.compress(content[500:]))
    assert_array_equal(volumes.read(tmp_path / "b.nii.gz").pixels, sitk.GetArrayFromImage(scan))


def test_what_is_no_image_is_named(tmp_path, rng):
    with pytest.raises(DataError, match=r"none\.mha: no such file"):
        volumes.read(tmp_path / "none.mha")
    with pytest.raises(DataError, match="is a folder"):
        volumes.read(tmp_path)
    (tmp_path / "words.mha").write_text("not an image")
    with pytest.raises(DataError, match=r"words\.mha"):
        volumes.read(tmp_path / "words.mha")
    (tmp_path / "odd.mha").write_text("NDims = 3\nDimSize = 1 x 3\nElementDataFile = LOCAL\n")
    with pytest.raises(DataError, match=r"odd\.mha: its header can't be read"):
        volumes.read(tmp_path / "odd.mha")
    sitk.WriteImage(itk_volume(rng), str(tmp_path / "scan.mhd"))
    (tmp_path / "scan.raw").unlink()
    with pytest.raises(DataError, match=r"scan\.mhd: its pixels are in .*scan\.raw: no such file"):
        volumes.read(tmp_path / "scan.mhd")
    with pytest.raises(ValueError, match="orientation 'up' is none of sagittal, axial, coronal"):
        sitk.WriteImage(itk_volume(rng), str(tmp_path / "scan.mha"))
        volumes.read(tmp_path / "scan.mha", orientation="up")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_are_counted(tmp_path, rng, value):
    pixels = rng.normal(size=(3, 4, 5)).astype(np.float32)
    pixels[1, 2, 3:] = value
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "scan.mha"))
    with pytest.raises(DataError, match=r"scan\.mha: 2 of 60 pixels are not finite"):
        volumes.read(tmp_path / "scan.mha")


def test_a_constant_image_shows_nothing(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.full((3, 4, 5), 7, np.int16)), str(tmp_path / "scan.mha"))
    with pytest.raises(DataError, match=r"scan\.mha: is empty: all pixels are 7"):
        volumes.read(tmp_path / "scan.mha")


def test_a_mask_must_fit_its_image(tmp_path, rng):
    scan = itk_volume(rng)
    sitk.WriteImage(scan, str(tmp_path / "scan.mha"))
    label = sitk.Cast(scan > 0, sitk.sitkUInt8)
    moved = sitk.Image(label)
    moved.SetOrigin((11.0, -22.0, 63.0))
    for mask, reason in [
        (label[1:], r"shape \(6, 5, 6\) is not that of its image, \(6, 5, 7\)"),
        (label * 0, "the mask is empty"),
        (moved, "lies up to 30.0 mm from its image"),
        (sitk.Cast(label, sitk.sitkFloat32) * 1.5, "whole numbers"),
        (sitk.Cast(label, sitk.sitkInt32) * 70000, "whole numbers"),
    ]:
        sitk.WriteImage(mask, str(tmp_path / "mask.mha"))
        with pytest.raises(DataError, match=rf"mask\.mha: .*{reason}"):
            volumes.read(tmp_path / "scan.mha", mask=tmp_path / "mask.mha", orientation="coronal")
    with pytest.raises(DataError, match=r"gone\.mha: no such file"):
        volumes.read(tmp_path / "scan.mha", mask=tmp_path / "gone.mha")
    sitk.WriteImage(sitk.Cast(label, sitk.sitkFloat32) * 201, str(tmp_path / "mask.mha"))
    image = volumes.read(tmp_path / "scan.mha", mask=tmp_path / "mask.mha")
    assert set(np.unique(image.mask)) == {0, 201}


def test_nothing_is_printed(tmp_path, rng, capfd):
    scan = itk_volume(rng, direction=Rotation.from_euler("x", 33, degrees=True).as_matrix())
    for end in ("mha", "nii.gz"):
        sitk.WriteImage(scan, str(tmp_path / f"scan.{end}"))
        volumes.read(tmp_path / f"scan.{end}")
    write_dicom(tmp_path / "1.dcm", np.arange(12 * 16, dtype=np.uint16).reshape(12, 16))
    volumes.read(tmp_path / "1.dcm")
    assert capfd.readouterr() == ("", "")


def write_dicom(path, pixels, *, sop_class=ENHANCED_MR, rle=True, rescale=None):
    """One sagittal frame as in RSNA's files: no SOP class in the data set, geometry at the top level."""
    syntax = "1.2.840.10008.1.2.5" if rle else "1.2.840.10008.1.2.1"
    meta = element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", sop_class) + element(2, 3, b"UI", "1.2.3")
    meta += element(2, 0x10, b"UI", syntax) + element(2, 0x12, b"UI", "1.2.3.4")
    body = element(0x08, 0x18, b"UI", "100206310.1.1") + element(0x08, 0x60, b"CS", "MR")
    body += element(0x18, 0x50, b"DS", "4.0") + element(0x18, 0x88, b"DS", "4.4")
    body += element(0x20, 0x32, b"DS", r"10.5\-20\30") + element(0x20, 0x37, b"DS", r"0\1\0\0\0\-1")
    body += element(0x28, 0x02, b"US", 1) + element(0x28, 0x04, b"CS", "MONOCHROME2")
    body += element(0x28, 0x10, b"US", pixels.shape[0]) + element(0x28, 0x11, b"US", pixels.shape[1])
    body += element(0x28, 0x30, b"DS", r"0.5\0.7")
    for tag, number in ((0x100, 16), (0x101, 12), (0x102, 11), (0x103, 0)):
        body += element(0x28, tag, b"US", number)
    if rescale is not None:
        body += element(0x28, 0x1052, b"DS", str(rescale[1])) + element(0x28, 0x1053, b"DS", str(rescale[0]))
    if rle:
        frame = run_lengths(pixels)
        body += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        body += struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    else:
        body += element(0x7FE0, 0x10, b"OW", pixels.astype("<u2").tobytes())
    path.write_bytes(b"\0" * 128 + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + body)


def element(group, tag, kind, value):
    if isinstance(value, int):
        value = struct.pack("<H", value)
    elif isinstance(value, str):
        value = value.encode()
    value += (b"\0" if kind in (b"UI", b"OB") else b" ") * (len(value) % 2)
    length = struct.pack("<HI", 0, len(value)) if kind in (b"OB", b"OW") else struct.pack("<H", len(value))
    return struct.pack("<HH2s", group, tag, kind) + length + value


def run_lengths(pixels):
    """DICOM RLE of literal runs: the high bytes, then the low bytes."""
    segments = []
    for byte in (1, 0):
        plane = pixels.astype("<u2").view(np.uint8).reshape(-1, 2)[:, byte].tobytes()
        runs = [bytes([len(plane[i : i + 128]) - 1]) + plane[i : i + 128] for i in range(0, len(plane), 128)]
        segments.append(b"".join(runs))
        segments[-1] += b"\0" * (len(segments[-1]) % 2)
    return struct.pack("<16I", 2, 64, 64 + len(segments[0]), *[0] * 13) + b"".join(segments)
