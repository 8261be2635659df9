"""Regions that learn on the training patients of a fold, in grids with regions that learn nothing."""

import importlib
import json
import sys

import numpy as np
import pandas as pd
import pytest

import preprocessing.regions
from bench import plugins
from bench.stages.crop_files import Crops
from results.artifacts import read_artifacts
from results.run_folder import read
from results.tables.side_tables import found_regions

MEAN_POSITION = '''
"""The mean place of each disc, relative to the middle of the scan."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from preprocessing.regions.base import FittedRegion, Region, box_along_axes

LOG = []


@dataclass(frozen=True, kw_only=True)
class MeanPosition(Region):
    """A box at the mean place of a disc; finds no disc of some studies.

    Args:
        misses: A study in which nothing is found.
        given: The places of discs; then nothing is learnt.
        side: The side of the box, mm.
    """

    misses: str = ""
    given: str = ""
    side: float = 40.0

    @property
    def learns(self) -> bool:
        return "nothing" if self.given else "images"

    def fit(self, studies, *, seed, device):
        if self.given:
            return Fitted(self, json.loads(self.given), [])
        LOG.append(sorted(study.study for study in studies))
        found = {}
        for study in studies:
            assert list(study.images) == ["t2"] and study.points is None
            image = study.images["t2"]()
            for sample in study.samples:
                assert not {"narrowing", "pfirrmann", "sex"} & set(sample), "a region sees labels"
                voxels = np.argwhere(image.mask == sample["mask_label"])
                middle = (np.asarray(image.pixels.shape) - 1) / 2
                found.setdefault(str(int(sample["mask_label"])), []).append(voxels.mean(axis=0) - middle)
        return Fitted(self, {k: np.mean(v, axis=0).tolist() for k, v in found.items()}, LOG[-1])

    def trained(self):
        return replace(self, side=40.0)

    def load(self, folder, *, device):
        return Fitted(self, json.loads((folder / "places.json").read_text()), [])


def marked(image):
    mask = np.zeros(image.pixels.shape, dtype=np.int16)
    mask[tuple(np.asarray(mask.shape) // 2)] = 7
    return lambda: replace(image, mask=mask)


class Fitted(FittedRegion):
    def __init__(self, settings, places, studies):
        self.settings, self.places, self.studies = settings, places, studies

    def look(self, study):
        return replace(study, images={name: marked(read()) for name, read in study.images.items()})

    def locate(self, image, sample):
        assert (image.mask == 7).sum() == 1
        if sample["study"] == self.settings.misses:
            return None
        place = np.asarray(self.places[str(int(sample["mask_label"]))]) + (np.asarray(image.pixels.shape) - 1) / 2
        return box_along_axes(image, place, (4, self.settings.side, self.settings.side), slices=1, structure=7)

    def rate(self, given, seen):
        assert (seen.images["t2"]().mask == 7).sum() == 1
        return pd.DataFrame({"voxels": [float((given.images["t2"]().mask > 0).sum())]})

    def save(self, folder):
        (folder / "places.json").write_text(json.dumps(self.places))

    def artifacts(self):
        return {"studies": pd.DataFrame({"study": self.studies})}
'''


@pytest.fixture
def mean_position(tmp_path, monkeypatch):
    """The region among the plug-ins, for one test; gives the studies that each fit saw."""
    folder = tmp_path / "mine" / "preprocessing" / "regions"
    folder.mkdir(parents=True)
    (folder / "mean_position.py").write_text(MEAN_POSITION)
    monkeypatch.setattr(preprocessing.regions, "__path__", [*preprocessing.regions.__path__])
    plugins.add_folder(tmp_path / "mine")
    yield importlib.import_module("preprocessing.regions.mean_position").LOG
    del sys.modules["preprocessing.regions.mean_position"]


def grid(small, regions):
    text = small.replace("regions: [mask]", f"regions: {regions}").replace("balance: [none, smote]", "")
    return text.replace("heads: [prior, location, logistic, knn]", "heads: [logistic]")


def predictions(folder):
    run = read(folder)
    return {(c.axes["regions"], c.axes["images"], c.axes["heads"]): run.predictions(c) for c in run.cells}


def test_a_region_learns_once_per_fold_and_only_from_training_patients(small, go, mean_position):
    outcome = go(grid(small, "[mask, mean_position]"))
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype=str).set_index("patient")["fold"]
    assert sorted(mean_position) == sorted(sorted(folds.index[folds != fold]) for fold in "012")  # not once per chain
    found = predictions(outcome.folder)
    given = found["mask", "grayscale", "logistic"]
    np.testing.assert_array_equal(found["mean_position", "grayscale", "logistic"].sample, given.sample)
    assert (found["mean_position", "grayscale", "logistic"].P != given.P).any()
    table = pd.read_csv(outcome.folder / "regions.csv", dtype={"study": str, "fold": str})
    assert dict(zip(table["study"], table["fold"], strict=True)) == folds.to_dict()
    assert (table["voxels"] > 1000).all() and set(table["regions"]) == {"mean_position"}
    kept = [file for one in read_artifacts(outcome.folder) if one.step == "region" for file in one.files["studies"]]
    assert sorted(sorted(pd.read_csv(path, dtype=str)["study"]) for path in kept) == sorted(mean_position)
    before = len(mean_position)
    assert go(grid(small, "[mask, mean_position]")).computed == 0
    again = go(grid(small, "[mask, mean_position]").replace("size: 12", "size: 10"))
    assert again.computed == 2 * 2 * 3 and len(mean_position) == before  # a new encoder: the regions are kept


def test_crops_of_a_region_that_learns_have_its_slices_and_structure(small, go, mean_position):
    go(grid(small, "[mean_position]"))
    notes = [json.loads(path.read_text()) for path in go.store.glob("crops/*/made_by.json")]
    thin = [note for note in notes if note["of"]["images"] == "-"]
    assert len(thin) == 1 and len(notes) == 1 + 2 * 3
    folder = next(path.parent for path in go.store.glob("crops/*/made_by.json") if "grayscale" in path.read_text())
    crops = Crops(folder)
    assert crops.shapes[:, 0].tolist() == [1] * len(crops) and crops[0].structure == 7


def test_regions_that_differ_only_in_their_boxes_share_a_fit_and_keep_their_boxes(small, go, mean_position):
    outcome = go(grid(small, "[mean_position, mean_position: {side: 20}]"))
    assert len(mean_position) == 3 and len(list(go.store.glob("regions/*"))) == 3
    found = predictions(outcome.folder)
    wide, narrow = (
        found["mean_position", "grayscale", "logistic"],
        found["mean_position(side=20)", "grayscale", "logistic"],
    )
    assert (wide.P != narrow.P).any()
    notes = {path.parent: json.loads(path.read_text())["of"] for path in go.store.glob("crops/*/made_by.json")}
    sides = {name: set() for name in ("mean_position", "mean_position(side=20)")}
    for folder, made_of in notes.items():
        if made_of["images"] != "-":
            sides[made_of["region"]] |= {tuple(shape) for shape in Crops(folder).shapes[:, 1:].tolist()}
    assert max(sides["mean_position(side=20)"]) < min(sides["mean_position"])


def test_samples_that_are_not_found_get_the_base_rate_and_the_others_stay_as_they_are(small, go, mean_position):
    outcome = go(grid(small, "[mean_position: {misses: ['', '3']}]"))
    found = predictions(outcome.folder)
    usual, missed = (found[f"mean_position(misses={study})", "grayscale", "logistic"] for study in ("", "3"))
    mine = missed.patient == "3"
    assert mine.any() and not mine.all()
    np.testing.assert_array_equal(usual.sample, missed.sample)
    fold = missed.fold[mine][0]
    training = missed.fold != fold
    rate = missed.y[training].mean()
    np.testing.assert_allclose(missed.P[mine, 1], rate)
    same = missed.fold == fold  # trained without patient 3, so that its other patients stay the same
    np.testing.assert_allclose(missed.P[same & ~mine], usual.P[same & ~mine], rtol=1e-6)


def test_given_weights_are_fitted_once_for_all_folds(small, go, mean_position):
    places = json.dumps({str(label): [0.0, 0.0, 0.0] for label in range(201, 210)})
    outcome = go(grid(small, f"[mean_position: {{given: '{places}'}}]"))
    assert not mean_position
    # One for the encoder and one for the floor pixels, each with its note.
    assert len(list(go.store.glob("tokens/*"))) == 3 and len(list(go.store.glob("regions/*"))) == 0
    table = pd.read_csv(outcome.folder / "regions.csv")
    assert set(table["fold"]) == {-1} and table["study"].is_unique


def test_a_region_that_fails_fails_only_its_own_cells(small, go, mean_position):
    outcome = go(grid(small, "[mask, mean_position: {given: '{}'}]"))
    assert outcome.counts["done"] == 4 + 2 and outcome.counts["failed"] == 2 + 1  # pixels reads the region too
    assert all("finds no sample in t2" in error for _, error in outcome.failures)


def test_samples_that_are_not_found_are_listed_and_counted(small, go, mean_position):
    outcome = go(grid(small, "[mean_position: {misses: '3'}]"))
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    lost = sorted(samples.index[samples["study"] == "3"])
    table = pd.read_csv(outcome.folder / "not_found.csv")
    assert sorted(set(table["sample"])) == lost
    assert "does not find the sample" in table["reason"][0]
    notes = " ".join(found_regions(read(outcome.folder)).notes)
    assert f"{len(lost)} test samples were not found" in notes
