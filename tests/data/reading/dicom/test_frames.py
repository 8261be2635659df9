"""Every frame of a multi-frame DICOM file has the values and the place of its own functional groups."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_allclose, assert_array_equal
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, LegacyConvertedEnhancedCTImageStorage

from data.base import DataError
from data.reading import volumes
from tests.data.reading.dicoms import at, enhanced

STORED = np.random.default_rng(5).integers(0, 4000, (6, 10, 8)).astype(np.uint16)


def encoded(frames, syntax):
    import imagecodecs
    from pydicom.encaps import encapsulate

    encode = {
        JPEG2000Lossless: lambda a: imagecodecs.jpeg2k_encode(a, level=0, codecformat="j2k", reversible=True),
        JPEGLSLossless: imagecodecs.jpegls_encode,
    }[syntax]
    return encapsulate([encode(frame) for frame in frames])


@pytest.mark.parametrize("packed", [None, JPEG2000Lossless, JPEGLSLossless], ids=["native", "jpeg2000", "jpegls"])
def test_each_frame_has_its_own_slope_and_intercept(tmp_path, packed):
    groups = [at(4.0 * k, slope=k + 1, intercept=-10 * k) for k in range(6)]
    more = {"syntax": packed, "PixelData": encoded(STORED, packed)} if packed else {}
    image = volumes.read(enhanced(tmp_path / "a.dcm", STORED, groups, **more))
    k = np.arange(6).reshape(-1, 1, 1)
    assert_array_equal(image.pixels, STORED * (k + 1.0) - 10 * k)
    assert image.faults == ()


def test_frames_lie_where_their_groups_place_them_in_any_order(tmp_path):
    order = [0, 3, 1, 4, 2, 5]
    image = volumes.read(enhanced(tmp_path / "a.dcm", STORED[order], [at(4.0 * k) for k in order]))
    assert_array_equal(image.pixels, STORED)
    # DICOM PS3.3 C.7.6.2.1.1: P = position + column * row cosines * .8 + row * column cosines * .8
    assert_allclose(image.position((5, 3, 7)), (-10 + 7 * 0.8, -20 + 3 * 0.8, 20))
    assert image.planes is None


def test_orientation_and_spacing_of_each_frame_count(tmp_path):
    """Two angled blocks, as of lumbar discs, in one file, with the shared groups empty."""
    frames, expected = [], []
    for turn, start in ((0.0, 0.0), (20.0, 30.0)):
        c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        for k in range(3):
            position = np.array([-10.0, -20.0, start]) + 5.0 * k * np.array([0, -s, c])
            group = at(0.0)
            group["PlanePositionSequence"] = {"ImagePositionPatient": [f"{v:.10f}" for v in position]}
            group["PlaneOrientationSequence"] = {"ImageOrientationPatient": [1, 0, 0, 0, f"{c:.10f}", f"{s:.10f}"]}
            group["PixelMeasuresSequence"] = {"PixelSpacing": [0.5, 0.6], "SliceThickness": 4.0}
            frames.append(group)
            expected.append(position + 3 * 0.5 * np.array([0, c, s]) + 7 * 0.6 * np.array([1, 0, 0]))
    empty = {"FrameAnatomySequence": {"FrameLaterality": "U"}}
    image = volumes.read(enhanced(tmp_path / "a.dcm", STORED, frames, shared=empty), orientation="axial")
    assert image.planes is not None and len(image.pixels) == 6
    found = image.position([(d, 3, 7) for d in range(6)])
    for position, pixels in zip(expected, STORED, strict=True):
        nearest = int(np.linalg.norm(found - position, axis=1).argmin())
        assert_allclose(found[nearest], position, atol=1e-6)
        assert_array_equal(image.pixels[nearest], pixels)
    with pytest.raises(DataError, match=r"a\.dcm: its slices are on no regular grid, so they can't be cut"):
        volumes.read(tmp_path / "a.dcm", orientation="sagittal")


def test_simpleitk_reads_the_same_where_all_frames_are_alike(tmp_path):
    groups = [at(4.0 * k, slope=2, intercept=-1024) for k in range(6)]
    path = enhanced(tmp_path / "a.dcm", STORED, groups, storage=LegacyConvertedEnhancedCTImageStorage, Modality="CT")
    image, scan = volumes.read(path), sitk.ReadImage(str(path))
    assert_array_equal(image.pixels, sitk.GetArrayFromImage(scan))
    assert_allclose(image.spacing, scan.GetSpacing()[::-1])
    assert_allclose(image.affine[:3, 3], scan.GetOrigin())


def several(path, *, kinds):
    """Six places with an image of each kind, as a scanner stores them: place by place."""
    frames, pixels = [], []
    for k in range(6):
        for number, groups in enumerate(kinds):
            frames.append(at(4.0 * k, **groups))
            pixels.append(STORED[k] + 10 * number)
    return enhanced(path, np.stack(pixels), frames)


TYPE = "MRImageFrameTypeSequence"
PARTED = {
    "echo": [{"MREchoSequence": {"EffectiveEchoTime": echo}} for echo in (12.0, 100.0)],
    "b-value": [{"MRDiffusionSequence": {"DiffusionBValue": b}} for b in (0.0, 800.0)],
    "time": [{"FrameContentSequence": {"TemporalPositionIndex": t}} for t in (1, 2)],
    "dixon": [{TYPE: {"FrameType": ["DERIVED", "PRIMARY", "DIXON", kind]}} for kind in ("WATER", "FAT")],
    "acquisition": [{"FrameContentSequence": {"FrameAcquisitionNumber": n}} for n in (1, 2)],
}


@pytest.mark.parametrize("kind", PARTED)
def test_several_images_of_a_place_are_parted_and_one_must_be_named(tmp_path, kind):
    path = several(tmp_path / "a.dcm", kinds=PARTED[kind])
    with pytest.raises(DataError, match=r"a\.dcm: holds 2 images: #1 .* \(6 slices\); #2 .*: name one, as in a\.dcm#1"):
        volumes.read(path)
    for number in (1, 2):
        image = volumes.read(f"{path}#{number}")
        assert_array_equal(image.pixels, STORED + 10 * (number - 1))
    with pytest.raises(DataError, match="has no image #3: it has #1"):
        volumes.read(f"{path}#3")


def test_phase_beside_magnitude_is_left_out_and_named(tmp_path):
    kinds = [
        {TYPE: {"FrameType": ["ORIGINAL", "PRIMARY", "M", "NONE"], "ComplexImageComponent": component}}
        for component in ("PHASE", "MAGNITUDE")
    ]
    path = several(tmp_path / "a.dcm", kinds=kinds)
    image = volumes.read(path)
    assert_array_equal(image.pixels, STORED + 10)
    assert image.faults == (f"{path}: axial phase (6 slices) is another image, which is not used",)


def test_a_file_with_an_unknown_dimension_is_parted_by_it(tmp_path):
    """Diffusion directions are told apart by the file's own index of dimensions alone."""
    frames = [
        at(4.0 * k, FrameContentSequence={"DimensionIndexValues": [k + 1, number]})
        for k in range(3)
        for number in (1, 2)
    ]
    position, direction = 0x00209057, 0x00189089
    pointers = [{"DimensionIndexPointer": pointer} for pointer in (position, direction)]
    path = enhanced(tmp_path / "a.dcm", STORED, frames, DimensionIndexSequence=pointers)
    assert_array_equal(volumes.read(f"{path}#2").pixels, STORED[1::2])


def test_frames_without_a_place_or_groups_are_refused_by_name(tmp_path):
    groups = [at(4.0 * k) for k in range(6)]
    del groups[2]["PlanePositionSequence"]
    image = volumes.read(enhanced(tmp_path / "a.dcm", STORED, groups))
    assert image.faults == (
        f"{tmp_path / 'a.dcm'} frame 3: tag 0020|0032 ImagePositionPatient is absent, so it has no "
        "place in the patient, as a screen save has none",
    )
    assert len(image.pixels) == 5
    with pytest.raises(DataError, match=r"b\.dcm: has 6 frames, but attributes of 5 frames"):
        volumes.read(enhanced(tmp_path / "b.dcm", STORED, [at(4.0 * k) for k in range(5)]))
