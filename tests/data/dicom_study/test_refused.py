"""A folder that is no study of one patient is refused in one line, and damaged files are named."""

import shutil

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from data.base import DataError
from data.dicom_study import DicomStudy
from tests.data.dicom_study.studies import change, message, raw, read, recognised


def test_wrong_folders_are_refused(study, tmp_path):
    empty = tmp_path / "DOE"
    error = message(read(study, descriptions=str(tmp_path / "DOE.csv")))
    assert error == "descriptions: no such file"
    assert message(read(tmp_path / "4711")) == "study_1 (argument 1): no such folder"
    assert message(read(study, study, tmp_path / "4711")) == "study_3 (argument 3): no such folder"
    empty.mkdir()
    assert message(read(empty)).startswith("study_1 (argument 1): holds no DICOM image (0 other files)")
    (empty / "1.dcm").write_text("<html>")
    (empty / "scan.zip").write_bytes(b"PK")
    assert message(read(empty)).startswith("study_1 (argument 1): holds no DICOM image (2 other files)")
    assert message(read(empty / "scan.zip")).startswith("study_1 (argument 1): is a file: give the folder")
    assert "set `folders`" in message(DicomStudy())


def test_two_patients_are_refused(studies, study):
    shutil.copytree(studies[1], study / "other")
    error = message(read(study))
    assert error.startswith("study_1 (argument 1): holds files of 2 patients")
    assert studies[0].name not in error and studies[1].name not in error
    change(study, PatientID=None)
    assert message(read(study)).startswith("study_1 (argument 1): holds files of 2 patients")
    change(study, PatientID="1")
    assert message(read(study)).startswith("study_1 (argument 1): holds 2 examinations of one patient")


def test_files_without_an_id_belong_to_the_patient_of_their_examination(study):
    change(study / "sagittal_t1", PatientID=None)
    assert len(read(study).samples()) == 25


@pytest.mark.parametrize("modality", ["CT", "CR", "SEG"])
def test_a_foreign_modality_is_refused(study, modality):
    change(study / "sagittal_t1", Modality=modality)
    plugin = read(study)
    assert recognised(plugin)["sagittal_t1"] == ("", f"modality {modality}, not MRI")
    assert plugin.load("study_1", "sagittal_t1") is None and plugin.load("study_1", "sagittal_t2") is not None
    change(study, Modality=modality)
    assert f"holds no MRI but {modality} (" in message(read(study))


@pytest.mark.parametrize("packed", [True, False], ids=["rle", "native"])
@pytest.mark.parametrize("kept", [0, 100, 400, -600])
def test_a_truncated_file_is_named_and_the_rest_is_read(study, packed, kept):
    whole = read(study).load("study_1", "sagittal_t1")
    path = study / "sagittal_t1" / "3.dcm"
    if not packed:
        file = pydicom.dcmread(path)
        file.decompress()
        assert file.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        file.save_as(path)
    path.write_bytes(path.read_bytes()[:kept])
    image = read(study).load("study_1", "sagittal_t1")
    assert len(image.pixels) == len(whole.pixels) - 1
    (fault,) = image.faults
    files = sorted(path for path in study.rglob("*.dcm"))
    number = 1 + sorted(files, key=lambda file: (file.parent.name, int(file.stem))).index(path)
    called = "series_2/slice 3" if kept == -600 else f"file {number} of {len(files)}"
    assert fault.startswith(f"study_1/{called}: can't be read, truncated or not a")
    assert read(study).load("study_1", "sagittal_t2").faults == ()


def test_too_few_readable_slices_are_refused(study):
    for path in (study / "sagittal_t1").iterdir():
        if int(path.stem) > 2:
            path.write_bytes(path.read_bytes()[:-600])
    plugin = read(study)
    with pytest.raises(
        DataError, match=r"study_1: 2 slices of sagittal_t1 can be read, 3 are needed: .*/slice 3: can"
    ) as error:
        plugin.load("study_1", "sagittal_t1")
    assert "DOE" not in str(error.value)
    assert plugin.load("study_1", "sagittal_t2") is not None


def test_two_gigabytes_are_refused_before_they_are_read(study):
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in study.rglob("*.dcm")]
    size = sum(file.Rows * file.Columns * 2 for file in headers)
    assert len(read(study, max_bytes=size).samples()) == 25
    assert "set `max_bytes`" in message(read(study, max_bytes=size - 1))
    change(study / "sagittal_t1", Rows=40_000, Columns=40_000)  # 3.2 GB per slice
    count = len(list((study / "sagittal_t1").iterdir()))
    error = message(read(study))
    assert f"{len(headers)} slices of {count * 3.2:.3g} GB, more than 2 GB" in error


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (0x00180088, b"5,0 "),
        (0x00180088, b"inf "),
        (0x00200032, b"nan\\0\\0 "),
        (0x00200032, b"0\\inf\\0 "),
        (0x00200032, b"1e300\\0\\0 "),
        (0x00200037, b"nan\\0\\0\\0\\1\\0"),
        (0x00280030, b"nan\\nan "),
    ],
)
def test_a_tag_without_a_finite_number_is_a_fault_of_its_file(study, tag, value):
    whole = read(study).load("study_1", "sagittal_t1")
    paths = sorted((study / "sagittal_t1").iterdir())
    raw(study / "sagittal_t1" / "3.dcm", tag, value)
    plugin = read(study)
    image = plugin.load("study_1", "sagittal_t1")
    assert len(image.pixels) == len(whole.pixels) - 1
    (fault,) = image.faults
    assert fault.startswith("study_1/series_2/slice 3: tag ") and f"{tag >> 16:04x}|{tag & 0xFFFF:04x}" in fault
    plugin.pixel("study_1", "sagittal_t1", tuple(image.position([0, 5, 5])))
    for path in paths[2:]:
        raw(path, tag, value)
    plugin = read(study)
    with pytest.raises(DataError, match=r"study_1: . slices of sagittal_t1 can be read, 3 are needed: .*tag"):
        plugin.load("study_1", "sagittal_t1")
    assert plugin.load("study_1", "sagittal_t2") is not None
