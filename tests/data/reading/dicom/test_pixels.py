"""Pixels are in the scanner's units, or the file is refused by name before anything is allocated."""

import struct
import tracemalloc
import zlib

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_allclose, assert_array_equal
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from data.base import DataError
from data.reading import volumes
from tests.data.dicom_study.studies import raw
from tests.data.reading.dicoms import item, slice_at

STORED = np.random.default_rng(6).integers(0, 1000, (9, 7)).astype(np.uint16)


def read(tmp_path, pixels=STORED, **attributes):
    return volumes.read(slice_at(tmp_path / "a.dcm", pixels, 0.0, **attributes)).pixels[0]


def test_a_modality_lut_is_applied_and_ends_with_its_ends(tmp_path):
    """PS3.3 C.11.1.1: values up to the first mapped one are the first entry, those above the last the last."""
    entries = (np.arange(500) ** 2 // 10 + 3).astype(np.uint16)
    table = {"LUTDescriptor": [500, 200, 16], "ModalityLUTType": "US", "LUTData": entries.tobytes()}
    expected = [[entries[min(max(int(v) - 200, 0), 499)] for v in row] for row in STORED]
    assert_array_equal(read(tmp_path, ModalityLUTSequence=table), expected)
    table["LUTDescriptor"] = [501, 200, 16]
    with pytest.raises(DataError, match=r"a\.dcm: its Modality LUT is not what its descriptor gives"):
        read(tmp_path, ModalityLUTSequence=table)


def mapping(slope, intercept=0.0):
    return {"RealWorldValueSlope": slope, "RealWorldValueIntercept": intercept, "LUTLabel": "x"}


def test_a_real_world_slope_counts_only_alone(tmp_path):
    one, two = [mapping(0.5, -3.0)], [mapping(0.5), mapping(2.0)]
    assert_array_equal(read(tmp_path, RealWorldValueMappingSequence=one), STORED * 0.5 - 3)
    both = read(tmp_path, RealWorldValueMappingSequence=two, RescaleSlope=3, RescaleIntercept=1)
    assert_array_equal(both, STORED * 3.0 + 1)
    with pytest.raises(DataError, match=r"a\.dcm: has several real-world slopes \(0\.5 and 2\)"):
        read(tmp_path, RealWorldValueMappingSequence=two)


@pytest.mark.parametrize("slope", [b"nan ", b"inf ", b"0 ", b"1e300 ", b"1,5 "])
def test_a_slope_that_is_none_is_refused(tmp_path, slope):
    path = slice_at(tmp_path / "a.dcm", STORED, 0.0, RescaleSlope=2, RescaleIntercept=0)
    raw(path, 0x00281053, slope)
    with pytest.raises(DataError, match=r"a\.dcm: its rescale slope") as error:
        volumes.read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"PixelData": STORED.tobytes()[:-2]}, "truncated .* its pixels are 124 of 126 bytes"),
        ({"PixelData": STORED.tobytes() * 2}, "has 252 bytes of pixels, but its header gives 126"),
        ({"PixelData": None}, "it has no pixels"),
        ({"BitsStored": 0}, "BitsStored 0 is not 1 to BitsAllocated"),
        ({"BitsStored": 17}, "BitsStored 17 is not 1 to BitsAllocated"),
        ({"BitsStored": 12}, "HighBit 15 is not BitsStored - 1"),
        ({"BitsStored": 8, "HighBit": 7}, "pixels need more than the 8 bits"),
        ({"BitsAllocated": 12}, "BitsAllocated 12 is none of"),
        ({"SamplesPerPixel": 2}, "2 samples per pixel"),
        ({"PixelRepresentation": 7}, "neither 0"),
        ({"Rows": 65535, "Columns": 65535}, "more than"),
        ({"NumberOfFrames": -3}, "NumberOfFrames must be"),
        ({"NumberOfFrames": 2**31 - 1}, "NumberOfFrames must be"),
        ({"NumberOfFrames": 60000}, "60000 frames, more than its bytes can hold"),
        ({"PixelSpacing": [1e-300, 1]}, "pixels of 1e-300 x 1 mm"),
        ({"PixelSpacing": [1e5, 1]}, r"pixels of 100000 x 1 mm"),
        ({"ImageOrientationPatient": [2, 0, 0, 0, 0.5, 0]}, "have no place"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "have no place"),
        ({"ImagePositionPatient": [0, 0]}, "has 2 numbers, but a slice's place needs 3"),
        ({"ImagePositionPatient": None}, "is absent, so it has no place in the patient"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_header_that_can_not_be_is_refused(tmp_path, attributes, message):
    tracemalloc.start()
    with pytest.raises(DataError, match=rf"a\.dcm: .*{message}") as error:
        read(tmp_path, **attributes)
    assert "\n" not in str(error.value) and tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize("added", [b"7", b"padding 9"])
def test_bytes_that_slipped_in_are_noticed(tmp_path, added):
    path = slice_at(tmp_path / "a.dcm", STORED, 0.0)
    content = path.read_bytes()
    path.write_bytes(content[:-40] + added + content[-40:])
    with pytest.raises(DataError, match=rf"a\.dcm: {len(added)} bytes behind its pixels are no part of it"):
        volumes.read(path)
    file = pydicom.dcmread(slice_at(path, STORED, 0.0))
    file.add_new(0xFFFCFFFC, "OB", bytes(64))
    file.save_as(path)
    assert_array_equal(volumes.read(path).pixels[0], STORED)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_every_plain_transfer_syntax_gives_the_same(tmp_path, syntax):
    path = slice_at(tmp_path / "a.dcm", STORED, 0.0)
    file = pydicom.dcmread(path)
    if syntax == ExplicitVRBigEndian:
        file.PixelData = STORED.astype(">u2").tobytes()
    copy = item()
    copy.update(file)
    copy.file_meta = file.file_meta
    copy.file_meta.TransferSyntaxUID = syntax
    copy.save_as(path, enforce_file_format=True)
    assert_array_equal(volumes.read(path).pixels[0], STORED)


def test_a_file_without_preamble_is_read(tmp_path):
    path = slice_at(tmp_path / "a.dcm", STORED, 0.0)
    file = pydicom.dcmread(path)
    bare = item()
    bare.update(file)
    bare.save_as(path, implicit_vr=True, little_endian=True)
    assert path.read_bytes()[128:132] != b"DICM"
    assert_array_equal(volumes.read(path).pixels[0], STORED)


def test_signs_and_unused_bits_are_as_the_standard_says(tmp_path):
    """PS3.5 8.1.1: bits above BitsStored are not part of the pixel: an overlay, the sign, or zero."""
    signed = STORED.astype(np.int16) - 500
    twelve = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1}
    assert_array_equal(read(tmp_path, signed, **twelve), signed)
    assert_array_equal(read(tmp_path, signed.view(np.uint16) & 0x0FFF, **twelve), signed)
    path = slice_at(tmp_path / "a.dcm", STORED | (STORED % 2) << 12, 0.0, BitsStored=12, HighBit=11)
    file = pydicom.dcmread(path)
    file.add_new(0x60000102, "US", 12)
    file.save_as(path)
    assert_array_equal(volumes.read(path).pixels[0], STORED)


def test_low_is_bright_only_where_values_have_no_units(tmp_path):
    twelve = {"BitsStored": 12, "HighBit": 11, "PhotometricInterpretation": "MONOCHROME1"}
    assert_array_equal(read(tmp_path, Modality="DX", **twelve), 4095 - STORED.astype(float))
    assert_array_equal(read(tmp_path, Modality="CT", **twelve), STORED)


def test_a_radiograph_without_a_place_keeps_its_pixel_size(tmp_path):
    place = {"ImagePositionPatient": None, "ImageOrientationPatient": None, "PixelSpacing": None}
    path = slice_at(tmp_path / "a.dcm", STORED, 0.0, Modality="DX", ImagerPixelSpacing=[0.2, 0.3], **place)
    assert volumes.read(path).spacing[1:] == (0.2, 0.3)
    path = slice_at(tmp_path / "a.dcm", STORED, 0.0, Modality="DX", ImagerPixelSpacing=[0.2, 1e-300], **place)
    with pytest.raises(DataError, match=r"0\.2 x 1e-300 mm are not possible"):
        volumes.read(path)


def test_packed_bombs_are_refused_before_they_are_unpacked(tmp_path):
    from pydicom.encaps import encapsulate

    header = struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x81\0\x81\0"
    big = {"Rows": 20000, "Columns": 20000}
    tracemalloc.start()
    for syntax, frame in ((RLELossless, header), (JPEG2000Lossless, b"\xff\x4f\xff\x51" + bytes(500))):
        with pytest.raises(DataError, match=r"a\.dcm: \d+ bytes can't hold the 800000000 bytes of pixels"):
            read(tmp_path, syntax=syntax, PixelData=encapsulate([frame]), **big)
    path = slice_at(tmp_path / "a.dcm", STORED, 0.0)
    file = pydicom.dcmread(path)
    file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    file.save_as(path)
    content = path.read_bytes()
    start = 144 + struct.unpack_from("<I", content, 140)[0]
    zipper = zlib.compressobj(9, wbits=-15)
    packed = zipper.compress(bytes(2**22)) + zipper.flush(zlib.Z_FULL_FLUSH)
    block = zipper.compress(bytes(2**22)) + zipper.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(content[:start] + packed + block * 40)
    with pytest.raises(DataError, match=r"a\.dcm: unpacks to more than 128 MiB"):
        volumes.read(path)
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


SMOOTH = np.add.outer(np.arange(40), np.arange(32))
SIGNED = (np.random.default_rng(2).integers(0, 4000, (40, 32)) - 2000).astype(np.int16)
COLOURS = np.stack([SMOOTH, SMOOTH * 2, SMOOTH[::-1]], axis=-1).astype(np.uint8)
JPEG_2000 = {"level": 0, "codecformat": "j2k", "reversible": True}
GREY = "MONOCHROME2"
PACKED = {
    "jpeg": (JPEGBaseline8Bit, (SMOOTH * 3).astype(np.uint8), "jpeg8_encode", {"level": 100}, GREY),
    "lossless": (JPEGLosslessSV1, (SMOOTH * 800).astype(np.uint16), "ljpeg_encode", {"bitspersample": 16}, GREY),
    "jpegls": (JPEGLSLossless, SIGNED, "jpegls_encode", {}, GREY),
    "jpeg2000": (JPEG2000Lossless, SIGNED, "jpeg2k_encode", JPEG_2000, GREY),
    "colours": (JPEG2000Lossless, COLOURS, "jpeg2k_encode", JPEG_2000, "YBR_RCT"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_packed_pictures_are_what_was_packed(tmp_path, kind):
    import imagecodecs
    from pydicom.encaps import encapsulate

    syntax, pixels, encoder, options, photometric = PACKED[kind]
    packable = pixels.view(np.uint16) if encoder == "jpegls_encode" else pixels
    frame = getattr(imagecodecs, encoder)(packable, **options)
    header = {"Rows": 40, "Columns": 32, "PhotometricInterpretation": photometric, "Modality": "OT"}
    header |= {"SamplesPerPixel": 3, "PlanarConfiguration": 0} if pixels.ndim == 3 else {}
    header |= {"ImagePositionPatient": None, "ImageOrientationPatient": None, "syntax": syntax}
    found = read(tmp_path, pixels, PixelData=encapsulate([frame]), **header)
    expected = pixels if pixels.ndim == 2 else pixels @ np.array([0.299, 0.587, 0.114])
    assert_allclose(found, expected, atol=1 if kind == "jpeg" else 1e-3)
    with pytest.raises(DataError, match="its header gives 40 x 31 pixels, but its packed picture is 40 x 32"):
        read(tmp_path, pixels, PixelData=encapsulate([frame]), **header | {"Columns": 31})
    with pytest.raises(DataError, match="its header gives 40 x 32 pixels, but its packed picture is unknown"):
        read(tmp_path, pixels, PixelData=encapsulate([b"\0\0" + frame]), **header)
    with pytest.raises(DataError, match="truncated or not a whole picture: a packed picture has no end"):
        read(tmp_path, pixels, PixelData=encapsulate([frame[:-30]]), **header)
    scan = sitk.ReadImage(str(slice_at(tmp_path / "g.dcm", pixels, 0.0, PixelData=encapsulate([frame]), **header)))
    if pixels.ndim == 2:
        assert_allclose(found, sitk.GetArrayFromImage(scan)[0], atol=1 if kind == "jpeg" else 0)


@pytest.mark.parametrize("damage", [b"\0" * 40, b"\xff" * 40])
def test_a_damaged_stream_is_one_line(tmp_path, damage, capfd):
    import imagecodecs
    from pydicom.encaps import encapsulate

    frame = bytearray(imagecodecs.jpegls_encode(STORED))
    frame[30:70] = damage
    with pytest.raises(DataError, match=r"a\.dcm: ") as error:
        read(tmp_path, syntax=JPEGLSLossless, PixelData=encapsulate([bytes(frame)]))
    assert "\n" not in str(error.value) and "0x" not in str(error.value)
    assert capfd.readouterr() == ("", "")
