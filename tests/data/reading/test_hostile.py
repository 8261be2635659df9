"""What a header asks for is held against the file and a bound: nothing is allocated, followed or run for it."""

import gzip
import os
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.reading import arrays, content, volumes
from tests.data.reading import written

PIXELS = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def refused(path, reason, *, most=2**26):
    """The path is refused with a reason, within seconds and without large allocations."""
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(DataError, match=reason) as error:
        volumes.read(path)
    assert time.process_time() - start < 10
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most
    assert "\n" not in str(error.value)
    assert str(path.parent) in str(error.value)


def meta(**fields):
    head = {"ObjectType": "Image", "NDims": 3, "DimSize": "5 4 3", "ElementType": "MET_SHORT"} | fields
    return "".join(
        f"{k} = {v}\n" for k, v in ({"ElementDataFile": "LOCAL"} | head).items() if k != "ElementDataFile"
    ) + (f"ElementDataFile = {head.get('ElementDataFile', 'LOCAL')}\n")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"NDims": -1}, "has -1 axes"),
        ({"NDims": 100}, "has 100 axes"),
        ({"NDims": "3 3"}, "NDims is '3 3'"),
        ({"DimSize": "1000 -4 3"}, "its header gives 1000 x -4 x 3 pixels"),
        ({"DimSize": "5 4"}, "DimSize is '5 4', but NDims is 3"),
        ({"DimSize": "5 4 1e400"}, "damaged or unusual MetaImage"),
        ({"DimSize": "3000 3000 300"}, "3000 x 3000 x 300 pixels, more than the 536,870,912 that are read"),
        ({"Ele}entSpacing": "0.5 0.5 2"}, r"'Ele\}entSpacing' is no field: did you mean 'ElementSpacing'\?"),
        ({"CompressedData": "Trug"}, "CompressedData is 'Trug', neither True nor False"),
        ({"Element Spacing } 1 1 1\nNDims": 3}, r"the line 'Element Spacing } 1 1 1' has no '='"),
        ({"DimSize": "1000 1000 500"}, "truncated: its header requires 1000000000 bytes of data, but it has 120"),
        ({"DimSize": "1000 1000 500", "CompressedData": "True"}, "which 120 packed bytes can't hold"),
        ({"ElementNumberOfChannels": 10**9}, "has 1000000000 values of type int16 for each pixel"),
        ({"ElementType": "MET_OTHER"}, "its ElementType 'MET_OTHER' is none of"),
        ({"ElementSpacing": "1 nan 1"}, "numbers that are not finite"),
        ({"ElementSpacing": "1 1e-300 1"}, "its spacing is 1 x 0 x 1 mm"),
        ({"ElementSpacing": "1 0 1"}, "its spacing is 1 x 0 x 1 mm"),
        ({"Offset": "1e30 0 0"}, "its origin"),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, "its axes lie in one plane"),
        ({"ElementDataFile": "%n%n%n%s"}, "one file per slice"),
        ({"ElementDataFile": "LIST"}, "one file per slice"),
        ({"ElementDataFile": "/etc/passwd"}, "outside the folder of their header"),
        ({"ElementDataFile": "../secret.raw"}, "outside the folder of their header"),
        ({"ElementDataFile": r"C:\secret.raw"}, "outside the folder of their header"),
        ({"ElementDataFile": "pipe"}, "no such file"),
        ({"HeaderSize": -5, "CompressedData": "True", "ElementDataFile": "a.raw"}, "HeaderSize is -5"),
    ],
)
def test_a_hostile_meta_image_is_refused(tmp_path, fields, reason):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.raw").write_bytes(PIXELS.tobytes())
    (tmp_path.parent / "secret.raw").write_bytes(PIXELS.tobytes())
    path = tmp_path / "scan.mha"
    path.write_bytes(meta(**fields).encode() + PIXELS.tobytes())
    refused(path, reason)


def bomb(length, head=b""):
    """A gzip file that unpacks to a head and so many zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = packer.compress(head)
    for _ in range(length >> 22):
        out += packer.compress(bytes(2**22))
    return out + packer.flush()


def test_a_gzip_bomb_is_refused_by_its_header(tmp_path):
    head = bytearray(written.nifti(PIXELS))[:352]
    path = tmp_path / "bomb.nii.gz"
    struct.pack_into("<8h", head, 40, 3, 2000, 2000, 2000, 1, 1, 1, 1)
    path.write_bytes(bomb(2**24, bytes(head)))
    refused(path, r"2000 x 2000 x 2000 pixels, more than the 536,870,912")
    struct.pack_into("<8h", head, 40, 3, 800, 800, 800, 1, 1, 1, 1)
    path.write_bytes(bomb(2**24, bytes(head)))
    refused(path, r"its header requires 1024000352 bytes of data, which \d+ packed bytes can't hold")


def test_a_header_smaller_than_what_unpacks_is_refused(tmp_path):
    path = tmp_path / "more.nii.gz"
    path.write_bytes(bomb(2**25, written.nifti(PIXELS)))
    refused(path, "unpacks to far more than the 472 bytes that its header requires")


def test_pictures_of_a_billion_pixels_are_refused(tmp_path):
    rows = bomb(2**24)
    head = written.chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + head + written.chunk(b"IDAT", rows) + written.chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(png)
    refused(tmp_path / "a.png", "30000 x 30000 pixels, more than the 536,870,912 that are read: crop or shrink it")
    small = png.replace(head, written.chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)))
    (tmp_path / "b.png").write_bytes(small)
    refused(tmp_path / "b.png", "packed bytes can't hold")
    tiff = bytearray(written.tiff([PIXELS[0]]))
    for code in (256, 257):
        at = tiff.index(struct.pack("<HH", code, 4)) + 8
        tiff[at : at + 4] = struct.pack("<I", 60000)
    (tmp_path / "c.tif").write_bytes(tiff)
    refused(tmp_path / "c.tif", "60000 x 60000 pixels")


def test_an_array_is_held_against_its_archive(tmp_path):
    import zipfile

    head = (
        b"\x93NUMPY\1\0v\0"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117)
        + b"\n"
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", head + bytes(100))
    with pytest.raises(DataError, match=r"truncated: its header requires 8000000000000 bytes of data, but it has 100"):
        arrays.read(tmp_path / "a.npz", "images")


def test_what_is_no_regular_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "scan.mha")
    refused(tmp_path / "scan.mha", "is a pipe or a device")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    refused(tmp_path / "zero.png", "is a pipe or a device")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    refused(tmp_path / "round.png", "no such file")


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "text of a web page"),
        (b"GIF89a", "a GIF picture"),
        (b"BM" + bytes(60), "a BMP picture"),
        (b"PK\3\4", "a zip archive"),
        (b"\x93NUMPY", "a NumPy array"),
        (bytes(4096), "begins with 1024 zeros"),
        (b"", "truncated: it has no content"),
        (gzip.compress(b"words", mtime=0), "its header has 5 of 348 bytes"),
        (gzip.compress(bytes(1000), mtime=0), "packed with gzip, but holds no NIfTI volume"),
        (b"root:x:0:0:root:/root:/bin/bash\n", "its content is no image that is read, though its name ends in .png"),
    ],
)
def test_other_content_is_named(tmp_path, first, reason):
    path = tmp_path / "scan.png"
    path.write_bytes(first)
    refused(path, reason)


def test_the_content_says_what_a_file_is(tmp_path):
    files = {
        "a.jpg": written.png(PIXELS[0].astype(np.uint8)),
        "B.MHA": written.meta_image(PIXELS[:1]),
        "c.nii": written.nifti(PIXELS[:1], zipped=True),
        "d.nii.gz": written.nifti(PIXELS[:1]),
        "e.dat": written.tiff([PIXELS[0]]),
        "NO_ENDING": written.nrrd(PIXELS[:1]),
        "f.MHD": written.meta_image(PIXELS[:1], packed=True),
    }
    for name, made in files.items():
        (tmp_path / name).write_bytes(made)
        assert_array_equal(volumes.read(tmp_path / name).pixels[0], PIXELS[0])
    assert content.kind(tmp_path / "a.jpg") == "png"


def test_fields_of_a_nrrd_have_any_case_and_no_other_name(tmp_path):
    made = written.nrrd(PIXELS)
    (tmp_path / "a.nrrd").write_bytes(
        made.replace(b"space origin", b"Space Origin").replace(b"space: left", b"space: Left")
    )
    assert_allclose(volumes.read(tmp_path / "a.nrrd").affine[:3, 3], (11, -22, 33))
    for before, after, reason in (
        (b"space origin", b"spacf origin", "'spacf origin' is no field of NRRD"),
        (b"left-posterior", b"lefu-posterior", "space is 'lefu-posterior-superior'"),
        (b"raw", b"hex", "is coded as hex, which is not read"),
        (b"type: short", b"byteskip: 8\ntype: short", r"bytes lie between its header and its pixels \(byteskip 8\)"),
        (b"sizes: 5 4 3", b"sizes: 5 4", "dimension"),
    ):
        (tmp_path / "b.nrrd").write_bytes(made.replace(before, after))
        refused(tmp_path / "b.nrrd", reason)
    (tmp_path / "c.nrrd").write_bytes(made.replace(b"encoding", b"# a note\nmy field:=anything\nencoding"))
    assert_array_equal(volumes.read(tmp_path / "c.nrrd").pixels, PIXELS)


def test_a_mhd_may_name_a_file_beside_or_below_it(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.raw").write_bytes(b"12345678" + PIXELS.tobytes())
    for size in (8, -1):
        (tmp_path / "a.mhd").write_text(meta(ElementDataFile="below/a.raw", HeaderSize=size))
        assert_array_equal(volumes.read(tmp_path / "a.mhd").pixels, PIXELS)


def test_a_mask_must_lie_as_its_picture_does(tmp_path):
    shape = np.arange(20, dtype=np.uint8).reshape(4, 5)
    (tmp_path / "a.png").write_bytes(written.png(shape, orientation=3))
    (tmp_path / "m.png").write_bytes(written.png(shape))
    with pytest.raises(DataError, match=r"m\.png: the mask's orientation tag is 1, that of its image is 3"):
        volumes.read(tmp_path / "a.png", mask=tmp_path / "m.png")
    (tmp_path / "m.png").write_bytes(written.png(shape, orientation=3))
    image = volumes.read(tmp_path / "a.png", mask=tmp_path / "m.png")
    assert_allclose(image.pixels, image.mask)
    assert_array_equal(image.pixels[0], shape[::-1, ::-1])
