"""Damaged entries of the store are named, set aside and made again, of whatever kind they are."""

import importlib
import shutil
import sys

import pytest

import encoders
import preprocessing.regions
from bench import plugins
from bench.tasks.mending import RATINGS
from data.phantom import write_phantom
from tests.bench.tasks.test_fitted_regions import MEAN_POSITION

MIDDLES = '''
"""The brightness of a slice above that of the training images."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class Middles(Encoder):
    """Brightness above the mean of the training images."""

    learns: ClassVar[str] = "images"

    def fit(self, images, y, *, groups, seed, device):
        return Fitted(np.array([np.mean([image.pixels.mean() for image in images])]))

    def load(self, folder, *, device):
        return Fitted(np.load(folder / "middle.npy"))


class Fitted:
    def __init__(self, middle):
        self.middle = middle

    def encode(self, images):
        for image in images:
            yield (image.pixels.mean(axis=(1, 2)) - self.middle).reshape(-1, 1).astype(np.float32)

    def save(self, folder):
        np.save(folder / "middle.npy", self.middle)

    def artifacts(self):
        return {"learnt": pd.DataFrame({"middle": self.middle})}
'''
GRID = """
name: healed
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t1 + t2]
regions: [mean_place]
encoders: [middles]
missing: [mean]
fusion: [concat, attention: {{epochs: 1}}]
heads: [logistic]
panels: 2
protocol: {{folds: 2, seed: 1}}
"""
READ_BY_ANY_RUN = {*RATINGS, "crops"}  # crops for the panels; of others `--verify` sees the damage
NO_RESULT = {"alive", "held_out", "damaged"}  # folders of the store without entries


@pytest.fixture
def all_kinds(go, tmp_path, monkeypatch):
    """A grid with a trained region, encoder and fusion, and a missing step; its outcome and its store."""
    for package, name, text in (
        (preprocessing.regions, "mean_place", MEAN_POSITION.replace("MeanPosition", "MeanPlace")),
        (encoders, "middles", MIDDLES),
    ):
        text = text.replace('assert list(study.images) == ["t2"] and study.points is None', "(t,) = study.images")
        text = text.replace('study.images["t2"]', "study.images[t]")
        text = text.replace('seen.images["t2"]', "next(iter(seen.images.values()))")
        text = text.replace('given.images["t2"]', "next(iter(given.images.values()))")
        folder = tmp_path / "mine" / package.__name__.replace(".", "/")
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__])
    plugins.add_folder(tmp_path / "mine")
    importlib.import_module("preprocessing.regions.mean_place")
    write_phantom(tmp_path / "scans", patients=8, seed=5, effect=1.0, spacing=(5.0, 1.8), slices=5, missing=0.3)
    outcome = go(GRID.format(folder=tmp_path / "scans"))
    assert not outcome.failures and set(outcome.counts) == {"done"}, (outcome.folder / "cells.json").read_text()
    yield outcome
    for name in ("preprocessing.regions.mean_place", "encoders.middles"):
        sys.modules.pop(name, None)


def contents(folder):
    """What the run folder says, without times and without what names them."""
    names = sorted(path for path in folder.rglob("*") if path.suffix in (".parquet", ".csv", ".npy", ".npz"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


def harm(entry, *, cut):
    """Cuts the largest file of an entry, or changes its last byte."""
    files = [path for path in entry.rglob("*") if path.is_file() and path.name != "sums.json"]
    file = max(files, key=lambda path: path.stat().st_size)
    content = file.read_bytes()
    file.write_bytes(content[:-1] if cut else content[:-1] + bytes([content[-1] ^ 1]))


def test_an_entry_of_any_kind_that_is_damaged_is_made_again(all_kinds, go, tmp_path):
    whole = contents(all_kinds.folder)
    kinds = sorted(path.name for path in go.store.iterdir() if path.is_dir() and path.name not in NO_RESULT)
    assert {"fits", "fillings", "qualities", "regions", "networks", "fused"} <= set(kinds)
    wrong = []
    for kind in kinds:
        entries = sorted((go.store / kind).iterdir())
        verify = kind not in READ_BY_ANY_RUN
        shutil.rmtree(tmp_path / "runs")
        for entry in entries:
            harm(entry, cut=not verify)
        again = go(GRID.format(folder=tmp_path / "scans"), verify=verify)
        wrong += [f"{kind}: {c.key} failed: {why}" for c, why in again.failures]
        if contents(again.folder) != whole:
            wrong.append(f"{kind}: another result")
        if lost := [one.name for one in entries if not one.exists()]:
            wrong.append(f"{kind}: not made again: {lost}")
        if verify and len(list((go.store / "damaged").glob(f"{kind}-*"))) < len(entries):
            wrong.append(f"{kind}: not noticed")
    for kind in ("crops", "fits"):  # as somebody clears parts of the store
        shutil.rmtree(go.store / kind)
    again = go(GRID.format(folder=tmp_path / "scans"))
    assert not wrong and not again.failures and contents(again.folder) == whole
