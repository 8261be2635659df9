"""A folder of DICOM slices becomes one image only where its slices belong together; nothing is lost or resampled."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydicom.uid import BasicTextSRStorage, MRSpectroscopyStorage

from data.base import DataError
from data.reading import volumes
from data.reading.dicom import series
from tests.data.reading.dicoms import pet, slice_at, write

COUNT = 4
PIXELS = np.random.default_rng(8).integers(0, 1000, (COUNT, 6, 8)).astype(np.uint16)


def folder(path, *, odd=2, pixels=None, writer=slice_at, usual=None, **attributes):
    """A series in which one slice has other attributes or pixels."""
    for k in range(COUNT):
        more = (usual or {}) | {"InstanceNumber": k + 1} | (attributes if k == odd else {})
        writer(path / f"{k}.dcm", PIXELS[k] if k != odd or pixels is None else pixels, 3.0 * k, **more)
    return path


def test_a_slice_cut_anywhere_is_named(tmp_path):
    """A cut in front of Rows leaves a file that looks like a report."""
    path = folder(tmp_path / "s") / "2.dcm"
    content = path.read_bytes()
    for length in (*range(140, 400, 9), *range(400, len(content), 19)):
        path.write_bytes(content[:length])
        image = volumes.read(tmp_path / "s")
        assert_array_equal(image.pixels, PIXELS[[0, 1, 3]])
        (fault,) = image.faults
        assert fault.startswith(f"{path}: "), length


@pytest.mark.parametrize(
    ("storage", "modality"), [(BasicTextSRStorage, "SR"), (MRSpectroscopyStorage, "MR"), ("1.3.12.2.1107.5.9.1", "MR")]
)
def test_what_is_no_picture_is_passed_over(tmp_path, storage, modality):
    none = {"Rows": None, "Columns": None, "PixelData": None, "BitsAllocated": None}
    write(folder(tmp_path / "s") / "9", PIXELS[0], storage=storage, Modality=modality, **none)
    image = volumes.read(tmp_path / "s")
    assert_array_equal(image.pixels, PIXELS)
    assert image.faults == ()


OTHERS = {
    "rows": ({"pixels": np.arange(64, dtype=np.uint16).reshape(8, 8)}, "of 8 x 8 pixels of 0.8 x 0.8 mm"),
    "finer": (
        {"pixels": np.arange(192, dtype=np.uint16).reshape(12, 16), "pixel": (0.4, 0.4)},
        "of 12 x 16 pixels of 0.4 x 0.4 mm",
    ),
    "spacing": ({"pixel": (0.8, 1.2)}, "of 6 x 8 pixels of 0.8 x 1.2 mm"),
    "patient": ({"PatientID": "P2"}, "of patient 2"),
    "frame": ({"FrameOfReferenceUID": "1.2.3.99"}, "in frame of reference 2"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_slices_that_do_not_belong_together_are_parted(tmp_path, kind):
    attributes, words = OTHERS[kind]
    path = folder(tmp_path / "s", **attributes)
    with pytest.raises(
        DataError, match=rf"s: holds 2 images: #1 axial .*\(3 slices\); #2 axial {words} \(1 slice\): name"
    ):
        volumes.read(path)
    assert_array_equal(volumes.read(f"{path}#1").pixels, PIXELS[[0, 1, 3]])
    assert_array_equal(volumes.read(f"{path}#2").pixels[0], attributes.get("pixels", PIXELS[2]))


def test_pet_in_two_units_is_parted(tmp_path):
    path = folder(tmp_path / "s", writer=pet, Units="CNTS")
    with pytest.raises(DataError, match=r"#1 axial units BQML \(3 slices\); #2 axial units CNTS \(1 slice\)"):
        volumes.read(path)
    assert_array_equal(volumes.read(f"{path}#1").pixels, PIXELS[[0, 1, 3]] * 2.5)


def test_resampled_slices_of_a_dataset_are_noted(tmp_path):
    path = folder(tmp_path / "s", pixels=np.arange(192, dtype=np.uint16).reshape(12, 16), pixel=(0.4, 0.4))
    image = series.read([path], "axial")
    why = "1 of 4 slices, of 12 x 16 pixels of 0.4 x 0.4 mm, are resampled to 6 x 8 pixels of 0.8 x 0.8 mm"
    assert image.faults == (f"{path}: {why}",)


MIRRORED = {
    "rows": ((-1, 0, 0, 0, 1, 0), (7 * 0.8 - 10, -20), np.fliplr),
    "columns": ((1, 0, 0, 0, -1, 0), (-10, 5 * 0.8 - 20), np.flipud),
    "both": ((-1, 0, 0, 0, -1, 0), (7 * 0.8 - 10, 5 * 0.8 - 20), lambda pixels: pixels[::-1, ::-1]),
}


@pytest.mark.parametrize("odd", [0, 2])
@pytest.mark.parametrize("kind", MIRRORED)
@pytest.mark.parametrize("orientation", [None, "axial"])
def test_a_slice_that_is_stored_mirrored_lies_like_the_others(tmp_path, kind, odd, orientation):
    usual = volumes.read(folder(tmp_path / "usual", odd=None), orientation=orientation)
    directions, (x, y), mirror = MIRRORED[kind]
    place = {"directions": directions, "position": [x, y, 3.0 * odd]}
    image = volumes.read(folder(tmp_path / "s", odd=odd, pixels=mirror(PIXELS[odd]), **place), orientation=orientation)
    assert_array_equal(image.pixels, usual.pixels)
    assert_allclose(image.affine, usual.affine, atol=1e-9)
    assert image.planes is None and image.faults == ()


def test_a_slice_with_rows_along_columns_is_turned_or_refused(tmp_path):
    turned = {"directions": (0, 1, 0, 1, 0, 0)}
    with pytest.raises(DataError, match=r"2\.dcm: its rows run along the columns of .*0\.dcm: put each image"):
        volumes.read(folder(tmp_path / "s", **turned))
    for k in range(COUNT):
        square = np.pad(PIXELS[k], ((0, 2), (0, 0)))
        more = {"position": [-10, -20, 3.0 * k]} | (turned if k == 2 else {})
        slice_at(tmp_path / "q" / f"{k}.dcm", square.T if k == 2 else square, 3.0 * k, InstanceNumber=k, **more)
    assert_array_equal(volumes.read(tmp_path / "q").pixels, np.pad(PIXELS, ((0, 0), (0, 2), (0, 0))))


def test_other_pixels_at_one_place_are_refused(tmp_path):
    path = folder(tmp_path / "s")
    slice_at(path / "copy.dcm", PIXELS[1], 3.0, InstanceNumber=9)
    image = volumes.read(path)
    assert_array_equal(image.pixels, PIXELS)
    assert image.faults == (f"{path / 'copy.dcm'}: has the same place as {path / '1.dcm'}, which is kept",)
    slice_at(path / "copy.dcm", PIXELS[1] + 1, 3.0, InstanceNumber=9)
    why = r"copy\.dcm: has the same place as .*1\.dcm, but other pixels \(1 such slices of 5\).*put each image into"
    with pytest.raises(DataError, match=why):
        volumes.read(path)
    for k in range(COUNT):
        slice_at(tmp_path / "faulty" / f"{k}.dcm", PIXELS[k], 0.0, InstanceNumber=k)
    with pytest.raises(DataError, match=r"but other pixels \(3 such slices of 4\).*or mend ImagePositionPatient"):
        volumes.read(tmp_path / "faulty")


def test_a_folder_with_one_radiograph_is_read_as_the_file_is(tmp_path):
    path = write(tmp_path / "s" / "i000.dcm", PIXELS[0], Modality="DX", ImagerPixelSpacing=[0.1, 0.2])
    alone, inside = volumes.read(path), volumes.read(tmp_path / "s")
    assert_array_equal(inside.pixels, PIXELS[:1])
    assert_allclose(inside.affine, alone.affine)
    assert_allclose(inside.spacing, [1, 0.1, 0.2])


def test_images_of_two_modalities_are_told_apart_by_it(tmp_path):
    for k in range(COUNT):
        for modality, uid in (("CT", "1.2.7"), ("PT", "1.2.8")):
            path = tmp_path / "s" / f"{modality}{k}.dcm"
            slice_at(path, PIXELS[k], 3.0 * k, Modality=modality, SeriesInstanceUID=uid, SeriesNumber=1)
    with pytest.raises(DataError, match=r"holds 2 images: #1 CT series 1 axial .*#2 PT series 1 axial"):
        volumes.read(tmp_path / "s")


def test_times_of_writing_part_images_and_identifiers_that_say_nothing_do_not(tmp_path):
    for k in range(COUNT):
        slice_at(tmp_path / "own" / f"{k}.dcm", PIXELS[k], 3.0 * k, FrameOfReferenceUID=f"1.2.3.{k}")
        lost = None if k == 1 else "P1"
        slice_at(
            tmp_path / "lost" / f"{k}.dcm", PIXELS[k], 3.0 * k, FrameOfReferenceUID=lost and "1.2.3", PatientID=lost
        )
        for number, clock in enumerate(("101010", "101020")):
            path = tmp_path / "times" / f"{k}_{number}.dcm"
            slice_at(path, PIXELS[k] + number, 3.0 * k, ContentTime=clock)
    for name in ("own", "lost"):
        assert_array_equal(volumes.read(tmp_path / name).pixels, PIXELS)
    with pytest.raises(DataError, match="holds 2 images: #1 axial another content time"):
        volumes.read(tmp_path / "times")
    assert_array_equal(volumes.read(tmp_path / "times#2").pixels, PIXELS + 1)
