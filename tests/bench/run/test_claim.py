"""A run folder belongs to one run, and nothing that others put there is removed."""

import json
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench import api
from bench.grid.file import read_grid
from bench.grid.tree import GridError
from bench.run.claim import ClaimError, claimed
from bench.run.ledger import note_use
from results.tables.files import are_current

ROOT = Path(__file__).resolve().parents[3]
GRID = {"targets": ["grade"], "sequences": ["image"], "encoders": ["raw_pixels"], "heads": ["logistic"]}
GRID |= {"protocol": {"folds": 2}}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Twelve patients with a picture each."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(random.integers(0, 200, (4, 4)).astype(np.uint8)).save(folder / f"{i}.png")
    rows = [(f"{i}.png", f"p{i}", i % 2) for i in range(12)]
    pd.DataFrame(rows, columns=["image", "patient", "grade"]).to_csv(folder / "scans.csv", index=False)
    return folder / "scans.csv"


def grid(table, **more):
    return GRID | {"name": "mine", "data": {"image_table": {"table": str(table), "labels": ["grade"]}}} | more


def run(table, place, **more):
    return api.run(grid(table, **more), runs=place / "runs", store=place / "store", quiet=True, jobs=1, device="cpu")


@pytest.mark.parametrize(
    "name", ["..", ".", "a/b", "a\\b", "../../x", ".hidden", "a\0b", "a\nb", "-rf", "椎" * 80, " "]
)
def test_a_name_that_leaves_its_folder_is_refused_with_one_that_does_not(table, tmp_path, name):
    with pytest.raises(GridError, match="names a folder below runs/") as error:
        read_grid(grid(table, name=name))
    assert "\n" not in str(error.value)
    proposed = re.search(r"use '([^']+)'", str(error.value))[1]
    assert read_grid(grid(table, name=proposed)).name == proposed


def test_a_run_adds_to_no_folder_of_others_and_removes_nothing_in_its_own(table, tmp_path):
    mine = tmp_path / "runs" / "mine"
    mine.mkdir(parents=True)
    (mine / "thesis.docx").touch()
    with pytest.raises(ClaimError, match=r"has files, such as thesis\.docx, and is no run folder"):
        run(table, tmp_path)
    assert [path.name for path in mine.iterdir()] == ["thesis.docx"]
    (mine / "thesis.docx").unlink()
    run(table, tmp_path, panels=2)
    kept = [
        "external/notes.txt",
        "cells/mine.parquet",
        "null/mine/1.parquet",
        "artifacts/a/b/notes.txt",
        "leaderboard_x.png",
    ]
    for name in kept:
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).touch()
    run(table, tmp_path, encoders=[{"raw_pixels": {"size": 3}}])
    assert [name for name in kept if not (mine / name).exists()] == []
    assert not (mine / "panels").exists() and len(list((mine / "cells").glob("*.parquet"))) == 1 + 3


def test_a_second_run_of_one_name_is_refused_and_a_refused_grid_leaves_no_folder(table, tmp_path):
    with claimed(tmp_path / "runs" / "mine"):
        with pytest.raises(ClaimError, match=rf"written by another run \(process {os.getpid()} on .* another name"):
            run(table, tmp_path)
        assert (tmp_path / "runs" / "mine").is_dir()
    assert not (tmp_path / "runs" / "mine").exists()


def test_tables_that_a_killed_run_did_not_write_are_written_by_the_next(table, tmp_path):
    found = run(table, tmp_path)
    whole = {
        path.name: path.read_bytes() for path in found.folder.iterdir() if path.name.startswith(("tables", "lead"))
    }
    assert len(whole) == 4 and are_current(found.folder)
    for name in whole:
        (found.folder / name).unlink()
        assert not are_current(found.folder)
        again = run(table, tmp_path)
        assert again.outcome.computed == 0 and (found.folder / name).read_bytes() == whole[name]
    (found.folder / ".tables.json").unlink()  # it is the last to be written
    for name in whole:
        (found.folder / name).write_bytes(b"of fewer cells")
    run(table, tmp_path)
    assert {name: (found.folder / name).read_bytes() for name in whole} == whole


def _uses(place, number):
    for i in range(5):
        note_use(place, ["scan"], [f"{number} {i}"], f"run {number}", "held out")


def test_no_use_of_a_held_out_set_is_lost_between_processes(tmp_path):
    processes = [multiprocessing.get_context("fork").Process(target=_uses, args=(tmp_path, i)) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    (ledger,) = (tmp_path / "held_out").glob("*.json")
    assert len(json.loads(ledger.read_text())["uses"]) == 20


READ_ONLY = """
mount -t tmpfs tmpfs {place} && cp -r {run} {place}/mine && mount -o remount,ro {place} || exit 77
{python} run_benchmark.py report {place}/mine --out {out}
echo $?
{python} run_benchmark.py run {grid} --runs {place} --store {store} --device cpu
echo $?
"""


def test_a_report_needs_no_run_folder_that_can_be_written_and_a_run_says_that_it_does(table, tmp_path):
    found = run(table, tmp_path)
    (tmp_path / "disk").mkdir()
    (tmp_path / "grid.yaml").write_text(json.dumps(grid(table)))
    where = {"place": tmp_path / "disk", "run": found.folder, "out": tmp_path / "out.html", "python": sys.executable}
    script = READ_ONLY.format(**where, grid=tmp_path / "grid.yaml", store=tmp_path / "store")
    done = subprocess.run(["unshare", "-Urm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True)
    if done.returncode in (1, 77, 127) and not done.stdout:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    report, again = re.findall(r"^\d+$", done.stdout, re.M)
    assert report == "0" and (tmp_path / "out.html").read_text().rstrip().endswith("</html>"), done.stderr
    assert again == "1" and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("scangrid: ") and "it can't be written to" in done.stderr
