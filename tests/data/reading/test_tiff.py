"""TIFF as other programs write it: packed, in tiles, as stacks of ImageJ, and what is not read."""

import struct

import cv2
import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal

from data.base import DataError
from data.reading import volumes
from tests.data.reading import written

RAMP = (np.add.outer(np.arange(80.0), np.arange(120.0)) / 2).astype(np.uint8)
STACK = np.stack([RAMP, RAMP // 2, RAMP // 3])


def read(folder, pixels, **how):
    tifffile.imwrite(folder / "a.tif", pixels, **({"photometric": "minisblack"} | how))
    return volumes.read(folder / "a.tif").pixels


@pytest.mark.parametrize(
    "how",
    [
        {"tile": (32, 64)},
        {"tile": (32, 64), "compression": "zlib", "predictor": 2},
        {"compression": "packbits"},
        {"compression": "lzw", "rowsperstrip": 7},
        {"compression": "jpeg"},
        {"compression": "jpeg", "tile": (64, 64)},
    ],
)
def test_libtiff_reads_the_same(tmp_path, how):
    found = read(tmp_path, RAMP, **how)
    assert_array_equal(found[0], cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize("how", [{"compression": "lzma"}, {"compression": "zstd"}, {}])
def test_what_is_packed_without_loss_comes_back(tmp_path, how):
    assert_array_equal(read(tmp_path, RAMP, **how)[0], RAMP)


@pytest.mark.parametrize("how", [{"imagej": True}, {"ome": True}, {"truncate": True}, {}])
def test_a_stack_of_imagej_has_all_its_slices(tmp_path, how):
    """`truncate` writes one directory for all slices, as ImageJ does for large stacks."""
    assert_array_equal(read(tmp_path, STACK, metadata={"axes": "ZYX"}, **how), STACK)


def test_a_truncated_stack_with_one_directory_is_refused(tmp_path):
    read(tmp_path, STACK, metadata={"axes": "ZYX"}, truncate=True)
    path = tmp_path / "a.tif"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"a\.tif: truncated: its header requires 28800 bytes"):
        volumes.read(path)


def test_slices_and_channels_at_once_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds 3 Z x 2 C \(Z: slices, T: times, C: channels\)"):
        read(tmp_path, np.stack([STACK, STACK], axis=1), imagej=True, metadata={"axes": "ZCYX"})


@pytest.mark.parametrize("kind", [{"imagej": True}, {"ome": True, "photometric": "minisblack"}])
@pytest.mark.parametrize("axis", ["C", "T"])
def test_channels_and_times_are_no_slices(tmp_path, kind, axis):
    with pytest.raises(
        DataError, match=rf"holds 3 {axis} \(Z: slices.*: save one stack of slices \(axes ZYX\), or each image as a"
    ):
        read(tmp_path, STACK, metadata={"axes": f"{axis}YX"}, **kind)
    assert_array_equal(read(tmp_path, STACK, metadata={"axes": "ZYX"}, **kind), STACK)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"extratags": [(274, "H", 1, 3, True)]}, {}, "orientation 3 and 1"),
        ({}, {"extratags": [(274, "H", 1, 6, True)]}, "orientation 1 and 6"),
        ({}, {"photometric": "miniswhite"}, "photometry MINISBLACK and MINISWHITE"),
    ],
)
def test_pages_that_differ_are_refused_with_what_differs(tmp_path, first, second, words):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(RAMP, **first)
        file.write(RAMP, **second)
    with pytest.raises(DataError, match=rf"pages 1 and 2 differ \({words}\): keep those of one image"):
        volumes.read(tmp_path / "a.tif")


def test_pyramids_are_read_at_full_size(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(RAMP, subifds=1)
        file.write(RAMP[::2, ::2], subfiletype=1)
    assert_array_equal(volumes.read(tmp_path / "a.tif").pixels[0], RAMP)


@pytest.mark.parametrize(
    ("pixels", "how", "reason"),
    [
        (RAMP, {"compression": "jpeg2000"}, "is packed by JPEG2000, which is not read"),
        (np.dstack([RAMP] * 4), {"photometric": "separated"}, r"holds inks \(CMYK\)"),
        (RAMP.astype(np.complex64), {}, "holds pixels of type complex64"),
        (RAMP.astype(np.int16), {"photometric": "miniswhite"}, "white is 0 in pixels of type int16"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, pixels, how, reason):
    with pytest.raises(DataError, match=reason):
        read(tmp_path, pixels, **how)


def test_a_jpeg_larger_than_its_tile_is_refused(tmp_path):
    read(tmp_path, RAMP, compression="jpeg")
    path = tmp_path / "a.tif"
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = b"\xff\x00\xff\x00"
    path.write_bytes(content)
    with pytest.raises(DataError, match="a part of 80 x 120 pixels holds a JPEG of 65280 x 65280"):
        volumes.read(path)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("at", [0, 2, 4])
def test_packed_bytes_are_no_pixels_where_damage_hides_that_they_are_packed(tmp_path, smooth, at):
    """Packed noise is longer than the pixels, so that lengths alone do not show it."""
    pixels = RAMP if smooth else np.random.default_rng(0).integers(0, 255, RAMP.shape).astype(np.uint8)
    sound = written.tiff([pixels], compression=8)
    (tmp_path / "a.tif").write_bytes(sound)
    assert_array_equal(volumes.read(tmp_path / "a.tif").pixels[0], pixels)
    entry = sound.index(struct.pack("<HHI", 259, 3, 1))
    damaged = bytearray(sound)
    damaged[entry + at] ^= 0x40  # the tag's code, type or count
    (tmp_path / "a.tif").write_bytes(damaged)
    with pytest.raises(DataError, match=r"a\.tif: "):
        volumes.read(tmp_path / "a.tif")
