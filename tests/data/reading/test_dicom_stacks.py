"""A folder of slices becomes one image only if all of its slices belong together; whatever does not is named."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.reading import series, volumes
from tests.data.reading.dicoms import AXIAL, at, enhanced, pet, slice_at

RNG = np.random.default_rng(12)
PIXELS = RNG.integers(1, 3000, (6, 6, 8)).astype(np.uint16)


def write(folder, count=5, **attributes):
    for k in range(count):
        slice_at(folder / f"{k}", PIXELS[k], 3.0 * k, InstanceNumber=k + 1, **attributes)
    return folder


def length_until(path, tag):
    """The bytes of a file before an element (explicit little endian)."""
    return path.read_bytes().index(tag)


@pytest.mark.parametrize("tag", [b"\x18\x00\x50\x00", b"\x20\x00\x32\x00", b"\x28\x00\x10\x00", b"\x28\x00\x11\x00"])
def test_a_slice_that_is_cut_before_its_size_is_named(tmp_path, tag):
    """The tags are SliceThickness, ImagePositionPatient, Rows and Columns."""
    path = write(tmp_path / "s") / "2"
    path.write_bytes(path.read_bytes()[: length_until(path, tag)])
    image = volumes.read(tmp_path / "s")
    assert len(image.pixels) == 4
    (fault,) = image.faults
    assert fault.startswith(f"{path}: ") and "copy it again" in fault


def test_slices_of_another_size_are_another_image(tmp_path):
    write(tmp_path / "s", 4)
    slice_at(tmp_path / "s" / "9", PIXELS[0, :4, :4], 12.0)
    slice_at(tmp_path / "s" / "91", PIXELS[1], 15.0, pixel=(0.8, 1.6))
    with pytest.raises(DataError, match=r"holds 3 images: .*6 x 8 pixels of 0.8 x 0.8 mm \(4 slices\); .*4 x 4 pixels"):
        volumes.read(tmp_path / "s")
    assert_array_equal(volumes.read(f"{tmp_path / 's'}#1").pixels, PIXELS[:4])
    assert_array_equal(volumes.read(f"{tmp_path / 's'}#3").pixels, PIXELS[1:2])


def test_a_dataset_that_resamples_slices_says_so(tmp_path):
    folder = write(tmp_path / "s", 4)
    slice_at(folder / "9", PIXELS[4], 12.0, pixel=(0.8, 1.6))
    for path in sorted(folder.iterdir()):
        path.rename(path.with_suffix(".dcm"))
    image = series.read([folder], "axial")
    assert image.faults == (f"{folder / '9.dcm'}: resampled to the size of most slices, 6 x 8 pixels of 0.8 x 0.8 mm",)


@pytest.mark.parametrize("orientation", [None, "axial"])
@pytest.mark.parametrize(
    ("directions", "first", "stored"),
    [
        ((-1, 0, 0, 0, 1, 0), (-10 + 0.8 * 5, -20.0), lambda pixels: pixels[:, ::-1]),
        ((1, 0, 0, 0, -1, 0), (-10, -20 + 0.8 * 5), lambda pixels: pixels[::-1]),
        ((0, 1, 0, 1, 0, 0), (-10, -20), lambda pixels: pixels.T),
    ],
)
def test_a_slice_that_is_stored_in_another_direction_lies_like_the_others(
    tmp_path, orientation, directions, first, stored
):
    pixels = PIXELS[:, :6, :6]
    for k in range(5):
        slice_at(tmp_path / "s" / f"{k}", pixels[k], 3.0 * k)
    turned = np.ascontiguousarray(stored(pixels[2]))
    slice_at(tmp_path / "s" / "2", turned, 0, position=(*first, 6.0), directions=directions)
    image = volumes.read(tmp_path / "s", orientation=orientation)
    assert_allclose(image.pixels, pixels[:5])
    assert image.planes is None


def test_slices_of_two_patients_are_refused(tmp_path):
    write(tmp_path / "s", 4)
    slice_at(tmp_path / "s" / "4", PIXELS[4], 12.0, PatientID="P2")
    with pytest.raises(DataError, match=r"s: holds files of 2 patients \(.*\): give each patient a folder"):
        volumes.read(tmp_path / "s")


def test_other_units_and_frames_of_reference_are_other_images(tmp_path):
    for k in range(6):
        pet(tmp_path / "units" / f"{k}", PIXELS[k], 3.0 * k, Units=("BQML", "CNTS")[k % 2])
        slice_at(tmp_path / "places" / f"{k}", PIXELS[k], 3.0 * k, FrameOfReferenceUID=f"1.2.3.{k % 2}")
        slice_at(tmp_path / "own" / f"{k}", PIXELS[k], 3.0 * k, FrameOfReferenceUID=f"1.2.3.{k}")
    for folder, words in (("units", "another unit"), ("places", "another frame of reference")):
        with pytest.raises(DataError, match=f"holds 2 images: #1 axial {words}"):
            volumes.read(tmp_path / folder)
    assert_array_equal(volumes.read(tmp_path / "places#2").pixels, PIXELS[1::2])
    assert_array_equal(volumes.read(tmp_path / "own").pixels, PIXELS)  # an identifier for each slice says nothing


def test_images_of_one_place_that_nothing_parts_are_refused(tmp_path):
    for k in range(4):
        slice_at(tmp_path / "two" / f"{k}", PIXELS[k], 3.0 * k)
        slice_at(tmp_path / "two" / f"{k}b", PIXELS[k] + 1, 3.0 * k)
        slice_at(tmp_path / "here" / f"{k}", PIXELS[k], 0.0, InstanceNumber=k + 1)
        slice_at(tmp_path / "same" / f"{k}", PIXELS[k], 3.0 * k)
        slice_at(tmp_path / "same" / f"{k}b", PIXELS[k], 3.0 * k)
        slice_at(tmp_path / "times" / f"{k}", PIXELS[k], 3.0 * k, ContentTime="101010")
        slice_at(tmp_path / "times" / f"{k}b", PIXELS[k] + 1, 3.0 * k, ContentTime="101020")
    frames = [at(3.0 * (k // 2)) for k in range(6)]
    enhanced(tmp_path / "frames.dcm", PIXELS, frames)
    for name, count in (("two", 4), ("here", 3), ("frames.dcm", 3)):
        with pytest.raises(
            DataError, match=rf"^{tmp_path / name}\S*( frame 2)?: shows something else than .*, as do {count - 1} more"
        ):
            volumes.read(tmp_path / name)
    image = volumes.read(tmp_path / "same")
    assert_array_equal(image.pixels, PIXELS[:4])
    assert len(image.faults) == 4 and all("which is kept" in fault for fault in image.faults)
    assert_array_equal(volumes.read(tmp_path / "times#2").pixels, PIXELS[:4] + 1)


def test_frames_without_a_place_are_refused_with_the_way_out(tmp_path):
    slice_at(tmp_path / "dose.dcm", PIXELS, 0.0, Modality="RTDOSE", NumberOfFrames=6, directions=AXIAL)
    with pytest.raises(DataError, match=r"several frames without a place for each: save it as NIfTI or \.mha"):
        volumes.read(tmp_path / "dose.dcm")
