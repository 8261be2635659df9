"""What a header of .mha or .nrrd says of its pixels is applied, or refused with a way out."""

import gzip
import zlib

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.reading import volumes
from tests.data.reading import written

PIXELS = np.random.default_rng(5).integers(-500, 1000, (3, 4, 5)).astype(np.int16)


def read(path, content):
    path.write_bytes(content)
    return volumes.read(path).pixels


def mha(pixels=PIXELS, *, before=b"", channels=1, packed=False, **fields):
    made = written.meta_image(pixels, fields=fields, channels=channels, packed=packed)
    head, mark, content = made.partition(b"LOCAL\n")
    return head + mark + before + content


def test_the_last_bytes_of_a_file_are_its_pixels_if_the_header_says_so(tmp_path):
    path = tmp_path / "a.mha"
    for before in (b"", b"7", b"0123456789", bytes(100)):
        assert_array_equal(read(path, mha(before=before, HeaderSize=-1)), PIXELS)
        assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), PIXELS)
    start = len(mha(HeaderSize=999)) - PIXELS.nbytes
    assert_array_equal(read(path, mha(HeaderSize=start)), PIXELS)
    assert_array_equal(read(path, mha(HeaderSize=0)), PIXELS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (mha(before=b"0123456789", HeaderSize=10), r"HeaderSize is 10, but its pixels follow.*or write -1 if"),
        (mha(HeaderSize=-2), "HeaderSize is -2, but its pixels follow"),
        (mha(HeaderSize=-1, packed=True), "HeaderSize is -1, or HeaderSizePerSlice is not 0"),
        (mha(HeaderSizePerSlice=8), "HeaderSizePerSlice is not 0"),
        (mha(before=b"0123456789"), "has 130 bytes of data, but its header requires 120"),
        (mha()[:-1], "truncated"),
        (mha(ElementToIntensityFunctionSlope=0), "its ElementToIntensityFunctionSlope is 0, so that its units are"),
        (mha(ElementToIntensityFunctionOffset="nan"), "its ElementToIntensityFunctionOffset is nan"),
        (mha(ElementToIntensityFunctionSlope="1 2"), "ElementToIntensityFunctionSlope is '1 2', not one number"),
        (mha().replace(b"DimSize", b"dimsize"), "'dimsize' is no field: did you mean 'DimSize'"),
        (mha().replace(b"DimSize", b"DimSize = 3 4 5\nDimSize"), "it has two lines of DimSize: remove one"),
        (mha(ElementByteOrderMSB="True"), "BinaryDataByteOrderMSB and ElementByteOrderMSB contradict each other"),
    ],
)
def test_a_header_that_would_shift_or_scale_pixels_is_refused(tmp_path, content, reason):
    with pytest.raises(DataError, match=rf"a\.mha: .*{reason}") as error:
        read(tmp_path / "a.mha", content)
    assert "\n" not in str(error.value)


def test_bytes_in_front_of_the_pixels_of_a_mhd(tmp_path):
    head = mha().partition(b"ElementDataFile")[0] + b"HeaderSize = %d\nElementDataFile = a.raw\n"
    (tmp_path / "a.raw").write_bytes(b"0123456789" + PIXELS.tobytes())
    for size in (10, -1):
        assert_array_equal(read(tmp_path / "a.mhd", head % size), PIXELS)
        assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.mhd"))), PIXELS)
    with pytest.raises(DataError, match="has 130 bytes of data, but its header requires 120"):
        read(tmp_path / "a.mhd", head % 0)
    with pytest.raises(DataError, match="HeaderSize is -2"):
        read(tmp_path / "a.mhd", head % -2)


@pytest.mark.parametrize("packed", [False, True])
def test_slope_and_offset_of_a_meta_image_are_applied(tmp_path, packed):
    scale = {"ElementToIntensityFunctionSlope": 2.5, "ElementToIntensityFunctionOffset": -10}
    assert_allclose(read(tmp_path / "a.mha", mha(packed=packed, **scale)), PIXELS * 2.5 - 10)
    plain = {"ElementToIntensityFunctionSlope": 1, "ElementToIntensityFunctionOffset": 0}
    assert_array_equal(read(tmp_path / "b.mha", mha(packed=packed, **plain)), PIXELS)


SEVERAL = np.random.default_rng(6).integers(0, 250, (3, 4, 5, 4)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["RGB-color", "RGBA-color", "3-color", "4-color", "vector"])
@pytest.mark.parametrize("count", [3, 4])
def test_colours_of_a_volume_become_their_luminance(tmp_path, kind, count):
    colours = np.ascontiguousarray(SEVERAL[..., :count])
    expected = colours[..., :3] @ np.array([0.299, 0.587, 0.114])
    assert_allclose(read(tmp_path / "a.mha", mha(colours, channels=count)), expected, rtol=1e-5)
    assert_allclose(read(tmp_path / "a.nrrd", nrrd(colours, kind=kind)), expected, rtol=1e-5)


def nrrd(pixels, *, kind="vector", first="none", **more):
    """Several values of each voxel, which NRRD counts as its first axis."""
    fields = {"dimension": 4, "kinds": f"{kind} domain domain domain"}
    fields |= {"space directions": f"{first} (0.5,0,0) (0,0.75,0) (0,0,3)"} | more
    return written.nrrd(pixels, more=fields)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [(SEVERAL[..., :2], "2 values of type uint8"), (SEVERAL[..., :3].astype(np.float32), "3 values of type float32")],
)
def test_vectors_and_complex_numbers_are_no_grey_values(tmp_path, pixels, words):
    why = f"has {words} for each pixel, but an image has 1, or 3 or 4 colours.*: save each value as a file of its own"
    with pytest.raises(DataError, match=rf"a\.mha: {why}"):
        read(tmp_path / "a.mha", mha(pixels, channels=pixels.shape[-1]))
    with pytest.raises(DataError, match=rf"a\.nrrd: {why}"):
        read(tmp_path / "a.nrrd", nrrd(pixels))


def test_axes_of_a_nrrd_that_are_not_of_space_are_refused(tmp_path):
    for kinds, axis, kind in (("list domain domain", 1, "list"), ("domain domain time", 3, "time")):
        with pytest.raises(DataError, match=rf"its axis {axis} is of the kind '{kind}'.*save each image as a file"):
            read(tmp_path / "a.nrrd", written.nrrd(PIXELS, more={"kinds": kinds}))
    assert_array_equal(read(tmp_path / "a.nrrd", written.nrrd(PIXELS, more={"kinds": "space domain ???"})), PIXELS)
    with pytest.raises(DataError, match="kinds"):
        read(tmp_path / "a.nrrd", written.nrrd(PIXELS, more={"kinds": "space domain"}))


def without_directions(**more):
    lines = written.nrrd(PIXELS, more=more).partition(b"\n\n")
    head = b"\n".join(line for line in lines[0].split(b"\n") if not line.startswith((b"space", b"none")))
    added = "".join(f"\n{name}: {value}" for name, value in more.items() if name.startswith("space")).encode()
    return head + added + b"\n\n" + lines[2]


def test_spacings_and_an_origin_of_a_nrrd_count_without_directions(tmp_path):
    path = tmp_path / "a.nrrd"
    path.write_bytes(without_directions(spacings="0.5 0.75 3", **{"space dimension": 3, "space origin": "(1,2,3)"}))
    image = volumes.read(path)
    assert image.spacing == (3, 0.75, 0.5)
    assert_array_equal(image.affine[:3, 3], (1, 2, 3))
    for more, reason in (
        ({"spacings": "0.5 nan 3"}, r"its spacings are .*nan.* which leaves the size of a pixel open"),
        ({"axis mins": "1 2 3"}, "its place is in 'axis mins', which is not read: write a space origin instead"),
        ({"axis maxs": "9 nan nan"}, "its place is in 'axis maxs'"),
    ):
        path.write_bytes(without_directions(**more))
        with pytest.raises(DataError, match=reason):
            volumes.read(path)
    path.write_bytes(without_directions(**{"axis mins": "nan nan nan"}))
    assert_array_equal(volumes.read(path).pixels, PIXELS)


@pytest.mark.parametrize("skip", ["byte skip", "line skip", "byteskip", "lineskip"])
def test_bytes_between_the_header_and_the_pixels_of_a_nrrd_are_said(tmp_path, skip):
    for number in (1, -1):
        content = written.nrrd(PIXELS, more={skip: number})
        with pytest.raises(DataError, match=rf"bytes lie between its header and its pixels \({skip} {number}\)"):
            read(tmp_path / "a.nrrd", content)
    assert_array_equal(read(tmp_path / "a.nrrd", written.nrrd(PIXELS, more={skip: 0})), PIXELS)


def test_four_vectors_of_a_space_of_three_are_refused_by_name(tmp_path):
    four = "(0.5,0,0) (0,0.75,0) (0,0,3)"
    content = written.nrrd(PIXELS[0], more={"space directions": four.rpartition(" ")[0]})
    with pytest.raises(DataError, match=r"its space directions are 2 vectors of 3 numbers.*needs 2 of 2"):
        read(tmp_path / "a.nrrd", content)
    several = np.stack([PIXELS, PIXELS])
    with pytest.raises(DataError, match=r"has 4 axes .*: save each image as a file"):
        read(tmp_path / "a.nrrd", written.nrrd(several, more={"space directions": f"{four} none"}))


def test_packed_bytes_behind_a_stream_are_no_pixels(tmp_path):
    """Exactly the length that a header gives must unpack, whatever the format."""
    long = PIXELS.tobytes() + bytes(2)
    made = written.nrrd(PIXELS, packed=True)
    head = made[: made.index(b"\n\n") + 2]
    with pytest.raises(DataError, match="unpacks to 122 bytes, but its header requires 120"):
        read(tmp_path / "a.nrrd", head + gzip.compress(long))
    packed = mha(packed=True)
    start = packed.index(b"LOCAL\n") + 6
    content = packed[:start].replace(b"CompressedDataSize = ", b"CompressedDataSize = 0\nComment = ") + zlib.compress(
        long
    )
    with pytest.raises(DataError, match="unpacks to 122 bytes, but its header requires 120"):
        read(tmp_path / "a.mha", content)
