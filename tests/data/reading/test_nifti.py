"""NIfTI: sheared axes, NaN, several volumes, and headers that do not know how a volume lies."""

import gzip
import struct

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
        ((70, "<h", (77,)), "its datatype is 77, which is no type of NIfTI: save it again"),
        ((108, "<f", (12.0,)), "its data begin at byte 12, inside its header"),
        ((108, "<f", (348.0,)), "a .nii has whole numbers from 352: mend vox_offset"),
        ((108, "<f", (351.0,)), "its data begin at byte 351, inside its header"),
        ((108, "<f", (352.5,)), "its data begin at byte 352.5, inside its header or between two bytes"),
        ((108, "<f", (354.0,)), "truncated: its header requires 120 bytes of data, but it has 118"),
        ((108, "<f", (np.nan,)), "its data begin at byte nan"),
        ((112, "<2f", (2.0, np.nan)), "its scl_inter is nan, so that its units are unknown: mend this field"),
        ((112, "<2f", (np.inf, 0.0)), "its scl_slope is inf"),
        ((123, "b", (4,)), r"the unit of its lengths has the code 4, but 0 \(unknown\).*mend xyzt_units"),
        ((292, "<f", (np.inf,)), "numbers that are not finite"),
        ((280, "<4f", (0.0, 0.0, 0.0, 0.0)), "its spacing is"),
        ((344, "4s", (b"ni1\0",)), "is one half of a pair .hdr and .img"),
    ],
)
def test_a_hostile_header_is_refused(tmp_path, change, reason):
    content = bytearray(written.nifti(PIXELS, sform=UPRIGHT))
    at, code, values = change
    struct.pack_into(code, content, at, *values)
    with pytest.raises(DataError, match=reason) as error:
        volumes.read(saved(tmp_path, content))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("sform", [None, UPRIGHT])
def test_lengths_below_zero_and_what_is_no_rotation_are_refused_where_they_count(tmp_path, sform):
    turned, straight = (1, (0.5, 0.5, 0.8), (1, 2, 3)), (1, (0.5, 0.5, 0.5), (1, 2, 3))
    for more, reason in (
        (
            {"spacing": (1, -2, 1), "qform": straight},
            r"its pixdim\[2\] is -2, but voxels are longer than 0 mm: mend pixdim",
        ),
        ({"spacing": (1, -2, 1)}, r"its pixdim\[2\] is -2"),
        ({"qform": turned}, "quatern_b, c and d are 0.5 0.5 0.8, whose squares sum to 1.14, .*: mend its qform"),
    ):
        path = saved(tmp_path, written.nifti(PIXELS, sform=sform, **more))
        if sform:  # of the scanner's code, so that it counts alone
            assert_array_equal(volumes.read(path).pixels, PIXELS)
            continue
        with pytest.raises(DataError, match=reason):
            volumes.read(path)


@pytest.mark.parametrize(("version", "least"), [(1, 352), (2, 544)])
def test_pixels_begin_where_the_header_says_and_end_with_the_file(tmp_path, version, least):
    """More header may follow the first; a multiple of 16 is only recommended."""
    content = written.nifti(PIXELS, version=version, sform=UPRIGHT)
    assert len(content) == least + PIXELS.nbytes
    for more in (16, 6):
        moved = bytearray(content[:least] + b"\7" * more + content[least:])
        struct.pack_into("<f" if version == 1 else "<q", moved, 108 if version == 1 else 168, least + more)
        assert_array_equal(volumes.read(saved(tmp_path, moved)).pixels, PIXELS)
    for wrong in (content + b"\0", content + bytes(16), content[:least] + b"\0\0" + content[least:]):
        for name, whole in (("a.nii", wrong), ("a.nii.gz", gzip.compress(wrong))):
            with pytest.raises(DataError, match=r"(has|unpacks to) \d+ bytes.*its header requires"):
                volumes.read(saved(tmp_path, whole, name))


def test_a_number_behind_the_path_counts_from_1(tmp_path):
    path = saved(tmp_path, written.nifti(np.stack([PIXELS, PIXELS * 2])), "v.nii")
    for number in ("0", "1.0", "-1", "two", ""):
        with pytest.raises(
            DataError, match=r"behind # stands the number of an image in v\.nii, a whole number from 1 on"
        ):
            volumes.read(f"{path}#{number}")


def test_several_values_of_a_voxel_are_named_like_volumes(tmp_path):
    """Registration programs write vectors as a fifth axis behind a fourth of 1."""
    values = np.stack([PIXELS, PIXELS * 2, PIXELS * 3])
    path = saved(tmp_path, written.nifti(values[:, None], sform=UPRIGHT))
    assert nibabel.load(path).shape == (5, 4, 3, 1, 3)
    for number in range(3):
        assert_array_equal(volumes.read(f"{path}#{number + 1}").pixels, values[number])
    with pytest.raises(DataError, match=r"it holds 3 volumes: name one, from scan\.nii#1 to scan\.nii#3"):
        volumes.read(path)


def test_nothing_is_printed(tmp_path, capfd):
    """nibabel's own check of a header prints what it mends."""
    volumes.read(saved(tmp_path, written.nifti(PIXELS[:1], spacing=(1, 1, 0))))
    assert capfd.readouterr() == ("", "")
