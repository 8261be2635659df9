"""A cell keeps its number in a run folder for good: in tables, for commands, and in what `plan` lists."""

import json

import pytest

from bench import api
from bench.plan.cell_numbers import FORMER

GRID = """
name: kept
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t2]
regions: [mask]
encoders: [{encoders}]
heads: [logistic, knn]
protocol: {{folds: 2}}
"""
SMALL, LARGE, LARGER = ("raw_pixels: {size: 4}", "raw_pixels: {size: 5}", "raw_pixels: {size: 6}")


@pytest.fixture
def go(phantom, tmp_path):
    """Runs a grid with some encoders in one run folder; gives its numbers by encoder and head."""
    where = {"runs": tmp_path / "runs", "store": tmp_path / "store"}

    def run(*encoders, **how):
        file = tmp_path / "grid.yaml"
        file.write_text(GRID.format(folder=phantom, encoders=", ".join(encoders)))
        planned = api.plan(file, **where)
        cells = api.run(file, only=["heads=knn"], device="cpu", quiet=True, **where, **how).cells
        assert planned.cells["number"].tolist() == cells["cell"].tolist()
        return {(row.encoders, row.heads): row.cell for row in cells.itertuples()}

    run.folder = tmp_path / "runs" / "kept"
    return run


def test_numbers_stay_when_encoders_come_and_go(go):
    first = go(SMALL)
    assert sorted(first.values()) == list(range(1, len(first) + 1))
    own = {name: number for name, number in first.items() if name[1] == "knn"}
    assert len(own) == 1

    before = go(LARGE, SMALL)  # the new encoder comes first in the grid
    new = {name: number for name, number in before.items() if name not in first}
    assert {name: before[name] for name in first} == first
    assert sorted(new.values()) == list(range(len(first) + 1, len(before) + 1)) and len(new) == 2

    last = go(SMALL, LARGER)  # the numbers of the encoder that left are not given to the one that came
    assert {name: last[name] for name in first} == first
    assert sorted(n for name, n in last.items() if name not in first) == [len(before) + 1, len(before) + 2]
    assert go(LARGE, SMALL) == before
    assert {one["number"] for one in json.loads((go.folder / FORMER).read_text())} == {
        number for name, number in last.items() if name not in first
    }


def test_the_same_steps_keep_their_number_when_the_protocol_changes(go):
    go(SMALL)
    before = go(LARGE, SMALL)
    assert go(SMALL, LARGE, settings=["protocol.seed=7"]) == before


def test_folders_without_numbers_count_positions(go):
    first = go(SMALL)
    cells = json.loads((go.folder / "cells.json").read_text())
    old = [{name: value for name, value in cell.items() if name != "number"} for cell in cells]
    for file in (go.folder / "SHA256SUMS", go.folder / "cells.json"):
        file.unlink(missing_ok=True)
    (go.folder / "cells.json").write_text(json.dumps(old))
    assert api.open(go.folder).cells["cell"].tolist() == list(range(1, len(old) + 1))
    again = go(LARGE, SMALL)
    assert {name: again[name] for name in first} == first
