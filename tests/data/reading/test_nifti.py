"""NIfTI: sheared axes, NaN, several volumes, and headers that do not know how a volume lies."""

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.reading import volumes
from tests.data.reading import written

PIXELS = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
UPRIGHT = (1, [[-1, 0, 0, 4], [0, -1, 0, 5], [0, 0, 2, 6]])


def saved(folder, content, name="scan.nii"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("degrees", [0.5, 5.0, 0.001])
def test_a_sheared_volume_keeps_its_places_and_is_not_turned(tmp_path, degrees):
    lean = 2 * np.tan(np.radians(degrees))
    path = saved(tmp_path, written.nifti(PIXELS, sform=(1, [[-1, 0, lean, 4], [0, -1, 0, 5], [0, 0, 2, 6]])))
    image = volumes.read(path)
    assert_array_equal(image.pixels, PIXELS)
    affine = nibabel.load(path).affine
    for index in [(0, 0, 0), (4, 3, 2)]:
        assert_allclose(image.position(index[::-1]), (affine @ [*index, 1])[:3] * (-1, -1, 1), atol=1e-5)
        assert_allclose(image.index(image.position(index[::-1])), index[::-1], atol=1e-9)
    if degrees < 0.1:
        assert volumes.read(path, orientation="axial").pixels.shape == (3, 4, 5)
        return
    with pytest.raises(DataError, match=rf"are {degrees:.2f} degrees from orthogonal .* leave `orientation` out, or"):
        volumes.read(path, orientation="axial")


def test_voxels_that_are_no_number_are_refused_with_their_count(tmp_path):
    pixels = PIXELS.astype(np.float32)
    pixels[1, 2] = np.nan
    path = saved(tmp_path, written.nifti(pixels, sform=UPRIGHT))
    with pytest.raises(DataError, match=r"scan\.nii: 5 of 60 pixels are not finite numbers"):
        volumes.read(path)


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_a_slope_of_zero_or_nan_scales_nothing(tmp_path, slope):
    """The standard says so of 0; nibabel and ITK treat NaN in the same way."""
    path = saved(tmp_path, written.nifti(PIXELS, slope=slope, inter=7.0, sform=UPRIGHT))
    assert_array_equal(volumes.read(path).pixels, PIXELS)


@pytest.mark.parametrize("version", [1, 2])
def test_one_of_several_volumes_is_named(tmp_path, version):
    several = np.stack([PIXELS, PIXELS[::-1], PIXELS * 2])
    path = saved(tmp_path, written.nifti(several, version=version, sform=UPRIGHT, slope=2.0, zipped=True))
    for number in range(3):
        assert_array_equal(volumes.read(f"{path}#{number + 1}").pixels, 2.0 * several[number])
    with pytest.raises(DataError, match=r"so it holds 3 volumes: name one, from scan\.nii#1 to scan\.nii#3"):
        volumes.read(path)
    with pytest.raises(DataError, match=r"has no volume #4: it has 3"):
        volumes.read(f"{path}#4")
    single = saved(tmp_path, written.nifti(several[:1], version=version), "one.nii")
    assert_array_equal(volumes.read(single).pixels, PIXELS)
    picture = saved(tmp_path, written.png(PIXELS[0].astype(np.uint8)), "a.png")
    with pytest.raises(DataError, match="only DICOM and NIfTI hold several images"):
        volumes.read(f"{picture}#1")


def test_without_a_place_a_volume_is_not_turned(tmp_path):
    path = saved(tmp_path, written.nifti(PIXELS, spacing=(0.5, 0.75, 3)))
    image = volumes.read(path)
    assert image.spacing == (3, 0.75, 0.5)
    assert_array_equal(image.pixels, PIXELS)
    with pytest.raises(DataError, match=r"qform_code and sform_code are 0.* leave `orientation` out"):
        volumes.read(path, orientation="sagittal")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((40, "<8h", (5, 2, 2, 2, 2, 2, 1, 1)), "has 5 axes"),
        ((40, "<8h", (3, -5, 4, 3, 1, 1, 1, 1)), "-5 x 4 x 3 pixels, but every axis has at least 1"),
        ((40, "<8h", (3, 5, 4, 30, 1, 1, 1, 1)), "truncated: its header requires 1200 bytes of data, but it has 120"),
        ((70, "<h", (32,)), "holds pixels of type complex64"),
        ((70, "<h", (77,)), "damaged or unusual NIfTI"),
        ((108, "<f", (12.0,)), "its data begin at byte 12, inside its header"),
        ((108, "<f", (np.nan,)), "damaged or unusual NIfTI"),
        ((292, "<f", (np.inf,)), "numbers that are not finite"),
        ((280, "<4f", (0.0, 0.0, 0.0, 0.0)), "its spacing is"),
        ((344, "4s", (b"ni1\0",)), "is one half of a pair .hdr and .img"),
    ],
)
def test_a_hostile_header_is_refused(tmp_path, change, reason):
    import struct

    content = bytearray(written.nifti(PIXELS, sform=UPRIGHT))
    at, code, values = change
    struct.pack_into(code, content, at, *values)
    with pytest.raises(DataError, match=reason):
        volumes.read(saved(tmp_path, content))


def test_nothing_is_printed(tmp_path, capfd):
    """nibabel's own check of a header prints what it mends."""
    volumes.read(saved(tmp_path, written.nifti(PIXELS[:1], spacing=(1, 1, 0))))
    assert capfd.readouterr() == ("", "")
