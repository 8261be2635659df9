"""The phantom in RSNA's layout: its files, tables and geometry agree, and only planted signs show a severity."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.phantom import write_rsna_phantom
from data.phantom.anatomy import draw_anatomy
from data.phantom.axial import axial_stacks
from data.phantom.gradings import COUNTS as DISC_COUNTS
from data.phantom.rsna_files import CONDITIONS, READ_ON
from data.phantom.scan import sagittal_grid, scan
from data.phantom.severities import Severities
from data.phantom.stenosis import narrow
from data.rsna_challenge.places import CLASSES, DESCRIPTIONS, LEVELS
from tests.data.phantom.planes import plane

ROOT = Path(__file__).resolve().parents[3]
# Quick to write, with every structure still inside.
SMALL = {"spacing": (4.4, 2.0), "slices": 13, "axial_slices": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rsna")
    write_rsna_phantom(folder, patients=6, seed=1, effect=1.0, missing=0.2, missing_labels=0.1, **SMALL)
    return folder


def patient(number, severities, effect, *, spacing=(4.4, 2.0), **options):
    """The sagittal scans of a patient with given severities, and the places of its structures."""
    rng = np.random.default_rng([8, number])
    healthy = {name: np.full(5, 3 * (name == "pfirrmann")) for name in DISC_COUNTS}
    anatomy = draw_anatomy(rng, healthy, 0.0)
    affine, shape = sagittal_grid(rng, anatomy, spacing, 13)
    anatomy, places = narrow(rng, anatomy, severities, affine, effect=effect, **options)
    return scan(rng, anatomy, affine, shape, ("t1", "t2"), thickness=4.0), places


def uniform(whole, first=None, second=None):
    parts = [np.full((5, 5), float(v)) for v in (whole, whole if first is None else first, second or whole)]
    return Severities(np.full((5, 5), int(2 * whole)), *parts)


def test_tables_have_rsnas_columns_and_name_the_files_that_exist(folder):
    train, points, series, test_series, rows, truth = (
        pd.read_csv(folder / f"{name}.csv")
        for name in (
            "train",
            "train_label_coordinates",
            "train_series_descriptions",
            "test_series_descriptions",
            "sample_submission",
            "truth",
        )
    )
    gradings = [f"{c}_{level.lower().replace('/', '_')}" for c in CONDITIONS for level in LEVELS]
    assert list(train.columns) == ["study_id", *gradings] and len(train) == 6
    assert list(points.columns) == ["study_id", "series_id", "instance_number", "condition", "level", "x", "y"]
    assert list(rows.columns) == ["row_id", "normal_mild", "moderate", "severe"] and len(rows) == 25
    assert set(points["condition"]) == {c.replace("_", " ").title() for c in CONDITIONS}
    assert set(pd.unique(train[gradings].to_numpy().ravel())) <= {*CLASSES, np.nan}
    for table, images in ((series, "train_images"), (test_series, "test_images")):
        assert list(table.columns) == ["study_id", "series_id", "series_description"]
        assert set(table["series_description"]) <= set(DESCRIPTIONS.values())
        found = {(p.parent.name, p.name) for p in (folder / images).glob("*/*")}
        assert found == set(table[["study_id", "series_id"]].astype(str).itertuples(index=False, name=None))
    for here in (folder / "train_images").glob("*/*"):
        numbers = {int(p.stem) for p in here.glob("*.dcm")}
        assert numbers == set(range(1, len(numbers) + 1))
    assert set(rows["row_id"].str.split("_").str[0]) == set(test_series["study_id"].astype(str))
    assert not set(test_series["study_id"]) & set(train["study_id"])
    labels = train.set_index("study_id")
    for row in truth.itertuples():
        label = labels.loc[row.study_id, row.row_id.split("_", 1)[1]]
        assert pd.isna(label) or label == row.severity


def test_clinical_columns_have_a_row_for_each_study_and_gaps(tmp_path):
    write_rsna_phantom(tmp_path, patients=20, test_patients=1, seed=1, **SMALL)
    clinical = pd.read_csv(tmp_path / "train_clinical.csv", dtype={"study_id": str})
    assert list(clinical.columns) == ["study_id", "age", "sex", "weight"]
    assert clinical["study_id"].tolist() == pd.read_csv(tmp_path / "train.csv", dtype=str)["study_id"].tolist()
    assert clinical["age"].dropna().between(18, 90).all() and clinical["weight"].dropna().between(40, 160).all()
    assert set(clinical["sex"].dropna()) == {"F", "M"}
    assert 0 < clinical["weight"].isna().sum() < 20


def test_a_point_lies_on_its_structure_in_the_sequence_that_shows_its_condition(folder):
    points = pd.read_csv(folder / "train_label_coordinates.csv")
    series = pd.read_csv(folder / "train_series_descriptions.csv").set_index("series_id")["series_description"]
    truth = pd.read_csv(folder / "truth.csv").set_index(["study_id", "condition", "level"])
    for row in points.itertuples():
        condition = row.condition.lower().replace(" ", "_")
        assert series[row.series_id] == DESCRIPTIONS[READ_ON[condition]]
        file = pydicom.dcmread(
            folder / f"train_images/{row.study_id}/{row.series_id}/{row.instance_number}.dcm", stop_before_pixels=True
        )
        assert int(file.InstanceNumber) == row.instance_number
        planted = truth.loc[(row.study_id, condition, row.level)]
        distance, h, w = np.linalg.inv(plane(file))[:3] @ [*planted[["x", "y", "z"]], 1]
        assert abs(h - row.y) < 0.5 and abs(w - row.x) < 0.5
        assert abs(distance) <= 0.75 * 4.4 + 0.01
        assert 0 <= row.x < file.Columns and 0 <= row.y < file.Rows
        assert planted[f"{READ_ON[condition]}_instance"] == row.instance_number


def test_left_is_to_the_patients_left_and_levels_run_downwards(folder):
    # Rows of a study: conditions, then levels.
    places = pd.read_csv(folder / "truth.csv")[["x", "z"]].to_numpy().reshape(-1, 5, 5, 2)
    canal, *sides = np.moveaxis(places[..., 0], 1, 0)
    for left, right in (sides[:2], sides[2:]):
        assert (left > canal).all() and (canal > right).all()
    assert (np.diff(places[:, 0, :, 1], axis=1) < 0).all()


def test_one_anatomy_is_seen_in_all_planes(tmp_path):
    write_rsna_phantom(tmp_path, patients=3, test_patients=0, seed=2, effect=0.0, spacing=(4.4, 0.9))
    truth = pd.read_csv(tmp_path / "truth.csv", dtype=str)
    for row in truth.query("condition == 'spinal_canal_stenosis'").itertuples():
        for sequence in ("sagittal_t2", "axial_t2"):
            here = f"{row.study_id}/{getattr(row, sequence + '_series')}/{getattr(row, sequence + '_instance')}"
            file = pydicom.dcmread(tmp_path / f"train_images/{here}.dcm")
            _, h, w = np.linalg.inv(plane(file))[:3] @ [float(row.x), float(row.y), float(row.z), 1]
            fluid = file.pixel_array[round(h) - 2 : round(h) + 3, round(w) - 2 : round(w) + 3].mean()
            # Fluid around the cauda equina is brighter in T2 than the disc in front of it.
            ahead = 20 / file.PixelSpacing[0]
            away = (round(h), round(w - ahead)) if sequence == "sagittal_t2" else (round(h - ahead), round(w))
            disc = file.pixel_array[away[0] - 2 : away[0] + 3, away[1] - 2 : away[1] + 3].mean()
            assert fluid > 1.2 * disc


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    def written(name, **options):
        write_rsna_phantom(tmp_path / name, patients=2, **{"seed": 4, **options}, **SMALL)
        files = [p for p in (tmp_path / name).rglob("*") if p.is_file()]
        return {str(p.relative_to(tmp_path / name)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    first = written("first")
    assert written("again") == first
    assert not set(first.values()) & set(written("other", seed=5, test_patients=0).values()) - {
        first["sample_submission.csv"]
    }


def test_other_arguments_leave_the_gradings_as_they_are(tmp_path, folder):
    write_rsna_phantom(tmp_path, patients=6, seed=1, effect=0.0, split=True, confined=True, **SMALL)
    columns = ["row_id", "severity", "whole", "first", "second"]
    first, other = (pd.read_csv(f / "truth.csv")[columns] for f in (folder, tmp_path))
    pd.testing.assert_frame_equal(first, other)


@pytest.mark.parametrize("split", [False, True])
def test_at_effect_0_severities_change_no_pixel(split):
    healthy, ill = (patient(1, uniform(v), 0.0, split=split)[0] for v in (0.0, 1.0))
    shown = patient(1, uniform(1.0), 1.0, split=split)[0]
    for sequence in ("t1", "t2"):
        assert_array_equal(healthy[sequence].pixels, ill[sequence].pixels)
        assert not np.array_equal(healthy[sequence].pixels, shown[sequence].pixels)


def test_each_split_part_changes_only_its_sequence():
    none, first = uniform(0.0), uniform(0.0, first=1.0)
    second = none._replace(second=np.ones((5, 5)))
    images = [patient(2, s, 1.0, split=True)[0] for s in (none, first, second)]
    for sequence, same, changed in (("t2", 1, 2), ("t1", 2, 1)):
        assert_array_equal(images[0][sequence].pixels, images[same][sequence].pixels)
        assert not np.array_equal(images[0][sequence].pixels, images[changed][sequence].pixels)


@pytest.mark.parametrize("number", range(3))
def test_a_confined_foramen_lies_in_one_slice(number):
    none = uniform(0.0)
    normal, places = patient(number, none, 1.0, split=True, confined=4.0)
    severe, _ = patient(number, none._replace(first=np.ones((5, 5))), 1.0, split=True, confined=4.0)
    depths = normal["t1"].index(places[1:3].reshape(-1, 3))[:, 0]
    assert_allclose(depths, np.rint(depths), atol=1e-6)
    changed = (severe["t1"].pixels != normal["t1"].pixels).any(axis=(1, 2))
    assert set(np.flatnonzero(changed)) == {int(d) for d in np.rint(depths)} & set(range(len(changed)))


def test_a_severe_foramen_loses_its_fat_and_a_squeezed_canal_its_fluid():
    normal, places = patient(3, uniform(0.0), 1.0, spacing=(4.4, 0.9))
    severe, _ = patient(3, uniform(1.0), 1.0, spacing=(4.4, 0.9))
    for sequence, condition, reach in (("t1", 1, 4), ("t1", 2, 4), ("t2", 0, 8)):
        for place in places[condition]:
            d, h, w = np.rint(normal[sequence].index(place)).astype(int)
            near = d, slice(h - reach, h + reach + 1), slice(w - reach, w + reach + 1)
            assert severe[sequence].pixels[near].mean() < 0.9 * normal[sequence].pixels[near].mean()


def test_marks_are_off_by_up_to_the_error_asked_for(tmp_path):
    for name, error in (("true", 0), ("off", 2)):
        write_rsna_phantom(tmp_path / name, patients=4, test_patients=0, seed=3, mark_error=error, **SMALL)
    true, off = (pd.read_csv(tmp_path / name / "train_label_coordinates.csv") for name in ("true", "off"))
    keys = ["study_id", "condition", "level"]
    both = true.merge(off, on=keys, suffixes=("", "_off"), validate="1:1")
    assert len(both) == len(true) == len(off)
    assert_array_equal(both["x"], both["x_off"])
    errors = both["instance_number_off"] - both["instance_number"]
    assert set(errors) == {-2, -1, 0, 1, 2}


def test_series_and_labels_go_missing_at_the_rates_asked_for(tmp_path):
    patients = 40
    write_rsna_phantom(
        tmp_path,
        patients=patients,
        test_patients=0,
        missing=0.5,
        missing_labels=0.3,
        spacing=(8.0, 5.0),
        slices=5,
        axial_slices=1,
    )
    series = pd.read_csv(tmp_path / "train_series_descriptions.csv")
    kept = series.groupby("study_id")["series_description"].nunique()
    # Each stays with probability 1/2; where none would (1/8), one does.
    assert len(kept) == patients
    assert kept.mean() == pytest.approx(1.5 + 1 / 8, abs=4 * np.sqrt(0.61 / patients))
    labels = pd.read_csv(tmp_path / "train.csv", index_col="study_id")
    assert labels.isna().mean(axis=None) == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / labels.size))
    for row in pd.read_csv(tmp_path / "train_label_coordinates.csv").itertuples():
        column = f"{row.condition} {row.level}".lower().replace(" ", "_").replace("/", "_")
        assert isinstance(labels.loc[row.study_id, column], str)
        assert row.series_id in set(series.query("study_id == @row.study_id")["series_id"])


def test_axial_series_are_as_mixed_as_the_real_ones():
    rng = np.random.default_rng(0)
    anatomy = draw_anatomy(rng, {name: np.full(5, 1) for name in DISC_COUNTS}, 0.0)
    plans = [axial_stacks(rng, anatomy, pixel=0.8, distance=4.4, slices=4) for _ in range(1000)]
    several = np.mean([len(plan) > 1 for plan in plans])
    assert several == pytest.approx(335 / 1975, abs=4 * np.sqrt(0.14 / 1000))
    straight = [plan for plan in plans if len(plan) == len(plan[0]) == 1]
    angled = [plan for plan in plans if len(plan) == 1 and len(plan[0]) == 5]
    assert straight and angled
    for affine, shape in angled[0][0]:
        assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), [4.4, 0.8, 0.8])
        assert affine[2, 0] > 0 and affine[1, 1] > 0 and affine[0, 2] > 0 and shape[0] == 4
    for (affine, _), disc in zip(angled[0][0], anatomy.discs[4::-1], strict=True):
        normal = anatomy.pose[:3, :3] @ disc.axes[:, 2]
        across = affine[:3, 0] / 4.4
        # A stack follows a disc but for errors of planning by eye and the disc's sideways tilt.
        assert np.degrees(np.arccos(normal[1:] @ across[1:] / np.linalg.norm(normal[1:]))) < 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"effect": 1.5}, "effect"),
        ({"missing": 1.0}, "missing"),
        ({"missing_labels": -0.1}, "missing_labels"),
        ({"patients": 0}, "patients"),
        ({"mark_error": -1}, "mark_error"),
        ({"spacing": (4.0, 0.0)}, "spacing"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(DataError, match=message):
        write_rsna_phantom(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_the_command_writes_the_layout_and_names_a_wrong_one(tmp_path):
    words = [sys.executable, str(ROOT / "run_benchmark.py"), "phantom", str(tmp_path / "new"), "--patients", "1"]
    wrong = subprocess.run([*words, "--layout", "brats"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "use one of spider, rsna, oai" in wrong.stderr
    done = subprocess.run([*words, "--layout", "rsna", "--confined", "--split"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "new").glob("*.csv"))) == 7
