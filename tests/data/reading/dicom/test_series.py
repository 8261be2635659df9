"""DICOM series in RSNA's format become stacks in which every pixel lies where its tags place it."""

import re

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from data.base import DataError
from data.phantom.dicom import write_slice
from data.reading.dicom import series

SAGITTAL = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=float)  # rows: the directions of D, H and W
AXIAL = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=float)


def grey(position):
    """A picture that is linear in patient space, so that a pixel's value shows whether it is in its place."""
    return position @ [6.0, -9.0, 11.0] + 2000


def stack(axes, count, *, centre=(0, 0, 0), apart=4.0, pixel=(0.8, 0.6), shape=(24, 20), turn=0.0):
    """Planes about a centre, turned about the left-right axis; `axes` holds the directions of slice, H and W."""
    d, h, w = Rotation.from_euler("x", turn, degrees=True).apply(axes)
    planes = np.tile(np.eye(4), (count, 1, 1))
    for i, plane in enumerate(planes):
        plane[:3, :3] = np.column_stack([d, h * pixel[0], w * pixel[1]])
        middle = np.asarray(centre) + (i - (count - 1) / 2) * apart * d
        plane[:3, 3] = middle - plane[:3, 1:3] @ ((np.array(shape) - 1) / 2)
    return [(plane, shape) for plane in planes]


def write(folder, slices, *, first=1):
    """Writes slices as files numbered in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (plane, shape) in enumerate(slices, start=first):
        h, w = np.indices(shape)
        pixels = grey(np.stack([h, w], axis=-1) @ plane[:3, 1:3].T + plane[:3, 3])
        write_slice(
            folder / f"{number}.dcm",
            np.rint(pixels).astype(np.uint16),
            plane,
            study=7,
            series=1,
            instance=number,
            description="T2",
        )
    return folder


def assert_pixels_are_in_place(image, *, edge=0):
    """Every pixel holds what the picture has at its position, to the rounding of a whole number."""
    index = np.argwhere(np.ones(image.pixels.shape, dtype=bool))
    h, w = image.pixels.shape[1:]
    inner = (np.minimum(index[:, 1:], [h - 1, w - 1] - index[:, 1:]) >= edge).all(axis=1)
    index = index[inner]
    assert_allclose(image.pixels[tuple(index.T)], grey(image.position(index)), atol=0.51)


def test_simpleitk_alone_would_get_the_place_wrong(tmp_path):
    folder = write(tmp_path / "1", stack(SAGITTAL, 1))
    scan = sitk.ReadImage(str(folder / "1.dcm"))
    assert scan.GetSpacing() == (1, 1, 1) and scan.GetOrigin() == (0, 0, 0)
    assert_pixels_are_in_place(series.read([folder], "sagittal"))


@pytest.mark.parametrize(("axes", "plane"), [(SAGITTAL, "sagittal"), (AXIAL, "axial")])
@pytest.mark.parametrize("turn", [0, 12])
def test_a_regular_series_has_a_grid(tmp_path, axes, plane, turn):
    image = series.read([write(tmp_path / "1", stack(axes, 5, turn=turn))], plane)
    assert image.pixels.shape == (5, 24, 20) and image.pixels.dtype == np.float32 and image.pixels.flags.c_contiguous
    assert image.planes is None and image.faults == ()
    assert_allclose(image.spacing, [4, 0.8, 0.6])
    assert_allclose(image.directions, Rotation.from_euler("x", turn, degrees=True).apply(axes), atol=1e-9)
    assert_allclose(image.position([2, 11.5, 9.5]), 0, atol=1e-9)
    assert_pixels_are_in_place(image)


def test_slices_are_sorted_by_position_and_turned(tmp_path):
    """Slices in reverse order, upside down, with rows as columns and back before front give the same image."""
    expected = series.read([write(tmp_path / "1", stack(SAGITTAL, 5))], "sagittal")
    d, h, w = SAGITTAL
    turned = stack(np.array([-d, -w, -h]), 5, pixel=(0.6, 0.8), shape=(20, 24))
    image = series.read([write(tmp_path / "2", turned, first=8)], "sagittal")
    assert_array_equal(image.pixels, expected.pixels)
    assert_allclose(image.affine, expected.affine, atol=1e-9)


def test_angled_stacks_of_several_series_are_joined(tmp_path):
    lower = stack(AXIAL, 3, centre=(0, 5, -40), turn=25)
    upper = stack(AXIAL, 3, centre=(0, 0, 0), turn=-5)
    middle = stack(AXIAL, 3, centre=(0, -3, -20), turn=10)
    folders = [write(tmp_path / "1", [*lower, *upper]), write(tmp_path / "2", middle)]
    image = series.read(folders, "axial")
    assert_allclose(image.planes[:, 2, 3], [plane[2, 3] for plane, _ in (*lower, *middle, *upper)], atol=1e-9)
    assert_allclose(np.linalg.norm(image.planes[:, :3, 0], axis=1), 4)
    assert_pixels_are_in_place(image)
    assert image.faults == ()
    index = np.array([[d, 3.25, 7.5] for d in range(9)])
    assert_allclose(image.index(image.position(index)), index, atol=1e-9)


def test_a_position_belongs_to_the_nearest_plane_that_holds_it(tmp_path):
    """The middle plane of the lower stack passes through the upper one, 46 mm from its own pixels."""
    upper, lower = stack(AXIAL, 3), stack(AXIAL, 3, centre=(0, -40 / np.sqrt(3), -40), turn=60)
    image = series.read([write(tmp_path / "1", [*upper, *lower])], "axial")
    held, lost = np.array([0, 0, 1.4]), np.array([300, 0, -20.0])
    assert_allclose(np.abs(image.on_planes(held)[0][[1, 4]]), [0.7, 1.4])
    assert_array_equal(image.index([held, lost])[:, 0], [4, np.abs(image.on_planes(lost)[0]).argmin()])


def test_a_gap_is_no_regular_grid(tmp_path):
    slices = stack(SAGITTAL, 7)
    image = series.read([write(tmp_path / "1", slices[:3] + slices[4:])], "sagittal")
    assert image.planes is not None
    assert_pixels_are_in_place(image)
    assert_allclose(image.spacing[0], 24 / 5)


def test_a_drift_in_the_plane_is_no_regular_grid(tmp_path):
    slices = stack(SAGITTAL, 4)
    slices[1][0][:3, 3] += [0, 0.5, 0]
    image = series.read([write(tmp_path / "1", slices)], "sagittal")
    assert image.planes is not None
    assert_pixels_are_in_place(image)


def test_a_few_percent_of_unevenness_are_a_regular_grid(tmp_path):
    slices = stack(SAGITTAL, 4)
    slices[1][0][:3, 3] += [0.1, 0, 0]
    assert series.read([write(tmp_path / "1", slices)], "sagittal").planes is None


def test_other_pixels_are_resampled_to_the_commonest(tmp_path):
    common, other = stack(AXIAL, 3), stack(AXIAL, 2, centre=(0, 0, 20), pixel=(0.5, 0.5), shape=(50, 44))
    image = series.read([write(tmp_path / "1", [*common, *other])], "axial")
    assert image.pixels.shape == (5, 24, 20)
    assert_allclose(image.spacing[1:], [0.8, 0.6])
    assert_pixels_are_in_place(image)


def test_slices_in_another_plane_are_left_out_and_named(tmp_path):
    folder = write(tmp_path / "1", [*stack(AXIAL, 3), *stack(SAGITTAL, 1)])
    image = series.read([folder], "axial")
    assert image.planes is None and len(image.pixels) == 3
    assert image.faults == (f"{folder / '4.dcm'}: its normal [-1.0, 0.0, 0.0] is not axial",)


def test_a_slice_at_the_place_of_another_is_left_out_and_named(tmp_path):
    first, second = write(tmp_path / "1", stack(AXIAL, 3)), write(tmp_path / "2", stack(AXIAL, 3)[1:2])
    image = series.read([first, second], "axial")
    assert len(image.pixels) == 3
    assert image.faults == (
        f"{second}: has a single slice",
        f"{second / '1.dcm'}: has the same place as {first / '2.dcm'}, which is kept",
    )


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def empty(path):
    path.write_bytes(b"")


def words(path):
    path.write_text("<html>not found</html>")


def without(name):
    def remove(path):
        file = pydicom.dcmread(path)
        del file[name]
        file.save_as(path)

    return remove


def two_frames(path):
    file = pydicom.dcmread(path)
    file.decompress()
    file.NumberOfFrames = 2
    file.PixelData = file.PixelData * 2
    file.save_as(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        *[(f, "can't be read, truncated or not a DICOM file") for f in (truncate, empty, words)],
        (
            without("ImagePositionPatient"),
            r"tag 0020\|0032 ImagePositionPatient is absent, so it has no place in the patient",
        ),
        (without("PixelSpacing"), r"tag 0028\|0030 PixelSpacing has 0 numbers"),
        (two_frames, "holds several frames without a place for each"),
    ],
    ids=["truncated", "empty", "words", "no_position", "no_spacing", "two_frames"],
)
def test_a_broken_file_is_named_and_the_rest_is_read(tmp_path, damage, message):
    folder = write(tmp_path / "1", stack(SAGITTAL, 4))
    damage(folder / "4.dcm")
    image = series.read([folder], "sagittal")
    assert len(image.pixels) == 3
    (fault,) = image.faults
    file, _, why = fault.partition(": ")
    assert file == str(folder / "4.dcm")
    assert re.search(message, why)
    assert "\n" not in fault and "0x" not in fault


def test_absent_and_empty_folders_are_named(tmp_path):
    folder, hollow = write(tmp_path / "1", stack(SAGITTAL, 3)), tmp_path / "2"
    hollow.mkdir()
    image = series.read([folder, hollow, tmp_path / "3"], "sagittal")
    assert image.faults == (f"{hollow}: holds no .dcm file", f"{tmp_path / '3'}: no such folder")


def test_a_series_of_one_slice_is_kept_and_named(tmp_path):
    folder = write(tmp_path / "1", stack(SAGITTAL, 1))
    image = series.read([folder], "sagittal")
    assert image.pixels.shape == (1, 24, 20) and image.planes is None
    assert image.faults == (f"{folder}: has a single slice",)
    assert_pixels_are_in_place(image)


def test_nothing_to_read_is_an_error(tmp_path):
    folder = write(tmp_path / "1", stack(SAGITTAL, 2))
    for path in folder.iterdir():
        words(path)
    with pytest.raises(DataError, match=r"1\.dcm: can't be read.*\(and 1 more\): no slice can be read"):
        series.read([folder], "sagittal")
    with pytest.raises(DataError, match="4: no such folder: no slice can be read"):
        series.read([tmp_path / "4"], "sagittal")


def test_the_header_holds_the_values_of_the_tags(tmp_path):
    folder = write(tmp_path / "1", stack(AXIAL, 2, turn=20))
    header = series.read_place(folder / "2.dcm")
    tags = pydicom.dcmread(folder / "2.dcm")
    row, column = np.reshape(np.array(tags.ImageOrientationPatient, dtype=float), (2, 3))
    x, y = 7.25, 11.5
    expected = np.array(tags.ImagePositionPatient, dtype=float)
    expected += x * row * float(tags.PixelSpacing[1]) + y * column * float(tags.PixelSpacing[0])
    assert header.shape == (tags.Rows, tags.Columns) == (24, 20)
    assert_allclose(header.plane[:3] @ [0, y, x, 1], expected)
    with pytest.raises(DataError, match=r"9\.dcm: no such file"):
        series.read_place(folder / "9.dcm")
