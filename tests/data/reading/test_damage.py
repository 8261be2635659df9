"""One flipped bit, a cut or a false length is refused by name, or changes nothing that was read."""

import gzip
import io
import zlib

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from data.base import DataError
from data.reading import arrays, volumes
from tests.data.reading import written


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def volume(rng, shape=(3, 4, 5), code=np.int16):
    return rng.integers(0, 200, shape).astype(code)


def read(path, content):
    path.write_bytes(content)
    return volumes.read(path)


def outcome(path, content):
    """The pixels, or the one line that names the file."""
    try:
        return read(path, content).pixels
    except DataError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return None


def flipped(content, start, every=1):
    for bit in range(8 * start, 8 * len(content), every):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


@pytest.mark.parametrize("end", ["mha", "nii.gz", "nrrd", "png", "tif"])
def test_a_flipped_bit_is_never_another_picture(tmp_path, rng, end):
    pixels = volume(rng)
    picture = pixels[0].astype(np.uint8)
    content = {
        "mha": written.meta_image(pixels, packed=True),
        "nii.gz": written.nifti(pixels, zipped=True),
        "nrrd": written.nrrd(pixels, packed=True),
        "png": written.png(picture, orientation=3),
        "tif": written.tiff([picture], compression=8),
    }[end]
    # A header has no checksum; what is packed has one. A TIFF's pixels are its last bytes.
    start = {
        "mha": content.find(b"LOCAL\n") + 6,
        "nrrd": content.find(b"\n\n") + 2,
        "tif": len(content) - (len(zlib.compress(picture.tobytes())) + 1) // 2 * 2,
    }
    path = tmp_path / f"scan.{end}"
    right = read(path, content).pixels
    refused = 0
    for damaged in flipped(content, start.get(end, 0), every=5 if end == "png" else 7):
        found = outcome(path, damaged)
        refused += found is None
        if found is not None:
            assert_array_equal(found, right)
    assert refused > 0.8 * (8 * (len(content) - start.get(end, 0)) // 7)


@pytest.mark.parametrize("end", ["mha", "nii.gz", "nrrd"])
def test_what_unpacks_short_is_refused(tmp_path, rng, end):
    half = volume(rng, (3, 2, 5))
    made = {
        "mha": lambda p: written.meta_image(p, packed=True),
        "nii.gz": lambda p: written.nifti(p),
        "nrrd": lambda p: written.nrrd(p, packed=True),
    }[end](half)
    replaced = made.replace(b"5 2 3", b"5 4 3")
    if end == "nii.gz":
        replaced = gzip.compress(made[:44] + b"\4\0" + made[46:])
    assert replaced != made
    with pytest.raises(DataError, match=r"(unpacks to|breaks off after) \d+"):
        read(tmp_path / f"scan.{end}", replaced)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["mha", "nii", "nrrd"])
def test_more_data_than_the_header_says_are_refused(tmp_path, rng, end, packed):
    """As where damage makes a number in the header smaller: the rows would be read askew."""
    pixels = volume(rng, (3, 4, 9))
    smaller = {"mha": (b"9 4 3", b"8 4 3"), "nrrd": (b"9 4 3", b"8 4 3")}
    if end == "nii":
        content = written.nifti(pixels)
        content = content[:42] + b"\x08" + content[43:]
        content = gzip.compress(content) if packed else content
    else:
        content = {"mha": written.meta_image, "nrrd": written.nrrd}[end](pixels, packed=packed).replace(*smaller[end])
    with pytest.raises(DataError, match=r"(unpacks to|has) \d+ bytes.*, but its header requires"):
        read(tmp_path / f"a.{end}", content)


def test_a_byte_too_many_is_refused(tmp_path, rng):
    """It may have slipped in before the pixels, which would all lie one place further."""
    pixels = volume(rng)
    made = written.meta_image(pixels)
    head = made.partition(b"LOCAL\n")[0].replace(b"CompressedData = False", b"CompressedData = True") + b"LOCAL\n"
    for name, content in (("a.mha", made), ("b.nii", written.nifti(pixels)), ("c.nrrd", written.nrrd(pixels))):
        assert_array_equal(read(tmp_path / name, content).pixels, pixels)
        for added in (1, 2, 16):
            with pytest.raises(DataError, match=rf"{name}: has {pixels.nbytes + added} bytes of data"):
                read(tmp_path / name, content[: -pixels.nbytes] + bytes(added) + content[-pixels.nbytes :])
    with pytest.raises(DataError, match="unpacks to"):
        read(tmp_path / "d.mha", head + zlib.compress(bytes(2) + pixels.tobytes()))
    packed = zlib.compress(pixels.tobytes())
    with pytest.raises(DataError, match=r"zlib reports 'incorrect data check'"):
        read(tmp_path / "e.mha", head + packed[:-4] + bytes(4))
    with pytest.raises(DataError, match="it breaks off before its checksum: copy it again"):
        read(tmp_path / "f.mha", head + packed[:-3])
    short = head.replace(b"DimSize", f"CompressedDataSize = {len(packed) - 3}\nDimSize".encode())
    with pytest.raises(DataError, match=rf"CompressedDataSize is {len(packed) - 3}, but {len(packed)} bytes of data"):
        read(tmp_path / "g.mha", short + packed)


def test_every_cut_of_a_tiff_of_pages_is_refused(tmp_path, rng):
    for how in ({}, {"big": True, "compression": 8}, {"order": ">", "rows": 2}):
        pages = list(volume(rng, (3, 4, 6), np.uint16))
        content = written.tiff(pages, **how)
        path = tmp_path / "scan.tif"
        assert_array_equal(read(path, content).pixels, np.stack(pages))
        for kept in range(0, len(content) - 1, 17):
            assert outcome(path, content[:kept]) is None, f"{kept} of {len(content)} bytes, {how}"


def test_pages_in_a_circle_or_of_two_sizes_are_refused(tmp_path, rng):
    content = bytearray(written.tiff(list(volume(rng, (2, 4, 6), np.uint8))))
    at = _next_of_last(content)
    content[at : at + 4] = (8).to_bytes(4, "little")
    with pytest.raises(DataError, match="its pages run in a circle"):
        read(tmp_path / "circle.tif", bytes(content))
    with pytest.raises(DataError, match=r"pages 1 and 2 differ \(shape 4 x 6 and 3 x 5\)"):
        read(tmp_path / "two.tif", written.tiff([volume(rng, (4, 6), np.uint8), volume(rng, (3, 5), np.uint8)]))


def _next_of_last(content):
    """Where the last directory of a little-endian TIFF holds the offset of the next."""
    directory = int.from_bytes(content[4:8], "little")
    while True:
        at = directory + 2 + 12 * int.from_bytes(content[directory : directory + 2], "little")
        following = int.from_bytes(content[at : at + 4], "little")
        if not following:
            return at
        directory = following


def test_a_thumbnail_before_the_image_is_left_out(tmp_path, rng):
    small, large = volume(rng, (2, 3), np.uint8), volume(rng, (8, 12), np.uint8)
    content = written.tiff([small, large, large // 2], subfile=[1, 0, 0])
    assert_array_equal(read(tmp_path / "a.tif", content).pixels, [large, large // 2])


def jpeg(rng, side=64, **how):
    out = io.BytesIO()
    smooth = np.add.outer(np.arange(side), np.arange(side)).astype(np.uint8) + rng.integers(
        0, 9, (side, side), np.uint8
    )
    Image.fromarray(smooth).save(out, "JPEG", quality=95, **how)
    return out.getvalue()


def test_a_jpeg_is_read_to_its_end_mark(tmp_path, rng):
    content = jpeg(rng)
    path = tmp_path / "scan.jpg"
    right = read(path, content).pixels
    assert_array_equal(read(path, content + bytes(8192)).pixels, right)
    assert_array_equal(read(path, content + jpeg(rng, 16)).pixels, right)
    for kept in range(2, len(content) - 1, 90):
        assert outcome(path, content[:kept]) is None, f"{kept} of {len(content)} bytes"
    middle = len(content) * 2 // 3
    with pytest.raises(DataError, match="libjpeg reports"):
        read(path, content[:middle] + b"\xff\xd9" + content[middle:])


def test_a_jpeg_with_a_thumbnail_in_its_exif_is_the_large_picture(tmp_path, rng):
    content, thumbnail = jpeg(rng), jpeg(rng, 16)
    block = b"Exif\0\0" + written.exif(1) + thumbnail
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    assert_array_equal(
        read(tmp_path / "a.jpg", content[:2] + segment + content[2:]).pixels, read(tmp_path / "b.jpg", content).pixels
    )


@pytest.mark.parametrize("packed", [False, True])
def test_an_npz_is_held_against_its_header(tmp_path, rng, packed):
    values = volume(rng)
    path = tmp_path / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, images=values)
    assert_array_equal(arrays.read(path, "images"), values)
    content, start = path.read_bytes(), path.read_bytes().index(b"images.npy") + 10
    end = content.rindex(b"PK\1\2")
    refused = 0
    for damaged in flipped(content[:end], start, every=29):
        path.write_bytes(damaged + content[end:])
        try:
            assert_array_equal(arrays.read(path, "images"), values)
        except DataError as error:
            refused += str(path) in str(error)
    assert refused > 0.8 * 8 * (end - start) // 29
    with pytest.raises(DataError, match=r"b\.npz: 'words' holds object"):
        np.savez(tmp_path / "b.npz", words=np.array(["a", None], dtype=object))
        arrays.read(tmp_path / "b.npz", "words")
