"""A classic series that holds several images of a place is parted before it is stacked."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from data.base import DataError
from data.dicom_study import DicomStudy
from data.reading import volumes
from data.reading.dicom import series
from data.rsna import Rsna
from data.rsna_challenge.places import PLACES as PLACES_OF_RSNA
from tests.data.reading.dicoms import SAGITTAL, slice_at

PLACES = 5
MIXED = np.random.default_rng(3).permutation(2 * PLACES)


def value(kind, place):
    """The only value of an image, but for one pixel, which keeps it from being empty."""
    pixels = np.full((8, 8), 1000 * (kind + 1) + 10 * place, dtype=np.uint16)
    pixels[0, 0] = 0
    return pixels


def interleaved(folder, kinds, **attributes):
    """Two images of each place, with names that say nothing about their order; `kinds` are the tags of each."""
    for place in range(PLACES):
        for number, tags in enumerate(kinds):
            name = MIXED[2 * place + number]
            more = {"InstanceNumber": 2 * place + number + 1} | attributes | tags
            slice_at(folder / f"{name}.dcm", value(number, place), 4.0 * place, **more)
    return folder


def assert_is(image, kind):
    assert_array_equal(np.median(image.pixels, axis=(1, 2)), [1000 * (kind + 1) + 10 * k for k in range(PLACES)])
    assert image.planes is None


TWO = {
    "echo": [{"EchoTime": 12}, {"EchoTime": 100}],
    "near echoes": [{"EchoTime": 4.6}, {"EchoTime": 5.1}],
    "phase": [{"ImageType": ["ORIGINAL", "PRIMARY", kind]} for kind in ("M", "P")],
    "dixon": [{"ImageType": ["DERIVED", "PRIMARY", "DIXON", kind]} for kind in ("WATER", "FAT")],
    "acquisition": [{"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}],
    "b-value": [{"DiffusionBValue": 0.0}, {"DiffusionBValue": 800.0}],
    "time": [{"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}],
    "trigger": [{"TriggerTime": 0}, {"TriggerTime": 40}],
    "kernel": [{"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}],
    "image type": [{"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", kind]} for kind in ("ND", "NORM")],
}


@pytest.mark.parametrize("kind", TWO)
def test_each_part_is_one_image_and_the_other_is_named(tmp_path, kind):
    folder = interleaved(tmp_path / "s", TWO[kind])
    image = series.read([folder], "axial")
    assert_is(image, 0)
    (fault,) = image.faults
    assert fault.startswith(f"{folder}: {PLACES} slices of another image of their places (")
    for number in (0, 1):
        assert_is(volumes.read(f"{folder}#{number + 1}"), number)
    if kind == "phase":
        assert_is(volumes.read(folder), 0)
    else:
        with pytest.raises(DataError, match=r"s: holds 2 images: #1 .*name one, as in s#1"):
            volumes.read(folder)


@pytest.mark.parametrize(("weight", "kind"), [("t1", 0), ("t2", 1)])
def test_the_echo_that_fits_the_weight_is_used(tmp_path, weight, kind):
    assert_is(series.read([interleaved(tmp_path / "s", TWO["echo"])], "axial", weight), kind)


def test_siemens_b_values_are_read_from_their_private_tag(tmp_path):
    import pydicom

    folder = interleaved(tmp_path / "s", [{}, {}])
    for path in folder.iterdir():
        file = pydicom.dcmread(path)
        block = file.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0C, "IS", 800 * ((file.InstanceNumber - 1) % 2))
        file.save_as(path)
    assert_is(volumes.read(f"{folder}#2"), 1)
    with pytest.raises(DataError, match=r"#1 axial b-value 0 s/mm².*#2 axial b-value 800"):
        volumes.read(folder)


def test_what_differs_from_place_to_place_parts_nothing(tmp_path):
    """Acquisition numbers count blocks or slices on many scanners; echo times differ a little between blocks."""
    for place in range(PLACES):
        tags = {"AcquisitionNumber": place + 1, "EchoTime": 100 + place, "InstanceNumber": PLACES - place}
        slice_at(tmp_path / f"{place}.dcm", value(0, place), 4.0 * place, TriggerTime=37 * place, **tags)
    image = series.read([tmp_path], "axial", "t2")
    assert_is(image, 0)
    assert image.faults == ()
    slice_at(tmp_path / "9.dcm", value(1, 2), 8.0, AcquisitionNumber=9, InstanceNumber=9, EchoTime=103)
    again = series.read([tmp_path], "axial", "t2")
    assert_is(again, 0)
    assert again.faults == (f"{tmp_path / '9.dcm'}: has the same place as {tmp_path / '2.dcm'}, which is kept",)


def sagittal(folder, kinds, **attributes):
    for place in range(PLACES):
        for number, tags in enumerate(kinds):
            position = [4.0 * place, -20.0, 30.0]
            more = {"InstanceNumber": 2 * place + number + 1, "SeriesDescription": "SAG T2"} | attributes | tags
            path = folder / f"{MIXED[2 * place + number]}.dcm"
            slice_at(path, value(number, place), 0, directions=SAGITTAL, position=position, **more)


def test_a_study_takes_the_part_that_fits_and_lists_the_other(tmp_path):
    kinds = [{"EchoTime": 12, "RepetitionTime": 3000}, {"EchoTime": 100, "RepetitionTime": 3000}]
    sagittal(tmp_path / "study" / "1", kinds)
    plugin = DicomStudy(folders=str(tmp_path / "study"), sequences=("sagittal_t2",))
    assert_is(plugin.load("study_1", "sagittal_t2"), 1)
    rows = plugin.recognised()
    assert rows["sequence"].tolist() == ["", "sagittal_t2"]
    why = "TE 12 ms: another image of the places of series_2 (TE 100 ms), which is used"
    assert rows["how"].tolist() == [why, "description: T2"]
    assert plugin.excluded()["reason"].tolist() == [f"series not used: {why}"]
    asked = DicomStudy(folders=str(tmp_path / "study"), series={"series_1": "sagittal_t2"}, sequences=("sagittal_t2",))
    assert_is(asked.load("study_1", "sagittal_t2"), 0)


def test_a_study_never_takes_phase_images(tmp_path):
    sagittal(tmp_path / "study" / "1", [{"ImageType": ["ORIGINAL", "PRIMARY", kind]} for kind in ("P", "M")])
    plugin = DicomStudy(folders=str(tmp_path / "study"), sequences=("sagittal_t2",))
    assert_is(plugin.load("study_1", "sagittal_t2"), 1)
    assert plugin.recognised()["how"].tolist() == ["image type phase", "description: T2"]


def test_a_study_of_multi_frame_files_is_read(tmp_path):
    """Every frame has a place of its own, and a point is found on its frame."""
    from tests.data.reading.dicoms import enhanced

    groups = [{"PlanePositionSequence": {"ImagePositionPatient": [4.0 * k, -20.0, 30.0]}} for k in range(PLACES)]
    shared = {
        "PlaneOrientationSequence": {"ImageOrientationPatient": list(SAGITTAL)},
        "PixelMeasuresSequence": {"PixelSpacing": [0.8, 0.8], "SliceThickness": 4.0},
    }
    pixels = np.stack([value(0, k) for k in range(PLACES)])
    enhanced(tmp_path / "study" / "IM1", pixels, groups, shared=shared, SeriesDescription="SAG T2")
    plugin = DicomStudy(folders=str(tmp_path / "study"), sequences=("sagittal_t2",))
    assert_is(plugin.load("study_1", "sagittal_t2"), 0)
    assert plugin.recognised()["slices"].tolist() == [PLACES]
    found = plugin.pixel("study_1", "sagittal_t2", (8.0, -20 + 3 * 0.8, 30 - 5 * 0.8))
    assert (found.series, found.instance) == ("series_1", 3)
    assert (round(found.x, 6), round(found.y, 6), round(found.away, 6)) == (3, 5, 0)


def test_capitals_in_the_ending_of_a_file_lose_no_slice(tmp_path):
    for place in range(PLACES):
        end = "DCM" if place % 2 else "dcm"
        slice_at(tmp_path / f"{place + 1}.{end}", value(0, place), 4.0 * place)
    assert_is(series.read([tmp_path], "axial"), 0)


def test_rsna_takes_the_t2_echo(tmp_path):
    folder = tmp_path / "train_images" / "7" / "1"
    sagittal(folder, TWO["echo"])
    (tmp_path / "train.csv").write_text(f"study_id,{','.join(PLACES_OF_RSNA)}\n7{',Moderate' * 25}\n")
    (tmp_path / "train_label_coordinates.csv").write_text(
        "study_id,series_id,instance_number,condition,level,x,y\n7,1,1,Spinal Canal Stenosis,L1/L2,3,4\n"
    )
    (tmp_path / "train_series_descriptions.csv").write_text(
        "study_id,series_id,series_description\n7,1,Sagittal T2/STIR\n"
    )
    plugin = Rsna(folder=str(tmp_path), sequences=("sagittal_t2",))
    (folder / "1.dcm").rename(folder / "1.DCM")
    image = plugin.load("7", "sagittal_t2")
    assert_is(image, 1)
    (fault,) = image.faults
    assert fault.startswith(f"{folder}: 5 slices of another image of their places (TE 12 ms); TE 100 ms is used")
    assert plugin.points("7")["fault"].tolist() == [""]
