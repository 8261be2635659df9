"""A cell keeps its number in a run folder for good: in tables, for commands, and in what `plan` lists."""

import json

import pytest

from bench import api
from bench.plan.cell_numbers import FORMER
from results.scores.named import listed

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


def without_numbers(folder):
    """Makes a run folder one of an earlier version."""
    cells = json.loads((folder / "cells.json").read_text())
    for file in ("SHA256SUMS", "cells.json"):
        (folder / file).unlink()
    old = [{name: value for name, value in cell.items() if name != "number"} for cell in cells]
    (folder / "cells.json").write_text(json.dumps(old))


def test_numbers_stay_when_encoders_come_and_go(go):
    first = go(SMALL)
    assert sorted(first.values()) == list(range(1, len(first) + 1))
    without_numbers(go.folder)
    assert api.open(go.folder).cells["cell"].tolist() == list(range(1, len(first) + 1))  # then positions count

    before = go(LARGE, SMALL)  # the new encoder comes first in the grid
    new = {name: number for name, number in before.items() if name not in first}
    assert {name: before[name] for name in first} == first
    assert sorted(new.values()) == list(range(len(first) + 1, len(before) + 1)) and len(new) == 2
    steps, last = max(new.items(), key=lambda item: item[1])
    cells = {one.number: one for one in api.open(go.folder).opened.cells}
    assert (cells[last].axes["encoders"], cells[last].head) == steps
    assert f"{last} (narrowing" in listed(list(cells.values()), [cells[last]])

    after = go(SMALL, LARGER)  # the numbers of the encoder that left are not given to the one that came
    assert {name: after[name] for name in first} == first
    gone = {name: number for name, number in after.items() if name not in first}
    assert sorted(gone.values()) == [len(before) + 1, len(before) + 2]

    assert go(LARGE, SMALL, settings=["protocol.seed=7"]) == before  # the same steps, other folds
    assert {one["number"] for one in json.loads((go.folder / FORMER).read_text())} == set(gone.values())
