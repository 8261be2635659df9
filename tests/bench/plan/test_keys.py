"""A changed line of a stage changes the keys of what it computes."""

from pathlib import Path

import pytest

import bench.stages
from bench.grid.file import read_grid
from bench.plan import identity
from bench.plan.plan import Plan
from bench.tasks.store import Store

OTHER = {"chain", "gradients", "occlusion", "scorer", "positions"}  # for models and explanations, or words on tokens
OTHER |= {"looks", "copies"}  # for the guard on near-duplicates
STAGES = sorted(p.stem for p in Path(bench.stages.__path__[0]).glob("*.py") if p.stem != "__init__")
LEARNT = "{finetuned: {preset: '', network: test_efficientnet, weights: random, size: 32, epochs: 1}}"


@pytest.fixture
def keys(small, tmp_path, monkeypatch):
    """The keys of the first fits of cells by encoder and head, as if a line of a module had changed."""
    file = tmp_path / "grid.yaml"
    file.write_text(small)
    grid = read_grid(file, [f"encoders=[raw_pixels, {LEARNT}]", "heads=[logistic, own, prior, location]"])
    read = identity._read

    def of(module: str = "") -> dict[tuple[str, str], tuple[str, ...]]:
        def changed(name: str) -> tuple[str, tuple[str, ...]]:
            digest, imported = read(name)
            return digest + (" changed" if name == module else ""), imported

        monkeypatch.setattr(identity, "_read", changed)
        identity.code.cache_clear()
        found = {}
        for planned in Plan(grid, Store(tmp_path / "store")).cells():
            fit = planned.fits[0]
            networks = tuple(ref.network for each in fit.tokens for ref in each)
            found[planned.cell["encoders"].name, planned.cell["heads"].name] = (fit.key, *networks)
        return found

    yield of
    monkeypatch.undo()
    identity.code.cache_clear()


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in OTHER])
def test_each_stage_is_in_the_key_of_a_head_on_an_encoder_that_learns(keys, stage):
    before, after = keys(), keys(f"bench.stages.{stage}")
    assert before["finetuned", "own"][0] != after["finetuned", "own"][0]


def test_what_a_floor_reads_is_in_its_key(keys):
    before, after = keys(), keys("bench.stages.branches")
    assert before["-", "location"] != after["-", "location"]


def test_code_that_turns_images_into_features_is_in_no_key_of_a_floor(keys):
    before, after = keys(), keys("bench.stages.features")
    assert before["-", "location"] == after["-", "location"]
    assert before != after


def test_the_choice_of_training_crops_is_in_the_key_of_a_network_and_no_other(keys):
    before, after = keys(), keys("bench.stages.training_crops")
    assert before["finetuned", "own"][1] != after["finetuned", "own"][1]
    before, after = keys(), keys("bench.stages.fits")
    assert before["finetuned", "own"][1] == after["finetuned", "own"][1]


def test_only_a_table_step_reads_columns(small, tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text(small)
    grid = read_grid(file, ["tables=[none, forest_onehot]", "images=[grayscale]", "heads=[logistic]"])
    plan = Plan(grid, Store(tmp_path / "store"))
    read = {planned.cell["tables"].name: plan.keys.table_columns(planned.cell) for planned in plan.cells()}
    assert read["none"] == read["-"] == [] and {"age", "sex"} <= set(read["forest_onehot"])
