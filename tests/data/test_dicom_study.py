"""A new study's files become images whatever their names; what can't be used is refused in one line without names."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from data.base import DataError
from data.dicom_study import DicomStudy
from data.rsna import Rsna
from data.rsna_challenge.places import PLACES

SEQUENCES = ("sagittal_t1", "sagittal_t2", "axial_t2")


@pytest.fixture(scope="session")
def studies(rsna_phantom):
    return sorted((rsna_phantom / "train_images").iterdir())


@pytest.fixture
def study(studies, tmp_path):
    """A copy under a folder named after the patient; its series are called by their sequence."""
    folder = tmp_path / "DOE^JANE 4711"
    for header in sorted(studies[0].iterdir()):
        file = pydicom.dcmread(header / "1.dcm", stop_before_pixels=True)
        plane = "axial" if abs(np.cross(*np.reshape(file.ImageOrientationPatient, (2, 3)))[2]) > 0.7 else "sagittal"
        shutil.copytree(header, folder / f"{plane}_{file.SeriesDescription.lower()}")
    assert sorted(path.name for path in folder.iterdir()) == sorted(SEQUENCES)
    return folder


def change(folder, **tags):
    """Sets tags of all files below a folder; None deletes one."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            file = pydicom.dcmread(path)
            for name, value in tags.items():
                if value is not None:
                    setattr(file, name, value)
                elif name in file:
                    delattr(file, name)
            file.save_as(path)


def read(*folders, **fields):
    return DicomStudy(folders=tuple(map(str, folders)), **fields)


def message(plugin):
    with pytest.raises(DataError) as caught:
        plugin.samples()
    text = str(caught.value)
    assert "\n" not in text and "DOE" not in text and "4711" not in text
    return text


def told(plugin):
    """By the series' folder, which only a plug-in that keeps names shows."""
    rows = replace(plugin, keep_names=True).recognised().itertuples()
    return {row.series: (row.sequence, row.how) for row in rows}


def assert_same(image, expected):
    assert_array_equal(image.pixels, expected.pixels)
    assert_allclose(image.affine, expected.affine)
    assert (image.planes is None) == (expected.planes is None)


def test_reads_what_rsna_reads(rsna_phantom, studies):
    rsna, plugin = Rsna(folder=str(rsna_phantom)), read(*studies)
    for number, folder in enumerate(studies, start=1):
        for sequence in SEQUENCES:
            assert_same(plugin.load(f"study_{number}", sequence), rsna.load(folder.name, sequence))
    assert [t.name for t in plugin.targets()] == [t.name for t in rsna.targets()]
    assert plugin.locations == rsna.locations


def test_samples_are_the_25_places_without_labels(studies):
    samples = read(*studies[:2]).samples()
    assert list(samples.index) == [f"study_{n}_{column}" for n in (1, 2) for column in PLACES]
    assert len(samples) == 50 and samples["severity"].isna().all()
    row = samples.loc["study_2_left_subarticular_stenosis_l5_s1"]
    assert row[["patient", "study", "condition", "side", "level"]].tolist() == [
        "study_2",
        "study_2",
        "subarticular_stenosis",
        "left",
        "L5/S1",
    ]


def test_a_position_is_found_in_the_file_and_pixel_where_it_was_marked(rsna_phantom, studies):
    """The tables of the phantom give instance, x and y of every mark; `Rsna.points` the same in mm."""
    points = Rsna(folder=str(rsna_phantom)).points(studies[1].name)
    marks = pd.read_csv(rsna_phantom / "train_label_coordinates.csv")
    place = (marks["condition"] + "_" + marks["level"]).str.lower().str.replace("[ /]", "_", regex=True)
    marks = marks.set_index(marks["study_id"].astype(str) + "_" + place)
    plugin, kept, series = read(studies[1]), read(studies[1], keep_names=True), {}
    assert len(points) == 25
    for sample, point in points.iterrows():
        found = plugin.pixel("study_1", point["sequence"], tuple(point[["x", "y", "z"]]))
        mark = marks.loc[sample]
        assert (found.instance, found.file) == (mark["instance_number"], "")
        named = kept.pixel(studies[1].name, point["sequence"], tuple(point[["x", "y", "z"]]))
        assert (named.file, named.series) == (f"{mark['instance_number']}.dcm", str(mark["series_id"]))
        assert series.setdefault(found.series, named.series) == named.series
        assert_allclose([found.x, found.y, found.away], [mark["x"], mark["y"], 0], atol=1e-6)


def test_names_and_folders_of_files_do_not_matter(study, tmp_path):
    rng = np.random.default_rng(0)
    flat = tmp_path / "flat"
    flat.mkdir()
    paths = sorted(path for path in study.rglob("*") if path.is_file())
    for number, i in enumerate(rng.permutation(len(paths))):
        shutil.copy(paths[i], flat / f"IM{number:05d}")
    (flat / "notes.txt").write_text("of the patient")
    before, after = read(study), read(flat)
    for sequence in SEQUENCES:
        assert_same(after.load("study_1", sequence), before.load("study_1", sequence))
        assert after.load("study_1", sequence).faults == ()
    assert list(told(after)) == [".#1", ".#2", ".#3"]
    assert after.recognised()["series"].tolist() == ["series_1", "series_2", "series_3"]
    assert after.excluded()["file"].tolist() == [f"study_1/file {len(paths) + 1} of {len(paths) + 1}"]


@pytest.mark.parametrize(
    ("sagittal", "sequence", "how"),
    [
        ({"SeriesDescription": "sT1W_TSE_SAG"}, "sagittal_t1", "description: T1"),
        ({"SeriesDescription": "Sag T2 FS"}, "sagittal_t2", "description: T2"),
        ({"SeriesDescription": "SAG STIR T1-T12"}, "sagittal_t2", "description: STIR"),
        ({"SeriesDescription": "", "ProtocolName": "t2_space_sag"}, "sagittal_t2", "protocol: T2"),
        ({"EchoTime": 12, "RepetitionTime": 600}, "sagittal_t1", "TE 12 ms, TR 600 ms"),
        ({"EchoTime": 105, "RepetitionTime": 3500}, "sagittal_t2", "TE 105 ms, TR 3500 ms"),
        ({"EchoTime": 40, "RepetitionTime": 4000, "InversionTime": 150}, "sagittal_t2", "TI 150 ms"),
        ({"EchoTime": 10, "RepetitionTime": 2100, "InversionTime": 900}, "sagittal_t1", "TI 900 ms"),
        ({"EchoTime": 14, "RepetitionTime": 600, "ScanningSequence": "GR"}, "", "gradient echo"),
        ({"EchoTime": 14, "RepetitionTime": 3000}, "", "neither T1 nor T2"),
        ({"SeriesDescription": "PD", "EchoTime": 40, "RepetitionTime": 3000}, "", "neither T1 nor T2"),
        ({"SeriesDescription": "T2 LOCALIZER"}, "", "description: localizer"),
        ({"SeriesDescription": "T2", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "", "image type LOCALIZER"),
        ({"SeriesDescription": "DWI", "EchoTime": 90, "RepetitionTime": 4000}, "", "description: diffusion"),
        ({}, "", "neither a description nor echo and repetition times"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_sequence_is_told_from_the_header_and_how_is_said(study, sagittal, sequence, how):
    shutil.rmtree(study / "sagittal_t2")
    change(study / "sagittal_t1", **({"SeriesDescription": None} | sagittal))
    plugin = read(study)
    found, said = told(plugin)["sagittal_t1"]
    assert found == sequence and how in said
    for name in ("sagittal_t1", "sagittal_t2"):
        assert (plugin.load("study_1", name) is None) == (name != sequence)


def test_axial_t1_is_not_read(study):
    change(study / "axial_t2", SeriesDescription="AX T1")
    plugin = read(study)
    assert told(plugin)["axial_t2"] == ("", "axial T1, which is not read (description: T1)")
    assert plugin.load("study_1", "axial_t2") is None
    excluded = plugin.excluded()
    assert excluded["file"].tolist() == ["study_1/series_1"]
    assert replace(plugin, keep_names=True).excluded()["file"].tolist() == [f"{study.name}/axial_t2"]


def copy_of(series, name, uid, **tags):
    folder = shutil.copytree(series, series.parent / name)
    change(folder, SeriesInstanceUID=uid, **tags)


def test_of_sagittal_series_the_plain_one_is_used(study):
    copy_of(study / "sagittal_t2", "A", "1.9", SeriesDescription="STIR")
    copy_of(study / "sagittal_t1", "B", "1.8", SeriesDescription="T1", ContrastBolusAgent="Gd")
    plugin = read(study)
    assert plugin.load("study_1", "sagittal_t2").faults == ()
    assert told(plugin)["A"] == ("", "sagittal_t2, of which sagittal_t2 is used (description: STIR)")
    assert told(plugin)["B"][0] == ""
    shutil.rmtree(study / "sagittal_t2")
    assert told(read(study))["A"][0] == "sagittal_t2"


def test_axial_series_are_joined_by_position(study):
    whole = read(study).load("study_1", "axial_t2")
    paths = sorted((study / "axial_t2").iterdir(), key=lambda path: int(path.stem))
    (study / "other").mkdir()
    for path in paths[::2]:
        path.rename(study / "other" / path.name)
    change(study / "other", SeriesInstanceUID="1.7")
    assert_same(read(study).load("study_1", "axial_t2"), whole)


def test_the_user_names_series_by_folder(study):
    t1, t2 = (read(study).load("study_1", name) for name in ("sagittal_t1", "sagittal_t2"))
    change(study, SeriesDescription=None)
    said = message(read(study))
    assert "no series is one of sagittal_t1, sagittal_t2, axial_t2" in said and "name it in `series`" in said
    plugin = read(study, series={"sagittal_t1": "sagittal_t2", "sagittal_t2": "sagittal_t1"})
    assert_same(plugin.load("study_1", "sagittal_t2"), t1)
    assert_same(plugin.load("study_1", "sagittal_t1"), t2)
    assert told(plugin)["sagittal_t1"] == ("sagittal_t2", "named in `series`")
    said = message(read(study, series={"sagittal_t1": "sagittal_t1", "Jane": "sagittal_t1"}))
    assert "no series of entry 2 of `series`: there is series_1, series_2, series_3" in said and "Jane" not in said
    by_number = read(study, series={"series_2": "sagittal_t2"})
    assert told(plugin)["sagittal_t1"][0] and by_number.load("study_1", "sagittal_t2") is not None
    assert "has no sequence 't1'" in message(read(study, series={"sagittal_t1": "t1"}))


def test_a_table_of_descriptions_names_series(rsna_phantom, studies, tmp_path):
    copy = shutil.copytree(studies[0], tmp_path / studies[0].name)
    change(copy, SeriesDescription=None)
    plugin = read(copy, descriptions=str(rsna_phantom / "train_series_descriptions.csv"))
    rsna = Rsna(folder=str(rsna_phantom))
    for sequence in SEQUENCES:
        assert_same(plugin.load("study_1", sequence), rsna.load(copy.name, sequence))
    assert set(plugin.recognised()["how"]) == {"listed in the table of descriptions"}


def test_wrong_folders_are_refused(study, tmp_path):
    empty = tmp_path / "DOE"
    said = message(read(study, descriptions=str(tmp_path / "DOE.csv")))
    assert said == "descriptions: no such file"
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
    said = message(read(study))
    assert said.startswith("study_1 (argument 1): holds files of 2 patients")
    assert studies[0].name not in said and studies[1].name not in said
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
    assert told(plugin)["sagittal_t1"] == ("", f"modality {modality}, not MRI")
    assert plugin.load("study_1", "sagittal_t1") is None and plugin.load("study_1", "sagittal_t2") is not None
    change(study, Modality=modality)
    assert f"holds no MRI but {modality} (" in message(read(study))


def test_one_slice_is_no_sequence(study):
    for path in (study / "sagittal_t1").iterdir():
        if path.name not in ("1.dcm", "2.dcm"):
            path.unlink()
    plugin = read(study)
    assert told(plugin)["sagittal_t1"] == ("", "sagittal_t1 of 2 slices, fewer than 3 (description: T1)")
    assert plugin.load("study_1", "sagittal_t1") is None
    for path in study.rglob("*.dcm"):
        if path.name != "2.dcm":
            path.unlink()
    said = message(read(study))
    assert "sagittal_t1 of 1 slice, fewer than 3" in said and "`series`" not in said


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
    ) as said:
        plugin.load("study_1", "sagittal_t1")
    assert "DOE" not in str(said.value)
    assert plugin.load("study_1", "sagittal_t2") is not None


def test_two_gigabytes_are_refused_before_they_are_read(study):
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in study.rglob("*.dcm")]
    size = sum(file.Rows * file.Columns * 2 for file in headers)
    assert len(read(study, max_bytes=size).samples()) == 25
    assert "set `max_bytes`" in message(read(study, max_bytes=size - 1))
    change(study / "sagittal_t1", Rows=40_000, Columns=40_000)  # 3.2 GB a slice
    count = len(list((study / "sagittal_t1").iterdir()))
    said = message(read(study))
    assert f"{len(headers)} slices of {count * 3.2:.3g} GB, more than 2 GB" in said


def tilt(folder, degrees, instances):
    """Turns axial slices towards the coronal plane."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    for number in instances:
        file = pydicom.dcmread(folder / f"{number}.dcm")
        file.ImageOrientationPatient = [1, 0, 0, 0, f"{c:.9f}", f"{s:.9f}"]
        file.save_as(folder / f"{number}.dcm")


@pytest.mark.parametrize("described", [True, False], ids=["listed", "told"])
@pytest.mark.parametrize("blocks", ["one", "all", "own series"])
def test_blocks_tilted_by_more_than_45_degrees_are_axial(rsna_phantom, studies, tmp_path, blocks, described):
    tables = tmp_path / "rsna"
    images = tables / "train_images"
    images.mkdir(parents=True)
    for table in rsna_phantom.glob("train*.csv"):
        shutil.copy(table, tables)
    copy = shutil.copytree(studies[0], images / studies[0].name)
    listed = pd.read_csv(tables / "train_series_descriptions.csv", dtype=str)
    mine = listed[(listed["study_id"] == copy.name) & (listed["series_description"] == "Axial T2")]
    axial = copy / mine["series_id"].iloc[0]
    instances = sorted(int(path.stem) for path in axial.iterdir())
    numbers = instances if blocks == "all" else instances[:3]
    tilt(axial, 52, numbers)
    if blocks == "own series":
        other = images / copy.name / "77"
        other.mkdir()
        for number in numbers:
            (axial / f"{number}.dcm").rename(other / f"{number}.dcm")
        change(other, SeriesInstanceUID="1.77")
        listed.loc[len(listed)] = [copy.name, "77", "Axial T2"]
        listed.to_csv(tables / "train_series_descriptions.csv", index=False)
    plugin = read(copy, descriptions=str(tables / "train_series_descriptions.csv") if described else "")
    expected = Rsna(folder=str(tables)).load(copy.name, "axial_t2")
    assert len(expected.pixels) == len(instances)
    assert_same(plugin.load("study_1", "axial_t2"), expected)
    assert plugin.excluded().empty


def test_a_localizer_of_three_planes_is_split_and_a_coronal_series_stays_coronal(study):
    change(study, SeriesInstanceUID="1.5", SeriesDescription="T2")
    assert sorted(read(study).recognised()["orientation"]) == ["axial", "sagittal"]
    turned = study / "axial_t2"
    tilt(turned, 52, [path.stem for path in turned.iterdir()])
    change(turned, SeriesDescription="T2 cor obl", SeriesInstanceUID="1.6")
    assert "coronal T2, which is not read" in told(read(study))["axial_t2"][1]


def test_folders_files_and_descriptions_are_never_shown(study):
    """A header without the patient beside folders and files that name him; a name of two letters in the header."""
    secret = study / "MuellerHans_1961-03-04_study20230115"
    secret.mkdir()
    for folder in sorted(study.iterdir()):
        if folder != secret:
            folder.rename(secret / folder.name)
            for path in (secret / folder.name).iterdir():
                path.rename(path.with_name(f"Mueller_Hans_{path.name}"))
    change(study, PatientName="Li^Na", PatientID="ANON1", PatientBirthDate="19610304", ProtocolName="Zweistein")
    for name, weight in (("sagittal_t1", "T1"), ("sagittal_t2", "T2"), ("axial_t2", "T2")):
        change(secret / name, SeriesDescription=f"Li Na 04.03.1961 Dr Zweistein {weight}")
    shutil.copytree(secret / "sagittal_t1", secret / "Mueller_loc")
    change(
        secret / "Mueller_loc", SeriesInstanceUID="1.2.1961", SeriesDescription="Zweistein Locatelli", Modality="HANS"
    )
    broken = secret / "sagittal_t2"
    (broken / "Mueller_Hans_2.dcm").write_bytes(b"no")
    (broken / "Mueller_Hans_3.dcm").write_bytes((broken / "Mueller_Hans_3.dcm").read_bytes()[:-600])
    shutil.copy(broken / "Mueller_Hans_4.dcm", broken / "Hans_again.dcm")
    raw(broken / "Mueller_Hans_5.dcm", 0x00200032, b"Hans\\0\\0 ")
    plugin = read(study)
    image = plugin.load("study_1", "sagittal_t2")
    assert len(image.faults) == 4
    shown = [*image.faults, plugin.samples().to_csv(), plugin.recognised().to_csv(), plugin.excluded().to_csv()]
    shown += [str(plugin.pixel("study_1", "sagittal_t1", (0, 0, 0))), message(read(study, max_bytes=1))]
    shown.append(message(read(study, sequences=())))
    for path in (secret / "sagittal_t1").iterdir():
        file = pydicom.dcmread(path)
        file.decompress()
        file.PixelData = bytes(len(file.PixelData))
        file.save_as(path)
    with pytest.raises(DataError, match="is empty: all pixels") as dark:
        read(study).load("study_1", "sagittal_t1")
    shown.append(str(dark.value))
    change(secret / "axial_t2", PatientID="Hans")
    shown.append(message(read(study)))
    shutil.rmtree(broken)
    change(study, Modality="HANS", PatientID="1")
    shown.append(message(read(study)))
    for text in shown:
        for name in ("Mueller", "Hans", "1961", "Zweistein", "Locatelli", "Li Na", "2023", ".dcm", str(study), "1.2."):
            assert name.casefold() not in text.casefold(), text


def raw(path, tag, value):
    """Writes a value that pydicom would refuse."""
    file = pydicom.dcmread(path)
    implicit = file.file_meta.TransferSyntaxUID.is_implicit_VR
    file[tag] = RawDataElement(Tag(tag), "DS", len(value), value, 0, implicit, True)
    file.save_as(path)


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
def test_a_number_that_is_none_is_a_fault_of_its_file(study, tag, value):
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


def test_nothing_names_the_patient_unless_asked_for(study):
    folder = study / "sagittal_t1"
    change(study, PatientName="Doe^Jane", PatientID="4711")
    folder.rename(study / "DOE_4711_T1")
    (study / "DOE_4711_T1" / "2.dcm").write_bytes(b"no")
    (study / "Jane.txt").write_text("no")
    change(study / "sagittal_t2", SeriesDescription="T2 Jane Doe")
    plugin = read(study)
    image = plugin.load("study_1", "sagittal_t1")
    shown = [*image.faults, plugin.samples().to_csv(), plugin.recognised().to_csv(), plugin.excluded().to_csv()]
    shown.append(str(plugin.pixel("study_1", "sagittal_t1", tuple(image.position([2, 5, 5])))))
    assert len(image.faults) == 1 and ": can't be read" in image.faults[0]
    for text in shown:
        assert not any(name in text.casefold() for name in ("doe", "jane", "4711")), text
    asked = read(study, keep_names=True)
    assert set(asked.samples()["study"]) == {study.name}
    assert asked.load(study.name, "sagittal_t1").faults[0].startswith(str(study / "DOE_4711_T1" / "2.dcm"))


def test_the_digest_follows_bytes_and_sequence(study):
    def of_file(path):
        return str(path.stat().st_size)

    before = read(study).digest("study_1", of_file)
    assert read(study).digest("study_1", of_file) == before
    swapped = read(study, series={"sagittal_t1": "sagittal_t2", "sagittal_t2": "sagittal_t1"})
    assert swapped.digest("study_1", of_file) != before
    (study / "axial_t2" / "1.dcm").unlink()
    assert read(study).digest("study_1", of_file) != before


def test_the_folder_may_be_the_current_one(study, monkeypatch):
    monkeypatch.chdir(study)
    (study / "sagittal_t1" / "2.dcm").write_bytes(b"")
    (fault,) = read(".").load("study_1", "sagittal_t1").faults
    number = 2 + len(list((study / "axial_t2").iterdir()))
    assert fault.startswith(f"study_1/file {number} of ") and fault.endswith(
        ": can't be read, truncated or not a DICOM file"
    )
