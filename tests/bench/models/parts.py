"""A phantom in SPIDER's layout, cut into training patients and others, and models that were fitted on the former."""

import json
import shutil

import pandas as pd

from bench import api
from bench.grid.file import read_grid
from bench.run.progress import Progress
from bench.run.run import Options, run

GRID = """
name: {name}
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t2]
regions: [mask]
encoders: [raw_pixels: {{size: 12}}]
heads: [logistic: {{C: 0.1}}, knn]
protocol: {{folds: 3, seed: 1{protocol}}}
"""
SILENT = {"live": False, "show": lambda text: None}


def patients_of(folder):
    return sorted({path.stem.partition("_")[0] for path in (folder / "images").glob("*.mha")}, key=int)


def cut(source, target, patients, *, gradings=True, masks=True):
    """Copies some patients of a folder; the tables keep the rows of all."""
    for kind in ("images", "masks") if masks else ("images",):
        (target / kind).mkdir(parents=True)
        for path in (source / kind).glob("*.mha"):
            if path.stem.partition("_")[0] in patients:
                shutil.copy(path, target / kind)
    for name in ("radiological_gradings.csv", "overview.csv"):
        if gradings:
            shutil.copy(source / name, target)
    return target


def go(base, text, *, settings=(), **options):
    """Runs a grid in its own folders; gives the outcome."""
    base.mkdir(exist_ok=True, parents=True)
    file = base / "grid.yaml"
    file.write_text(text)
    given = {"runs": base / "runs", "store": base / "store", "device": "cpu", "jobs": 2} | options
    return run(read_grid(file, list(settings)), file, list(settings), Options(**given), Progress(**SILENT))


def cells_of(folder):
    """The cells of a run folder by head, without floors."""
    cells = json.loads((folder / "cells.json").read_text())
    return {cell["axes"]["heads"].partition("(")[0]: cell for cell in cells if not cell["floor"]}


def fit(base, folder, head="logistic", out="model"):
    """Fits a cell of a run; gives the model."""
    where = {"device": "cpu", "jobs": 2, "store": base / "store"}
    api.fit(folder, cells_of(folder)[head]["key"], base / out, **where)
    return base / out


def official(source, target, tested):
    """A copy in which the overview names some patients as the official test part."""
    shutil.copytree(source, target)
    table = pd.read_csv(target / "overview.csv", dtype=str)
    patient = table["new_file_name"].str.partition("_")[0]
    table["subset"] = ["validation" if one in tested else "training" for one in patient]
    table.to_csv(target / "overview.csv", index=False)
    return target
