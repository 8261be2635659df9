"""Run folders with synthetic predictions, of the engine's shape."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from bench.grid.axes import AXES, NAMES
from bench.grid.grid import floors, reads
from bench.plugins import find, plugin_class
from bench.run.facts import WORDS
from results.run_folder import head_name
from tests.results.plug_ins import write_plugins

LEVELS = ("L3/L4", "L4/L5", "L5/S1")


class RunWriter:
    """Writes a run folder of `n_patients` with three discs each, 4 folds."""

    def __init__(self, folder, *, n_patients=40, repeats=1, n_classes=2, seed=0, **about):
        self.folder, self.repeats, self.n_classes = folder, repeats, n_classes
        self.random = np.random.default_rng(seed)
        self.about = {
            "name": folder.name,
            "dataset": "synthetic",
            "floors": {name: reads(head) for name, head in floors().items()},
            "axes": [{field: getattr(axis, field) for field in WORDS} for axis in AXES],
            "patients_known": True,
            "locations": ["level"],
            "protocol": {"folds": 4, "repeats": repeats, "seed": 0, "stratify": "narrowing", "split": "patients"}
            | {"near_duplicates": "refuse"},
            "n_excluded": 0,
            "devices": ["cpu"],
        } | about
        self.of_patient = np.repeat(np.arange(n_patients), 3)
        self.level = np.tile(np.arange(3), n_patients)
        self.patient = np.array([f"p{i:02d}" for i in self.of_patient])
        self.sample = np.array([f"{p}_{LEVELS[k]}" for p, k in zip(self.patient, self.level, strict=True)])
        self.signal = self.level - 1 + self.random.normal(size=len(self.level))
        quantiles = np.quantile(self.signal, np.arange(1, n_classes) / n_classes)
        self.y = np.digitize(self.signal, quantiles)
        self.fold = [self.random.permutation(n_patients) % 4 for _ in range(repeats)]
        self.cells = []
        (folder / "cells").mkdir(parents=True)
        table = pd.DataFrame({"patient": self.patient, "level": np.array(LEVELS)[self.level], "narrowing": self.y})
        table.index = pd.Index(self.sample, name="sample")
        table.to_parquet(folder / "samples.parquet")

    def add(self, score=None, *, rows=slice(None), status="done", target="narrowing", floor=False, **fields):
        """A cell whose probabilities follow `score` `(n,)`; the axes not named are `none`."""
        axes = {axis: fields.pop(axis, "none") for axis in NAMES}
        cell = {
            "key": f"cell{len(self.cells)}",
            "axes": axes,
            "target": target,
            "classes": [str(k) for k in range(self.n_classes)],
            "ordinal": self.n_classes > 2,
            "status": status,
            "reason": "",
            "tuned": False,
            "seconds": 1.0,
            "floor": floor,
            "reads": _reads(axes["heads"]),
        } | fields
        self.cells.append(cell)
        if status == "done":
            self.write(self.folder / "cells" / f"{cell['key']}.parquet", score, self.y, rows)
        return cell["key"]

    def add_null(self, key, scores):
        """The null runs of a cell: labels permuted."""
        (self.folder / "null" / key).mkdir(parents=True)
        for k, score in enumerate(scores):
            self.write(self.folder / "null" / key / f"{k}.parquet", score, self.random.permutation(self.y))

    def write(self, path, score, y, rows=slice(None)):
        """Predictions of every repeat."""
        centres = np.linspace(-1, 1, self.n_classes)
        P = np.exp(-((np.asarray(score)[:, None] - centres) ** 2))
        P /= P.sum(axis=1, keepdims=True)
        parts = []
        for repeat in range(self.repeats):
            part = {"sample": self.sample, "patient": self.patient, "repeat": repeat}
            part |= {"fold": self.fold[repeat][self.of_patient], "y": y} | {f"p_{k}": p for k, p in enumerate(P.T)}
            parts.append(pd.DataFrame(part)[rows])
        pd.concat(parts).to_parquet(path, index=False)

    def add_floors(self, **axes):
        """Prior and location, with their steps on some axes."""
        self.add(np.zeros(len(self.y)), heads="prior", floor=True, **axes)
        self.add(self.level - 1.0, heads="location", floor=True, **axes)

    def add_grid(self, **axes):
        """Every combination of the values of some axes; the first encoder sees most."""
        for values in itertools.product(*axes.values()):
            strength = 0.3 + 0.7 / (1 + axes["encoders"].index(values[list(axes).index("encoders")]))
            self.add(
                strength * self.signal + self.random.normal(size=len(self.y)), **dict(zip(axes, values, strict=True))
            )

    def leave(self, step, words, fold, *, target=None, sequences=("t1",), cells=(), seconds=None, **contents):
        """Writes the tables and arrays that a trained step left in a fold of the first repeat, each under its name."""
        root = self.folder / "artifacts"
        index = json.loads((root / "index.json").read_text()) if root.exists() else []
        place = root / f"{len(index)}"  # readers must not rely on the names of folders
        place.mkdir(parents=True)
        files = {}
        for content, value in contents.items():
            files[content] = [f"{content}.csv" if isinstance(value, pd.DataFrame) else f"{content}.npy"]
            if isinstance(value, pd.DataFrame):
                value.to_csv(place / files[content][0], index=False)
            else:
                np.save(place / files[content][0], value)
        entry = {"step": step, "words": list(words), "axes": {}, "target": target, "sequences": list(sequences)}
        entry |= {"images": None, "repeat": 0, "fold": fold, "folder": place.name, "cells": list(cells)}
        (root / "index.json").write_text(json.dumps([*index, entry | {"files": files, "seconds": seconds}]))

    def finish(self):
        """Writes what describes the run; gives the folder."""
        write_plugins(self.folder, self.about["dataset"], self.cells)
        (self.folder / "run.json").write_text(json.dumps(self.about))
        (self.folder / "cells.json").write_text(json.dumps(self.cells))
        return self.folder


def _reads(label):
    """What a head reads; a head that the project does not have reads the embedding."""
    name = head_name(label)
    return reads(plugin_class("heads", name)) if name in find("heads") else "embedding"


@pytest.fixture
def new_run(tmp_path):
    """Makes a writer of a run folder; fields of run.json may be given."""
    return lambda name="trial", **fields: RunWriter(tmp_path / name, **fields)


@pytest.fixture
def grid_run(tmp_path, grid_run_in):
    """A finished run of 2 images x 2 encoders x 2 heads with floors."""
    return grid_run_in(tmp_path)


@pytest.fixture(scope="session")
def grid_run_in():
    """Makes a writer of a finished run in a folder: some images x 2 encoders x 2 heads with floors."""

    def make(folder, images=("grayscale", "clahe"), encoders=("resnet50", "raw_pixels"), **fields):
        run = RunWriter(folder / "trial", **fields)
        run.add_grid(images=images, encoders=encoders, heads=["logistic", "svc"])
        run.add_floors()
        return run

    return make
