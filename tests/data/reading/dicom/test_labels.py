"""A DICOM segmentation gives each voxel of its image the number of its segment."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from data.base import DataError
from data.reading import volumes
from data.reading.dicom import labels as dicom_labels
from tests.data.reading.dicoms import ct, segmentation

SHAPE = (5, 9, 7)
RNG = np.random.default_rng(8)
SEGMENTS = {1: "Liver", 2: "Tumour"}


@pytest.fixture
def scan(tmp_path):
    for k in range(SHAPE[0]):
        ct(tmp_path / "ct" / f"{9 - k}.dcm", RNG.integers(0, 3000, SHAPE[1:]).astype(np.uint16), 4.0 * k)
    return tmp_path / "ct"


@pytest.fixture
def truth():
    """Labels on three of five slices."""
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[1:4] = RNG.integers(0, 3, (3, *SHAPE[1:]))
    return labels


def frames(truth):
    """The frames of both segments, from the last slice to the first."""
    return [
        (number, 4.0 * k, (truth[k] == number).astype(np.uint8)) for number in (2, 1) for k in reversed(range(1, 4))
    ]


def test_segments_become_labels_in_their_places(tmp_path, scan, truth):
    mask = segmentation(tmp_path / "seg.dcm", frames(truth), segments=SEGMENTS, shape=SHAPE[1:])
    image = volumes.read(scan, mask=mask)
    assert_array_equal(image.mask, truth)
    assert image.mask.dtype == np.int16
    assert dicom_labels.segments(mask) == SEGMENTS
    turned = volumes.read(scan, mask=mask, orientation="sagittal")
    place = np.argwhere(turned.mask == 2)
    assert len(place) == (truth == 2).sum()
    back = np.rint(image.index(turned.position(place))).astype(int)
    assert (truth[tuple(back.T)] == 2).all()


def test_a_fractional_segment_counts_from_half(tmp_path, scan):
    fractions = RNG.integers(0, 201, SHAPE[1:]).astype(np.uint8)
    mask = segmentation(
        tmp_path / "seg.dcm",
        [(1, 8.0, fractions)],
        segments={1: "Liver"},
        kind="FRACTIONAL",
        shape=SHAPE[1:],
        MaximumFractionalValue=200,
    )
    expected = np.zeros(SHAPE, dtype=np.int16)
    expected[2] = fractions >= 100
    assert_array_equal(volumes.read(scan, mask=mask).mask, expected)


def test_a_mask_of_a_nifti_image_lies_in_the_same_place(tmp_path, scan, truth):
    mask = segmentation(tmp_path / "seg.dcm", frames(truth), segments=SEGMENTS, shape=SHAPE[1:])
    volumes.write(tmp_path / "a.nii.gz", volumes.read(scan))
    assert_array_equal(volumes.read(tmp_path / "a.nii.gz", mask=mask).mask, truth)


def test_what_is_no_mask_of_the_image_is_refused(tmp_path, scan, truth):
    def refused(message, found, **attributes):
        mask = segmentation(tmp_path / "seg.dcm", found, segments=SEGMENTS, shape=SHAPE[1:], **attributes)
        with pytest.raises(DataError, match=rf"seg\.dcm: {message}") as error:
            volumes.read(scan, mask=mask)
        assert "\n" not in str(error.value)

    full = np.ones(SHAPE[1:], dtype=np.uint8)
    refused("segments 1 and 2 overlap", [(1, 4.0, full), (2, 4.0, full)])
    refused("its frames lie between the slices", [(1, 6.0, full)])
    refused("its frames lie between the slices", [(1, 5.0, full)])
    refused("its FrameOfReferenceUID is not that of its image", [(1, 4.0, full)], FrameOfReferenceUID="1.2.3.4")
    refused("marks voxels outside its image", [(1, 40.0, full)])
    refused("frame 1 is of no segment", [(3, 4.0, full)])
    refused("the mask is empty", [(1, 4.0, full * 0)])
    refused("can't be read, truncated", [(1, 4.0, full)], PixelData=b"\xff\xff")


@pytest.mark.parametrize("orientation", [None, "sagittal", "coronal"])
def test_a_frame_beside_a_slice_is_refused_however_the_image_is_turned(tmp_path, scan, orientation):
    full = np.ones(SHAPE[1:], dtype=np.uint8)
    for z, sound in ((4.1, True), (3.9, True), (4.7, False), (3.3, False)):
        mask = segmentation(tmp_path / "seg.dcm", [(1, z, full)], segments=SEGMENTS, shape=SHAPE[1:])
        if sound:
            assert volumes.read(scan, mask=mask, orientation=orientation).mask.sum() == full.size
            continue
        with pytest.raises(DataError, match=r"seg\.dcm: its frames lie between the slices of its image"):
            volumes.read(scan, mask=mask, orientation=orientation)


def test_a_segmentation_without_a_frame_of_reference_is_compared_by_place(tmp_path, scan, truth):
    mask = segmentation(
        tmp_path / "seg.dcm", frames(truth), segments=SEGMENTS, shape=SHAPE[1:], FrameOfReferenceUID=None
    )
    assert_array_equal(volumes.read(scan, mask=mask).mask, truth)


def test_a_segmentation_is_no_image(tmp_path, truth):
    mask = segmentation(tmp_path / "seg.dcm", frames(truth), segments=SEGMENTS, shape=SHAPE[1:])
    with pytest.raises(DataError, match=r"seg\.dcm: is a segmentation, not a scan: name it as the mask"):
        volumes.read(mask)
