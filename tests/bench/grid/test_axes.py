"""The table of axes: a new row is a key of the grid file and changes no key of cells that do not use it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.grid import axes
from bench.grid.grid import floors
from bench.grid.schema import CompareKeys, GridFile, IntervalKeys, ProtocolKeys
from bench.plugins import KINDS, find

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("bench", "data", "encoders", "heads", "preprocessing", "results")

ROW = """    Axis(
        name="augmentation",
        package="preprocessing.augmentation",
        base="Augmentation",
        default="none",
        decides="features",
        noun="augmentation",
        plural="augmentations",
        meaning="How training images are changed at random.",
    ),
"""
BASE = '''"""The contract of an augmentation."""


class Augmentation:
    """Changes training images at random."""
'''
PLUGIN = '''"""{what}"""

from dataclasses import dataclass

from preprocessing.augmentation.base import Augmentation


@dataclass(frozen=True, kw_only=True)
class {name}(Augmentation):
    """{what}"""
'''
KEYS = """
import json, sys
from pathlib import Path
from bench.grid.file import read_grid
from bench.plan.plan import Plan
from bench.plan.patient_draws import PatientDraws
from bench.tasks.store import Store

store = Store(Path(sys.argv[2]))
plan = Plan(read_grid(Path(sys.argv[1])), store)
cells = list(plan.cells())
again = [one for view in (plan.null_view(0),) for one in plan.cells(view)]
again += [one for cell in cells for one in PatientDraws(plan, cells).of(cell)][:4]
found, fits = {}, {}
for planned in [*cells, *again]:
    steps = {axis: label for axis, label in planned.cell.labels().items() if axis != "augmentation"}
    name = json.dumps([steps, planned.cell.labels().get("augmentation", "none").replace("-", "none"),
                       planned.cell.target, planned.view.kind, planned.view.number])
    refs = [ref for fit in planned.fits for each in fit.tokens for ref in each]
    fits[name] = [fit.key for fit in planned.fits]
    found[name] = [planned.key, planned.refused, *fits[name]]
    found[name] += [fit.fused.key for fit in planned.fits if fit.fused] + [fit.filling for fit in planned.fits]
    found[name] += [ref.key for ref in refs] + [ref.crops.key for ref in refs]
print(json.dumps({"cells": found, "fits": fits, "folds": sorted(store.keys("folds"))}))
"""
GRID = """
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t1 + t2, t2]
regions: [mask, segmented: {{epochs: 1}}]
images: [grayscale, grayscale + clahe]
encoders: [raw_pixels: {{size: 12}}, cae_2d: {{size: 16, channels: [4, 8], latent: 4, steps: 1}}]
missing: [zeros, mean]
fusion: [mean, attention: {{epochs: 1}}]
balance: [none, smote]
heads: [logistic, own]
protocol: {{folds: 3, seed: 1, drop: {{t1: [0, 0.3]}}}}
interval: {{refit: 2, cells: [{{heads: logistic, encoders: raw_pixels, fusion: mean}}]}}
{more}
"""


def keys(code, grid, store):
    """The keys of all steps of a grid's cells, made in another process by the code in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", KEYS, grid, store], cwd=code, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def with_augmentation(tmp_path):
    """A copy of the project's code with one more axis: a row of the table and a folder of plug-ins."""
    code = tmp_path / "code"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    table = code / "bench" / "grid" / "axes.py"
    before, mark, after = table.read_text().partition('    Axis(\n        name="encoders",\n')
    table.write_text(before + ROW + mark + after)
    folder = code / "preprocessing" / "augmentation"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""Augmentations."""\n')
    (folder / "base.py").write_text(BASE)
    (folder / "none.py").write_text(PLUGIN.format(name="Nothing", what="Leaves training images as they are."))
    (folder / "flip.py").write_text(PLUGIN.format(name="Flip", what="Mirrors half of the training images."))
    return code


@pytest.mark.long
def test_an_axis_that_no_cell_uses_leaves_all_keys_as_they_were(phantom, with_augmentation, tmp_path):
    grid = tmp_path / "grid.yaml"
    grid.write_text(GRID.format(folder=phantom, more=""))
    before, after = keys(ROOT, grid, tmp_path / "before"), keys(with_augmentation, grid, tmp_path / "after")
    assert len(before["cells"]) > 100 and before == after


def test_a_new_axis_is_a_key_of_the_grid_file_and_adds_cells(phantom, with_augmentation, tmp_path):
    grid, used = tmp_path / "grid.yaml", tmp_path / "used.yaml"
    grid.write_text(GRID.format(folder=phantom, more=""))
    used.write_text(GRID.format(folder=phantom, more="augmentation: [none, flip]"))
    without, used_by = keys(ROOT, grid, tmp_path / "store"), keys(with_augmentation, used, tmp_path / "store")
    before, after = without["cells"], used_by["cells"]
    assert {name: found for name, found in after.items() if name in before} == before
    flipped = {name: found for name, found in after.items() if name not in before}
    assert flipped and all('"flip"' in name for name in flipped)
    assert not {found[0] for found in flipped.values()} & {found[0] for found in before.values()}
    fitted = {key for fits in without["fits"].values() for key in fits}
    assert fitted and not fitted & {key for name in flipped for key in used_by["fits"][name]}


def test_every_axis_with_plug_ins_has_a_folder_that_holds_its_default():
    assert list(KINDS) == ["data", *(axis.name for axis in axes.AXES if axis.package)]
    for axis in axes.AXES:
        if axis.default is not None:
            assert axis.default in find(axis.name)


def test_the_grid_file_has_a_key_for_each_listed_axis_and_describes_every_key():
    keys_of_file = list(GridFile.model_fields)
    listed = [axis.name for axis in axes.AXES if axis.listed]
    assert [key for key in keys_of_file if key in axes.NAMES] == listed
    assert keys_of_file.index("targets") < keys_of_file.index(listed[0]) < keys_of_file.index("protocol")
    for model in (GridFile, ProtocolKeys, CompareKeys, IntervalKeys):
        for name, field in model.model_fields.items():
            assert field.description, name


def test_plug_ins_declare_that_they_are_floors_of_every_grid():
    assert list(floors()) == ["prior", "location", "presence", "clinical", "pixels"]
