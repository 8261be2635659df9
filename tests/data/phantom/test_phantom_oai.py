"""The phantom of knees: grades have OAI's shares, are alike in a patient and show in the anatomy."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import map_coordinates
from scipy.stats import multivariate_normal

from data.base import DataError
from data.phantom import write_oai_phantom
from data.phantom.knee import COUNTS, draw_knees
from data.phantom.knee_scan import knee_grid, scan_knee

ROOT = Path(__file__).resolve().parents[3]
PATIENTS = 3000


@pytest.fixture(scope="module")
def drawn():
    """`(PATIENTS, 2)` knees."""
    return [draw_knees(np.random.default_rng([4, n]), 1.0) for n in range(PATIENTS)]


def test_grades_have_the_shares_of_the_real_ones(drawn):
    grades = np.array([[knee.grade for knee in pair] for pair in drawn])
    expected = np.array(COUNTS) / 8260
    for knees in grades.T:
        error = np.sqrt(expected * (1 - expected) / PATIENTS)
        assert (np.abs(np.bincount(knees, minlength=5) / PATIENTS - expected) < 4 * error).all()


def test_the_knees_of_a_patient_are_alike(drawn):
    """Both knees are below grade 2 as often as two standard normals with a correlation of .6."""
    below = np.array([[knee.grade < 2 for knee in pair] for pair in drawn]).all(axis=1).mean()
    cut = NormalDist().inv_cdf((3253 + 1495) / 8260)
    expected = multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]]).cdf([cut, cut])
    assert abs(below - expected) < 4 * np.sqrt(expected * (1 - expected) / PATIENTS)


def test_joint_space_narrows_and_spurs_grow_with_the_grade(drawn):
    knees = [knee for pair in drawn for knee in pair]
    narrowest = [np.mean([min(k.gaps) for k in knees if k.grade == grade]) for grade in range(5)]
    spurs = [np.mean([k.osteophyte for k in knees if k.grade == grade]) for grade in range(5)]
    assert all(later < earlier for earlier, later in pairwise(narrowest))
    assert narrowest[4] < 0.5 * narrowest[0]
    assert all(later > earlier + 0.5 for earlier, later in pairwise(spurs))


def test_without_effect_grades_stay_the_same_and_nothing_shows_them(drawn):
    plain = [knee for n in range(600) for knee in draw_knees(np.random.default_rng([4, n]), 0.0)]
    grades = np.array([knee.grade for knee in plain])
    assert_array_equal(grades, [knee.grade for pair in drawn[:600] for knee in pair])
    assert {knee.osteophyte for knee in plain} == {0.0}
    gaps = np.array([knee.gaps for knee in plain])
    assert abs(np.corrcoef(gaps.mean(axis=1), grades)[0, 1]) < 4 / np.sqrt(600)


@pytest.mark.parametrize("side", [0, 1])
def test_the_joint_space_in_the_picture_is_the_true_one(side):
    """They agree to within a pixel; cartilage is bright between dark bones. These knees have grades 3 and 4."""
    knee = draw_knees(np.random.default_rng([6, 3, 1]), 1.0)[side]
    rng = np.random.default_rng(0)
    shape = (40, 280, 280)
    image = scan_knee(rng, knee, knee_grid(rng, knee, shape), shape)
    along = np.arange(-4, 12, 0.1)
    for u, gap in zip((22, -22), knee.gaps, strict=True):
        places = np.column_stack([np.full_like(along, u), np.full_like(along, 4), along, np.ones_like(along)])
        profile = map_coordinates(image.pixels, image.index((places @ knee.pose.T)[:, :3]).T, order=1)
        bone = np.median(profile[along < -2])
        cartilage = np.median(profile[profile > (bone + profile.max()) / 2])
        assert abs(0.1 * (profile > (bone + cartilage) / 2).sum() - gap) < 0.5


def test_files_are_as_oai_names_them(oai_phantom):
    table = pd.read_csv(oai_phantom / "kXR_SQ_BU00.txt", sep="|", dtype=str)
    truth = pd.read_csv(oai_phantom / "truth.csv")
    assert table.columns.tolist() == ["ID", "SIDE", "READPRJ", "V00XRKL"]
    assert_array_equal(table["READPRJ"], ["15"] * 8 + ["15", "37"] * 2)
    assert set(table["SIDE"]) == {"1: Right", "2: Left"} and "2: Minimal" in set(table["V00XRKL"])
    assert_array_equal(table.loc[table["READPRJ"] == "15", "V00XRKL"].str[0].astype(int), truth["kl"])
    for row in truth.itertuples():
        folder = oai_phantom / row.series
        assert folder.parts[-5:-2] == ("00m", "0.C.2", str(row.ID))
        assert sorted(path.name for path in folder.iterdir()) == [f"{i:03}" for i in range(1, 29)]
        file = pydicom.dcmread(folder / "001")
        assert file.SeriesDescription == f"SAG_3D_DESS_{row.SIDE.upper()}"
        assert file.PatientID == str(row.ID) and file.pixel_array.shape == (70, 70)
        assert_allclose(file.PixelSpacing, [2, 2])


def test_a_patient_depends_only_on_the_seed_and_the_number(tmp_path):
    for name, options in {"a": {}, "b": {"patients": 1, "missing": 0.9}}.items():
        write_oai_phantom(tmp_path / name, **({"patients": 2, "size": (4, 8, 8)} | options))
    first, again = (sorted((tmp_path / name / "00m/0.C.2/9000001").rglob("0??")) for name in "ab")
    assert len(first) == 8 and len(again) == 4
    for path in again:
        assert path.read_bytes() == (tmp_path / "a" / path.relative_to(tmp_path / "b")).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patients": 0}, "must be at least 1"),
        ({"size": (3, 64, 64)}, "three numbers of at least 4"),
        ({"size": (64, 64)}, r"size \(64, 64\) three numbers"),
        ({"effect": 1.5}, r"effect \(1.5\) must lie between 0 and 1"),
        ({"missing": 1.0}, r"missing \(1\) must be at least 0 and below 1"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        write_oai_phantom(tmp_path, **options)


def test_the_command_writes_knees_and_names_a_wrong_size(tmp_path):
    def command(*words):
        words = [sys.executable, str(ROOT / "run_benchmark.py"), "phantom", *map(str, words), "--layout", "oai"]
        return subprocess.run(words, capture_output=True, text=True)

    done = command(tmp_path / "new", "--patients", 2, "--size", "6,8,8")
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("new/00m/0.C.2/*/*/*/00?"))) == 2 * 2 * 6
    refused = command(tmp_path / "other", "--size", "64,64")
    assert refused.returncode == 2 and "three numbers of at least 4, such as (40, 64, 64)" in refused.stderr
