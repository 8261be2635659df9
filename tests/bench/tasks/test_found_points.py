"""Regions that find points: one fit per fold serves all sequences and sees only annotations of training patients."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest

import preprocessing.regions
from bench import plugins
from bench.stages.crop_files import Crops
from data.rsna import Rsna
from results.run_folder import read
from results.tables.points import found_points

MEAN_POINT = '''
"""The mean point of samples of one place."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from preprocessing.regions.base import FittedRegion, Region
from preprocessing.regions.point import Point

LOG = []


@dataclass(frozen=True, kw_only=True)
class MeanPoint(Region):
    """The mean annotated point of a level, condition and side.

    Args:
        size: As in `point`.
        lost: A condition that is not found.
        cross_fits: As in `predicted`.
    """

    uses_points: ClassVar[bool] = True
    joins_sequences: ClassVar[bool] = True

    size: tuple[float, float] = (60.0, 60.0)
    lost: str = ""
    cross_fits: int = 0

    def trained(self):
        return replace(self, size=(60.0, 60.0))

    def fit(self, studies, *, seed, device):
        LOG.append([study.study for study in studies])
        found = {}
        for study in studies:
            assert set(study.images) == {"sagittal_t1", "sagittal_t2", "axial_t2"}
            for sample in study.samples:
                assert "severity" not in sample, "a region sees labels"
                if sample["sample"] in study.points.index:
                    row = study.points.loc[sample["sample"]]
                    found.setdefault(mark(sample), []).append([row["x"], row["y"], row["z"]])
        return Fitted(self, {name: np.mean(rows, axis=0).tolist() for name, rows in found.items()})

    def load(self, folder, *, device):
        return Fitted(self, json.loads((folder / "places.json").read_text()))


def mark(sample):
    return " ".join([sample["condition"], sample["level"], sample["side"]])


class Fitted(FittedRegion):
    def __init__(self, settings, places):
        self.settings, self.places = settings, places

    def locate(self, image, sample):
        return Point(size=self.settings.size, slices=1).locate(image, sample)

    def look(self, study):
        assert study.points is None, "what is looked for is shown"
        rows = {}
        for sample in study.samples:
            fault = "lost" if sample["condition"] == self.settings.lost else ""
            place = [np.nan] * 3 if fault else self.places[mark(sample)]
            rows[sample["sample"]] = ["axial_t2", *place, fault, 0]
        columns = ["sequence", "x", "y", "z", "fault", "slice"]
        return replace(study, points=pd.DataFrame.from_dict(rows, orient="index", columns=columns))

    def rate(self, given, seen):
        both = seen.points.index.intersection(given.points.index)
        away = (seen.points.loc[both, ["x", "y", "z"]] - given.points.loc[both, ["x", "y", "z"]]).to_numpy(float)
        mm = np.linalg.norm(away, axis=1)
        columns = {f"{what}{of}": mm for what in ("slices", "slice_mm", "mm") for of in ("", "_mean", "_centre")}
        return pd.DataFrame(columns, index=both)

    def save(self, folder):
        (folder / "places.json").write_text(json.dumps(self.places))

    def artifacts(self):
        return {"learning_curve": pd.DataFrame({"epoch": [0]})}
'''

GRID = """
name: points
data: {{rsna: {{folder: {folder}}}}}
targets: [spinal_canal_stenosis]
sequences: [sagittal_t2, axial_t2]
regions: {regions}
encoders: [raw_pixels: {{size: 8}}]
heads: [logistic]
protocol: {{folds: 2, seed: 1}}
"""


@pytest.fixture(scope="module")
def spines(tmp_path_factory):
    """Eight studies in which every class of stenosis is as frequent as the others."""
    from data.phantom import write_rsna_phantom

    folder = tmp_path_factory.mktemp("spines")
    write_rsna_phantom(folder, patients=8, test_patients=0, seed=2, effect=1.0, spacing=(5.0, 1.6), axial_slices=3)
    table = pd.read_csv(folder / "train.csv")
    for i, column in enumerate(c for c in table if c.startswith("spinal")):
        table[column] = np.array(["Normal/Mild", "Moderate", "Severe"])[(np.arange(len(table)) + i) % 3]
    table.to_csv(folder / "train.csv", index=False)
    return folder


@pytest.fixture
def mean_point(tmp_path, monkeypatch):
    """The region among the plug-ins, for one test; gives the studies that each fit saw."""
    folder = tmp_path / "mine" / "preprocessing" / "regions"
    folder.mkdir(parents=True)
    (folder / "mean_point.py").write_text(MEAN_POINT)
    monkeypatch.setattr(preprocessing.regions, "__path__", [*preprocessing.regions.__path__])
    plugins.add_folder(tmp_path / "mine")
    yield importlib.import_module("preprocessing.regions.mean_point").LOG
    del sys.modules["preprocessing.regions.mean_point"]


def test_points_are_found_once_per_fold_for_all_sequences_and_boxes(go, spines, mean_point):
    regions = "[point: {slices: 1}, mean_point, mean_point: {size: [40, 40]}]"
    outcome = go(GRID.format(folder=spines, regions=regions))
    assert not outcome.failures
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype=str).set_index("patient")["fold"]
    training = [sorted(folds.index[folds != fold]) for fold in ("0", "1")]
    assert sorted(sorted(seen) for seen in mean_point) == sorted(training)
    assert len(list((go.store / "regions").iterdir())) == 2
    again = go(GRID.format(folder=spines, regions="[mean_point: {size: [30, 30]}]"))
    assert not again.failures
    assert len(mean_point) == 2


def test_crops_lie_around_the_points_that_were_found(go, spines, mean_point):
    outcome = go(GRID.format(folder=spines, regions="[mean_point]"))
    dataset = Rsna(folder=str(spines))
    samples = dataset.samples()
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype=str).set_index("patient")["fold"]
    points = pd.concat([dataset.points(study) for study in samples["study"].unique()])
    canal = samples[samples["condition"] == "spinal_canal_stenosis"]
    cut = []
    for folder in (go.store / "crops").iterdir():
        crops = Crops(folder)
        if (crops.rows >= 0).all() and len(crops) > 8 and crops[0].pixels.shape[0] == 1:
            cut.append(
                np.array([crops[row].position((np.array(crops[row].pixels.shape) - 1) / 2) for row in crops.rows])
            )
    for fold in ("0", "1"):
        train = canal[canal["patient"].map(folds) != fold]
        means = points.loc[train.index, ["x", "y", "z"]].groupby(train["level"]).mean()
        wanted = means.loc[canal["level"]].to_numpy()
        # A crop's centre is the centre of a voxel of 1.6 mm, in a slice at most half a slice (2.5 mm) from the point.
        assert any((np.abs(centres - wanted).max(axis=1) < 2.6).all() for centres in cut)


def test_distances_are_rated_on_test_patients_and_lost_samples_get_base_rates(go, spines, mean_point):
    outcome = go(GRID.format(folder=spines, regions="[mean_point: {lost: spinal_canal_stenosis}, mean_point]"))
    table = pd.read_csv(outcome.folder / "points.csv", dtype={"patient": str})
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype=str).set_index("patient")["fold"]
    assert (table["patient"].map(folds) == table["fold"].astype(str)).all()
    found = table[table["regions"] == "mean_point"]
    assert sorted(found["sample"]) == sorted(pd.read_parquet(outcome.folder / "samples.parquet").index)
    sheet = found_points(read(outcome.folder), by=("level",), resamples=50)
    row = next(row for row in sheet.rows if row.labels == ("mean_point", "L4/L5", "found"))
    at_level = found.loc[found["level"] == "L4/L5", "mm"].to_numpy()
    assert row.scores[2].value == pytest.approx(np.median(at_level))
    assert row.scores[4].value == pytest.approx(100 * (at_level <= 5).mean())
    lost = next(row for row in sheet.rows if row.labels[0] != "mean_point" and row.labels[1:] == ("all", "found"))
    assert lost.scores[6].value == 100
    assert lost.scores[2] is None


@pytest.mark.parametrize("parts", [2, 3])
def test_points_of_training_patients_come_from_fits_that_did_not_see_them(go, spines, mean_point, parts):
    outcome = go(GRID.format(folder=spines, regions=f"[mean_point: {{cross_fits: {parts}}}]"))
    assert not outcome.failures
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype=str).set_index("patient")["fold"]
    dataset = Rsna(folder=str(spines))
    samples = dataset.samples().query("condition == 'spinal_canal_stenosis'")
    given = pd.concat([dataset.points(study) for study in samples["study"].unique()])
    mark = samples[["condition", "level", "side"]].agg(" ".join, axis=1)
    assert len(mean_point) == 2 * (parts + 1)
    for fold in ("0", "1"):
        train, test = set(folds.index[folds != fold]), set(folds.index[folds == fold])
        fits = [set(seen) for seen in mean_point if set(seen) <= train]
        assert sorted(len(train - fit) for fit in fits if fit != train) == sorted(
            map(len, np.array_split(sorted(train), parts))
        )
        assert set.union(*(train - fit for fit in fits)) == train
        (found,) = (
            pd.read_parquet(path)
            for path in (go.store / "regions").glob("*/points.parquet")
            if (rated := path.with_name("points_quality.csv")).is_file()
            and set(samples.loc[pd.read_csv(rated)["sample"], "patient"]) == test
        )
        # What is found is a mean of annotated points, so that each fit is known by the mean of the patients it saw.
        for patient in sorted(train | test):
            rows = samples.index[samples["patient"] == patient]
            at = found.loc[rows, ["x", "y", "z"]].to_numpy()
            by = [fit for fit in fits if np.allclose(at, means(given, samples, mark, fit).loc[mark[rows]], atol=1e-6)]
            assert by == [train] if patient in test else len(by) == 1 and patient not in by[0]


def means(points, samples, mark, patients):
    rows = samples.index[samples["patient"].isin(patients)]
    return points.loc[rows, ["x", "y", "z"]].groupby(mark[rows]).mean()


@pytest.mark.long
def test_parts_are_kept_and_all_of_them_belong_to_a_key(go, spines, mean_point):
    """A region that is fitted once and one that is cross-fitted share nothing; a lost fold needs its fit alone."""
    import shutil

    text = GRID.format(folder=spines, regions="[mean_point: {cross_fits: 2}, mean_point]")
    first = go(text)
    assert not first.failures
    assert len(mean_point) == 2 * 3 + 2
    for kind in ("crops", "tokens", "fits"):
        shutil.rmtree(go.store / kind)
    for path in (go.store / "regions").glob("*/places.json"):
        shutil.rmtree(path.parent)
    assert not go(text).failures
    assert len(mean_point) == 8 + 4


@pytest.mark.long
def test_the_table_of_points_has_a_row_for_training_patients(go, spines, mean_point):
    outcome = go(GRID.format(folder=spines, regions="[mean_point: {cross_fits: 2}, mean_point]"))
    table = pd.read_csv(outcome.folder / "training_points.csv", dtype={"patient": str})
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype=str).set_index("patient")["fold"]
    assert (table["patient"].map(folds) != table["fold"].astype(str)).all()
    sheet = found_points(read(outcome.folder), by=("level",), resamples=50)
    for region in ("mean_point(cross_fits=2)", "mean_point"):
        row = next(row for row in sheet.rows if row.labels == (region, "all", "found, training patients"))
        assert row.scores[2].value == pytest.approx(np.median(table.loc[table["regions"] == region, "mm"]))
    by_fit = table.groupby("regions")["mm"].mean()
    assert by_fit["mean_point(cross_fits=2)"] > by_fit["mean_point"]


def test_the_plan_counts_the_trainings(go, spines, mean_point, tmp_path):
    from bench.grid.file import read_grid
    from bench.plan.overview import Overview
    from bench.tasks.store import Store

    text = GRID.format(folder=spines, regions="[mean_point: {cross_fits: 3}]")
    (tmp_path / "grid.yaml").write_text(text)
    lines = list(Overview(read_grid(tmp_path / "grid.yaml", []), Store(go.store), {}).lines())
    assert any("8 trainings of regions (6 of them for the points of training patients)" in line for line in lines)
