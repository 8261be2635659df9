"""Colours of DICOM become their luminance, and bits above a pixel are an overlay or a fault."""

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    UltrasoundImageStorage,
)

from data.base import DataError
from data.reading import volumes
from tests.data.reading.dicoms import slice_at

DOWN, ALONG = np.mgrid[:40, :32]
RGB = np.stack([60 + 3 * DOWN, 200 - 4 * ALONG, 90 + DOWN + ALONG], axis=-1).astype(np.uint8)
YBR = convert_color_space(RGB, "RGB", "YBR_FULL")
LUMINANCE = RGB @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, the first row of PS3.3 C.7.6.3.1.2
J2K = {"level": 0, "codecformat": "j2k", "reversible": True}
HALVED = YBR.reshape(40, 16, 2, 3)  # PS3.3 C.7.6.3.1.2: two luminances, then the colours of the first
FULL_422 = np.stack([HALVED[..., 0, 0], HALVED[..., 1, 0], HALVED[..., 0, 1], HALVED[..., 0, 2]], axis=-1).tobytes()


def bare_rgb():
    """A JPEG of red, green and blue that does not say so, as some ultrasound scanners write it."""
    made = bytearray(imagecodecs.jpeg8_encode(RGB, level=100, colorspace="RGB", outcolorspace="RGB"))
    adobe = made.index(b"\xff\xee")
    del made[adobe : adobe + 2 + int.from_bytes(made[adobe + 2 : adobe + 4], "big")]
    for marker, first in ((b"\xff\xc0", 10), (b"\xff\xda", 5)):
        at = made.index(marker) + first
        step = 3 if marker == b"\xff\xc0" else 2
        made[at], made[at + step], made[at + 2 * step] = 1, 2, 3
    return bytes(made)


def jpeg(**options):
    return encapsulate([imagecodecs.jpeg8_encode(RGB, level=100, **options)])


KINDS = {
    "RGB": (ExplicitVRLittleEndian, "RGB", RGB.tobytes(), 0),
    "RGB in planes": (ExplicitVRLittleEndian, "RGB", RGB.transpose(2, 0, 1).tobytes(), 1),
    "YBR_FULL": (ExplicitVRLittleEndian, "YBR_FULL", YBR.tobytes(), 0),
    "YBR_FULL in planes": (ExplicitVRLittleEndian, "YBR_FULL", YBR.transpose(2, 0, 1).tobytes(), 1),
    "YBR_FULL_422": (ExplicitVRLittleEndian, "YBR_FULL_422", FULL_422, 0),
    "JPEG": (JPEGBaseline8Bit, "YBR_FULL", jpeg(subsampling="444"), 0),
    "JPEG, half the colours": (JPEGBaseline8Bit, "YBR_FULL_422", jpeg(subsampling="422"), 0),
    "JPEG with a tag of RGB": (JPEGBaseline8Bit, "RGB", jpeg(subsampling="444"), 0),
    "JPEG of RGB": (JPEGBaseline8Bit, "RGB", jpeg(colorspace="RGB", outcolorspace="RGB"), 0),
    "JPEG of bare RGB": (JPEGBaseline8Bit, "RGB", encapsulate([bare_rgb()]), 0),
    "JPEG-LS": (JPEGLSLossless, "RGB", encapsulate([imagecodecs.jpegls_encode(RGB)]), 0),
    "JPEG-LS of YBR": (JPEGLSLossless, "YBR_FULL", encapsulate([imagecodecs.jpegls_encode(YBR)]), 0),
    "JPEG 2000": (JPEG2000Lossless, "YBR_RCT", encapsulate([imagecodecs.jpeg2k_encode(RGB, mct=True, **J2K)]), 0),
    "JPEG 2000 of RGB": (JPEG2000Lossless, "RGB", encapsulate([imagecodecs.jpeg2k_encode(RGB, mct=False, **J2K)]), 0),
    "JPEG 2000 of YBR": (
        JPEG2000Lossless,
        "YBR_FULL",
        encapsulate([imagecodecs.jpeg2k_encode(YBR, mct=False, **J2K)]),
        0,
    ),
}


def coloured(path, photometric="RGB", pixels=None, planar=0, **attributes):
    usual = {"storage": UltrasoundImageStorage, "Modality": "US", "SamplesPerPixel": 3, "PlanarConfiguration": planar}
    usual |= {"PhotometricInterpretation": photometric, "PixelData": pixels or RGB.tobytes()}
    return slice_at(path, RGB[..., 0], attributes.pop("z", 0.0), **(usual | attributes))


@pytest.mark.parametrize("placed", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_colours_become_their_luminance(tmp_path, kind, placed):
    syntax, photometric, pixels, planar = KINDS[kind]
    place = {} if placed else {"ImagePositionPatient": None, "ImageOrientationPatient": None}
    path = coloured(tmp_path / "a", photometric, pixels, planar, syntax=syntax, **place)
    assert_allclose(volumes.read(path).pixels[0], LUMINANCE, atol=2.5 if syntax == JPEGBaseline8Bit else 0.8)
    if syntax == ExplicitVRLittleEndian:
        again = pydicom.dcmread(path).pixel_array  # which pydicom itself turns into RGB
        assert_allclose(volumes.read(path).pixels[0], again @ np.array([0.299, 0.587, 0.114]), atol=1.5)


def test_packed_runs_of_colours_become_their_luminance(tmp_path):
    for photometric, samples in (("RGB", RGB), ("YBR_FULL", YBR)):
        file = pydicom.dcmread(coloured(tmp_path / "a", photometric, samples.tobytes()))
        file.compress(RLELossless)
        file.save_as(tmp_path / "b")
        assert_allclose(volumes.read(tmp_path / "b").pixels[0], LUMINANCE, atol=0.6)


def test_colours_that_are_not_known_are_refused(tmp_path):
    for photometric in ("HSV", "CMYK", "YBR_PARTIAL_420", "MONOCHROME2"):
        with pytest.raises(DataError, match=r"a: its 3 samples per pixel are coded as none of RGB, .*: save it as RGB"):
            volumes.read(coloured(tmp_path / "a", photometric))
    with pytest.raises(DataError, match="its PlanarConfiguration is neither 0"):
        volumes.read(coloured(tmp_path / "a", PlanarConfiguration=None))


def test_colour_pictures_beside_a_scan_are_named(tmp_path):
    grey = np.random.default_rng(1).integers(0, 900, (3, 9, 7)).astype(np.uint16)
    for k in range(3):
        slice_at(tmp_path / "s" / f"{k}", grey[k], 3.0 * k)
    fused = coloured(tmp_path / "s" / "fused", z=3.0)
    image = volumes.read(tmp_path / "s")
    assert_array_equal(image.pixels, grey)
    assert image.faults == (f"{fused}: is a colour picture beside the grey slices, which is not used",)


def test_an_overlay_in_declared_bits_is_left_out(tmp_path):
    stored = np.random.default_rng(6).integers(0, 4096, (9, 7)).astype(np.uint16)
    marks = (np.indices(stored.shape).sum(axis=0) % 2).astype(np.uint16)
    twelve = {"BitsStored": 12, "HighBit": 11}
    for signed in (0, 1):
        expected = np.where(stored >= 2048, stored.astype(int) - 4096, stored) if signed else stored
        path = slice_at(tmp_path / "a", stored | marks << 15, 0.0, PixelRepresentation=signed, **twelve)
        with pytest.raises(
            DataError, match=r"no overlay \(60xx,0102\) lies there: mend BitsStored and HighBit, or clear"
        ):
            volumes.read(path)
        for position, sound in ((12, False), (0, False), (15, True)):
            file = pydicom.dcmread(path)
            file.add_new(0x60000100, "US", 16)
            file.add_new(0x60000102, "US", position)
            file.save_as(tmp_path / "b")
            if sound:
                assert_array_equal(volumes.read(tmp_path / "b").pixels[0], expected)
                continue
            with pytest.raises(DataError, match="pixels need more than the 12 bits"):
                volumes.read(tmp_path / "b")
    path = slice_at(tmp_path / "a", stored | marks << 15, 0.0, **twelve)
    file = pydicom.dcmread(path)
    file.compress(RLELossless)
    file.save_as(path)
    with pytest.raises(DataError, match="pixels need more than the 12 bits"):
        volumes.read(path)


def test_boxes_around_a_stream_are_opened(tmp_path):
    stored = np.random.default_rng(6).integers(0, 4096, (9, 7)).astype(np.uint16)
    frame = imagecodecs.jpeg2k_encode(stored, level=0, codecformat="jp2", reversible=True)
    assert frame[4:8] == b"jP  "
    path = slice_at(tmp_path / "a", stored, 0.0, syntax=JPEG2000Lossless, PixelData=encapsulate([frame]))
    assert_array_equal(volumes.read(path).pixels[0], stored)
    for damaged in (frame[:40], frame[:-20]):
        slice_at(path, stored, 0.0, syntax=JPEG2000Lossless, PixelData=encapsulate([damaged]))
        with pytest.raises(DataError, match=r"a: (its header gives 9 x 7 pixels, but|can't be read, truncated)"):
            volumes.read(path)
