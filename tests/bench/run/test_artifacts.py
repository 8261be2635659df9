"""The files of trained steps are found through the index, whatever the names of targets, sequences and steps."""

import json
from hashlib import sha256

import cv2
import numpy as np
import pandas as pd
import pytest

from bench.models.fit import fit_model
from bench.run.progress import Progress
from results.artifacts import read_artifacts
from results.figures.best_and_worst_cases import best_and_worst_cases
from results.run_folder import read
from results.trained_steps import trained_steps

GRID = """
name: named
data:
  image_table:
    table: {table}
    patient: patient
    sequence: sequence
    labels: [disc, disc narrowing, disc/narrowing, disc_narrowing]
targets: [disc, disc narrowing, disc/narrowing, disc_narrowing]
sequences: [t2/sag + t1/sag]
encoders: [raw_pixels: {{size: 4}}]
fusion: [attention: {{epochs: 1}}]
heads: [logistic]
protocol: {{folds: 2, seed: 1}}
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Sixteen patients with two pictures each, and four labels whose names are alike."""
    folder = tmp_path_factory.mktemp("named")
    random = np.random.default_rng(0)
    rows = []
    for i in range(16):
        labels = [i % 2, i // 2 % 2, i // 4 % 2, i // 8 % 2]
        for sequence in ("t2/sag", "t1/sag"):
            name = f"{i}_{sequence[:2]}.png"
            cv2.imwrite(str(folder / name), random.integers(0, 255, (8, 8), dtype=np.uint8))
            rows.append((name, f"p{i}", sequence, *labels))
    columns = ["image", "patient", "sequence", "disc", "disc narrowing", "disc/narrowing", "disc_narrowing"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def test_targets_with_blanks_and_slashes_have_their_own_artifacts(go, table):
    outcome = go(GRID.format(table=table))
    assert not outcome.failures
    run = read(outcome.folder)
    left = read_artifacts(run.folder)
    assert run.targets == ["disc", "disc narrowing", "disc/narrowing", "disc_narrowing"]
    assert all(path.is_file() for one in left for paths in one.files.values() for path in paths)
    for target in run.targets:
        own = [cell.key for cell in run.cells if cell.target == target and not cell.floor]
        of_target = [one for one in left if one.target == target]
        assert [(one.fold, list(one.cells), one.sequences) for one in of_target] == [
            (fold, own, ("t2/sag", "t1/sag")) for fold in (0, 1)
        ]
        (step,) = trained_steps(run, target, "attention_slices")
        assert list(step.folds) == of_target
    paths = [path for one in left for paths in one.files.values() for path in paths]
    assert len(set(paths)) == len(paths)


def test_targets_with_slashes_have_pictures_and_models_of_their_own(go, table, tmp_path):
    run = read(go(GRID.format(table=table) + "panels: 2\n").folder)
    kept = sorted(path.relative_to(run.folder / "panels").as_posix() for path in (run.folder / "panels").rglob("*"))
    blank, slash = (f"disc_narrowing-{sha256(text).hexdigest()[:8]}" for text in (b"disc narrowing", b"disc/narrowing"))
    names = ("disc", "disc_narrowing", blank, slash)
    files = [f"{name}.{ending}" for name in names for ending in ("json", "npz")]
    assert kept == sorted([".scangrid", "index.json", *files])
    for target in run.targets:
        assert best_and_worst_cases(run, target).caption.startswith(f"Best and worst cases of {target} by the cell")
    cell = next(cell.key for cell in run.cells if cell.target == "disc/narrowing" and not cell.floor)
    where = {"store": go.store, "grid_file": None, "device": "cpu", "jobs": 1, "progress": Progress(live=False)}
    fit_model(run.folder, [cell], tmp_path / "model", **where)
    assert (tmp_path / "model" / f"chain_{slash}.skops").is_file()
    assert (tmp_path / "model" / "fusions" / f"{slash}_0").is_dir()


def test_a_run_that_is_started_again_keeps_its_artifacts_and_removes_unused_ones(go, table):
    text = GRID.format(table=table)
    folder = go(text).folder
    index = (folder / "artifacts" / "index.json").read_bytes()
    assert go(text).computed == 0
    assert (folder / "artifacts" / "index.json").read_bytes() == index
    fewer = text.replace("targets: [disc, ", "targets: [disc] #")
    assert go(fewer).computed == 0
    assert {one["target"] for one in json.loads((folder / "artifacts" / "index.json").read_text())} == {"disc"}
    kept = {path.parent for one in read_artifacts(folder) for paths in one.files.values() for path in paths}
    on_disk = {path.parent for path in (folder / "artifacts").glob("*/*/made_by.json")}
    assert on_disk == {path if (path / "made_by.json").exists() else path.parent for path in kept}
    untrained = fewer.replace("fusion: [attention: {epochs: 1}]", "fusion: [mean]")
    go(untrained)
    assert not (folder / "artifacts").exists() and read_artifacts(folder) == []
