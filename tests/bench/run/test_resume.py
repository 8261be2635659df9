"""Runs are resumed as by a user: in real processes, which are killed, on a copy of the project, which is edited."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import bench.run.run
from bench.run.state import State
from results.methods import methods
from results.run_folder import read

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("bench", "data", "encoders", "heads", "preprocessing", "results")


@pytest.fixture
def project(tmp_path, small):
    """A copy of the project that a test may edit, with the small grid in it."""
    folder = tmp_path / "project"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "run_benchmark.py", folder)
    (folder / "grid.yaml").write_text(small)
    return folder


def command(project, *more, **options):
    words = [sys.executable, "run_benchmark.py", "run", "grid.yaml", "--device", "cpu", *more]
    return subprocess.run(words, cwd=project, capture_output=True, text=True, **options)


def computed(project, *more):
    done = command(project, *more)
    assert done.returncode == 0, done.stderr
    return int(re.search(r"(\d+) fits computed", done.stdout)[1]), done.stdout


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def entries(project, kind):
    folder = project / ".store" / kind
    return {p.name for p in folder.iterdir() if "." not in p.name} if folder.exists() else set()


def test_edits_recompute_what_they_touch_and_nothing_else(project):
    assert computed(project)[0] == 36
    tokens = entries(project, "tokens")

    logistic = project / "heads" / "logistic.py"
    docstring = re.search(r'"""(.+?)"""', logistic.read_text(), re.S)[1]
    edit(logistic, docstring, docstring + "\n\nSaid otherwise.\n")
    edit(project / "encoders" / "base.py", '"""', '"""Another beginning. ')
    assert computed(project)[0] == 0

    with logistic.open("a") as file:
        file.write("\n\n_UNUSED = 1\n")
    assert computed(project)[0] == 2 * 2 * 3  # logistic's cells: images x balance x folds

    with (project / "heads" / "base.py").open("a") as file:
        file.write("\n\n_UNUSED = 1\n")
    assert computed(project)[0] == 36  # every head imports it
    assert entries(project, "tokens") == tokens

    with (project / "encoders" / "base.py").open("a") as file:
        file.write("\n\n_UNUSED = 1\n")
    assert computed(project)[0] == 24 + 3  # what reads an embedding, the floor pixels too
    assert len(entries(project, "tokens") - tokens) == 2 + 1


def test_a_new_encoder_file_is_found_and_only_its_cells_are_computed(project):
    computed(project)
    before = {kind: entries(project, kind) for kind in ("crops", "tokens", "fits")}
    text = (project / "encoders" / "raw_pixels.py").read_text()
    (project / "encoders" / "my_encoder.py").write_text(text.replace("class RawPixels", "class MyEncoder"))
    edit(project / "grid.yaml", "encoders: [", "encoders: [my_encoder: {size: 10}, ")
    assert computed(project)[0] == 24
    assert len(entries(project, "tokens") - before["tokens"]) == 2
    assert len(entries(project, "fits") - before["fits"]) == 24
    assert entries(project, "crops") == before["crops"]


def test_a_finished_grid_loads_no_heavy_library_parses_no_code_and_opens_no_image(project):
    first = computed(project)[1]
    time.sleep(2.1)  # until the project's files count as settled
    computed(project)
    probe = (
        "import sys, runpy\n"
        "from bench.plan import identity\n"
        "identity._bare = None\n"  # parses a file for its key
        "opened = []\n"
        "sys.addaudithook(lambda e, a: e == 'open' and opened.append(str(a[0])))\n"
        "sys.argv = ['run_benchmark.py', 'run', 'grid.yaml']\n"
        "try:\n    runpy.run_path('run_benchmark.py', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'SimpleITK', 'sklearn', 'cv2', 'lightgbm', 'scipy', 'matplotlib', 'jinja2', 'rich'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "images = [name for name in opened if name.endswith(('.mha', '.png', 'pixels.f32'))]\n"
        "assert not images, images\n"
    )
    again = subprocess.run([sys.executable, "-c", probe], cwd=project, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    table = first.split("\n\n", 1)[1]
    assert again.stdout.split("\n\n", 1)[1] == table


def test_kill_9_loses_at_most_the_step_in_flight(project):
    words = [sys.executable, "run_benchmark.py", "run", "grid.yaml", "--device", "cpu", "--jobs", "1"]
    kept = -1
    for wanted in (1, 9, 36):  # the last kill comes after the last fit, before the tables
        process = subprocess.Popen(words, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(entries(project, "fits")) < wanted:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = len(entries(project, "fits"))
        assert now > kept  # finished work stays
        kept = now
    left = 36 - len(entries(project, "fits"))
    count, resumed = computed(project)
    assert count == left == 0
    starts = json.loads((project / "runs" / "small" / "provenance.json").read_text())
    assert len(starts) == 3 and all(one["device"] == "cpu" and one["machine"]["cores"] for one in starts)
    assert not any("finished" in one for one in starts[:2])
    stopped = sum("finished" not in one for one in starts)
    assert f"The time of {stopped} starts that were stopped is not known." in methods(read(project / "runs" / "small"))
    shutil.move(project / ".store", project / "old store")
    shutil.move(project / "runs", project / "old runs")
    _, unbroken = computed(project)
    assert resumed.split("\n\n", 1)[1] == unbroken.split("\n\n", 1)[1]


@pytest.mark.long
def test_two_processes_on_one_store_both_end_right_with_the_same_table(project):
    words = [sys.executable, "run_benchmark.py", "run", "grid.yaml", "--device", "cpu"]
    started = [
        subprocess.Popen([*words, "--runs", f"runs{i}"], cwd=project, stdout=subprocess.PIPE, text=True) for i in (1, 2)
    ]
    tables = [process.communicate()[0].split("\n\n", 1)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert tables[0] == tables[1]
    assert not [p for p in (project / ".store").glob("*/*.*") if p.is_dir()]  # no draft is left behind


def test_fits_that_another_process_finishes_meanwhile_count_as_done(small, go, monkeypatch):
    """Fits appear in the store between the reading of the states and the listing of the tasks."""
    whole = go(small, runs="other")
    fits = go.store / "fits"
    some = sorted(fits.iterdir())
    aside = go.store.parent / "aside"
    shutil.move(fits, aside)
    fits.mkdir()

    class Late(State):
        def __init__(self, *given):
            super().__init__(*given)
            for path in some[: len(some) // 2 + 1]:
                shutil.move(aside / path.name, path)

    monkeypatch.setattr(bench.run.run, "State", Late)
    outcome = go(small)
    assert outcome.counts == whole.counts == {"done": len(list((outcome.folder / "cells").iterdir()))}
    assert 0 < outcome.computed < whole.computed


@pytest.mark.long
def test_a_finished_grid_takes_under_two_seconds(project):
    computed(project)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        command(project, env=os.environ)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 2


def test_corrected_test_labels_are_seen_though_no_fit_changes(phantom_copy, go, tmp_path):
    """The labels of patients whom a split only predicts change the scores but no fit."""
    text = f"data: {{spider: {{folder: {phantom_copy}}}}}\ntargets: [narrowing]\nsequences: [t2]\nregions: [mask]\n"
    text += "encoders: [raw_pixels: {size: 8}]\nheads: [logistic]\n"
    patients = sorted(pd.read_csv(phantom_copy / "radiological_gradings.csv")["Patient"].astype(str).unique())
    folds = pd.DataFrame({"patient": patients, "fold": [0 if i % 4 == 0 else -1 for i in range(len(patients))]})
    folds.to_csv(tmp_path / "folds.csv", index=False)
    setting = [f"protocol.split={tmp_path / 'folds.csv'}"]
    first = go(text, setting)
    gradings = pd.read_csv(phantom_copy / "radiological_gradings.csv")
    tested = gradings["Patient"].astype(str).isin(folds.query("fold == 0")["patient"])
    gradings.loc[tested, "Disc narrowing"] = 1 - gradings.loc[tested, "Disc narrowing"]
    gradings.to_csv(phantom_copy / "radiological_gradings.csv", index=False)
    before = labels_of(first)
    second = go(text, setting)
    after = labels_of(second)
    assert second.computed == 0
    assert (before == 1 - after).all()


def test_null_runs_of_another_kind_replace_the_earlier_ones(small, go):
    kinds = []
    for null, within in ((3, None), (3, "patient"), (2, "patient")):
        outcome = go(small, null=null, within=within)
        kinds.append({p.read_bytes() for p in outcome.folder.glob("null/*/*.parquet")})
        assert all(len(list(folder.iterdir())) == null for folder in outcome.folder.glob("null/*"))
    assert not kinds[0] & kinds[1]
    assert kinds[2] < kinds[1]
    assert json.loads((outcome.folder / "run.json").read_text())["null_within"] == "patient"


def test_a_new_run_folder_of_stored_cells_names_what_computed_them(small, go):
    first = go(small)
    again = go(small, runs="others")
    assert again.computed == 0
    (before,), (after,) = (json.loads((one.folder / "provenance.json").read_text()) for one in (first, again))
    assert after["device"] == "cpu" and "machine" not in after
    assert after["versions"].items() >= {name: before["versions"][name] for name in ("numpy", "python")}.items()
    text = methods(read(again.folder))
    assert "earlier runs had computed all results, on the device cpu" in text and "on Python 3" in text
    for note in go.store.glob("fits/*/made_by.json"):  # as an earlier version wrote them
        kept = {k: v for k, v in json.loads(note.read_text()).items() if k not in ("device", "sums")}
        note.write_text(json.dumps(kept))
        (note.parent / "sums.json").unlink()
    assert read(go(small, runs="third").folder).devices == ("unknown",)


def labels_of(outcome):
    cells = json.loads((outcome.folder / "cells.json").read_text())
    cell = next(c for c in cells if c["axes"]["heads"] == "logistic")
    return pd.read_parquet(outcome.folder / "cells" / f"{cell['key']}.parquet").set_index("sample")["y"].sort_index()
