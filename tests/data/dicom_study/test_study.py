"""A new study's files become images whatever their names, and points lie where a reader marked them."""

import shutil

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from data.rsna import Rsna
from data.rsna_challenge.places import PLACES
from tests.data.dicom_study.studies import SEQUENCES, assert_same, change, read, recognised


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
    assert list(recognised(after)) == [".#1", ".#2", ".#3"]
    assert after.recognised()["series"].tolist() == ["series_1", "series_2", "series_3"]
    assert after.excluded()["file"].tolist() == [f"study_1/file {len(paths) + 1} of {len(paths) + 1}"]


def test_axial_series_are_joined_by_position(study):
    whole = read(study).load("study_1", "axial_t2")
    paths = sorted((study / "axial_t2").iterdir(), key=lambda path: int(path.stem))
    (study / "other").mkdir()
    for path in paths[::2]:
        path.rename(study / "other" / path.name)
    change(study / "other", SeriesInstanceUID="1.7")
    assert_same(read(study).load("study_1", "axial_t2"), whole)


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
