"""The sequence of a series is recognised from its header, from its folder's name, or from a table."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pydicom
import pytest

from data.rsna import Rsna
from tests.data.dicom_study.studies import SEQUENCES, assert_same, change, copy_of, message, read, recognised


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
def test_a_sequence_is_recognised_from_the_header(study, sagittal, sequence, how):
    shutil.rmtree(study / "sagittal_t2")
    change(study / "sagittal_t1", **({"SeriesDescription": None} | sagittal))
    plugin = read(study)
    found, reason = recognised(plugin)["sagittal_t1"]
    assert found == sequence and how in reason
    for name in ("sagittal_t1", "sagittal_t2"):
        assert (plugin.load("study_1", name) is None) == (name != sequence)


def test_axial_t1_is_not_read(study):
    change(study / "axial_t2", SeriesDescription="AX T1")
    plugin = read(study)
    assert recognised(plugin)["axial_t2"] == ("", "axial T1, which is not read (description: T1)")
    assert plugin.load("study_1", "axial_t2") is None
    excluded = plugin.excluded()
    assert excluded["file"].tolist() == ["study_1/series_1"]
    assert replace(plugin, keep_names=True).excluded()["file"].tolist() == [f"{study.name}/axial_t2"]


def test_of_sagittal_series_the_plain_one_is_used(study):
    copy_of(study / "sagittal_t2", "A", "1.9", SeriesDescription="STIR")
    copy_of(study / "sagittal_t1", "B", "1.8", SeriesDescription="T1", ContrastBolusAgent="Gd")
    plugin = read(study)
    assert plugin.load("study_1", "sagittal_t2").faults == ()
    assert recognised(plugin)["A"] == ("", "sagittal_t2, but sagittal_t2 is used for it (description: STIR)")
    assert recognised(plugin)["B"][0] == ""
    shutil.rmtree(study / "sagittal_t2")
    assert recognised(read(study))["A"][0] == "sagittal_t2"


def test_the_user_names_series_by_folder(study):
    t1, t2 = (read(study).load("study_1", name) for name in ("sagittal_t1", "sagittal_t2"))
    change(study, SeriesDescription=None)
    error = message(read(study))
    assert "no series is one of sagittal_t1, sagittal_t2, axial_t2" in error and "name it in `series`" in error
    plugin = read(study, series={"sagittal_t1": "sagittal_t2", "sagittal_t2": "sagittal_t1"})
    assert_same(plugin.load("study_1", "sagittal_t2"), t1)
    assert_same(plugin.load("study_1", "sagittal_t1"), t2)
    assert recognised(plugin)["sagittal_t1"] == ("sagittal_t2", "named in `series`")
    error = message(read(study, series={"sagittal_t1": "sagittal_t1", "Jane": "sagittal_t1"}))
    assert "no series of entry 2 of `series`: use one of series_1, series_2, series_3" in error and "Jane" not in error
    by_number = read(study, series={"series_2": "sagittal_t2"})
    assert recognised(plugin)["sagittal_t1"][0] and by_number.load("study_1", "sagittal_t2") is not None
    assert "has no sequence 't1'" in message(read(study, series={"sagittal_t1": "t1"}))


def test_a_table_of_descriptions_names_series(rsna_phantom, studies, tmp_path):
    copy = shutil.copytree(studies[0], tmp_path / studies[0].name)
    change(copy, SeriesDescription=None)
    plugin = read(copy, descriptions=str(rsna_phantom / "train_series_descriptions.csv"))
    rsna = Rsna(folder=str(rsna_phantom))
    for sequence in SEQUENCES:
        assert_same(plugin.load("study_1", sequence), rsna.load(copy.name, sequence))
    assert set(plugin.recognised()["how"]) == {"listed in the table of descriptions"}


def test_one_slice_is_no_sequence(study):
    for path in (study / "sagittal_t1").iterdir():
        if path.name not in ("1.dcm", "2.dcm"):
            path.unlink()
    plugin = read(study)
    assert recognised(plugin)["sagittal_t1"] == ("", "sagittal_t1 of 2 slices, fewer than 3 (description: T1)")
    assert plugin.load("study_1", "sagittal_t1") is None
    for path in study.rglob("*.dcm"):
        if path.name != "2.dcm":
            path.unlink()
    error = message(read(study))
    assert "sagittal_t1 of 1 slice, fewer than 3" in error and "`series`" not in error


def tilt(folder, degrees, instances):
    """Turns axial slices towards the coronal plane."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    for number in instances:
        file = pydicom.dcmread(folder / f"{number}.dcm")
        file.ImageOrientationPatient = [1, 0, 0, 0, f"{c:.9f}", f"{s:.9f}"]
        file.save_as(folder / f"{number}.dcm")


@pytest.mark.parametrize("described", [True, False], ids=["listed", "recognised"])
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
    assert "coronal T2, which is not read" in recognised(read(study))["axial_t2"][1]
