"""One plug-in of every kind in a folder outside the project: found, run, described, fitted and checked like ours."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = Path(__file__).with_name("outside")
PACKAGES = ("bench", "data", "encoders", "heads", "preprocessing", "results")
KINDS = {
    "data": "data/array_files",
    "regions": "preprocessing/regions/middle",
    "images": "preprocessing/images/root",
    "encoders": "encoders/components encoders/likelihoods",
    "missing": "encoders/missing/median",
    "fusion": "encoders/fusion/largest",
    "tables": "preprocessing/tables/ranks",
    "balance": "preprocessing/balance/copies",
    "heads": "heads/gaussians",
}
GRID = """
name: outside
data: {array_files: {folder: ./scans}}
targets: [torn]
sequences: [pd + t2]
regions: [middle: {share: 0.9}]
images: [root]
encoders: [components, likelihoods: {bins: 8}]
missing: [median]
fusion: [largest]
tables: [ranks]
balance: [copies]
heads: [gaussians, own]
exclude: [{encoders: components, heads: own}, {encoders: likelihoods, heads: gaussians}]
protocol: {folds: 3, seed: 1}
"""
# The commands in one process, since each start of Python costs seconds.
SCRIPT = """
import contextlib, io, json, sys
from run_benchmark import app
printed = []
for words in json.loads(sys.argv[1]):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            code = app(words, standalone_mode=False)
        except SystemExit as end:
            code = end.code
    printed.append([code or 0, text.getvalue()])
print(json.dumps(printed))
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A user's folder: plug-ins, scans of the 36 knees of 18 patients, some without one sequence, and a grid."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(OUTSIDE, folder / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "scans").mkdir()
    (folder / "grid.yaml").write_text(GRID)
    rng = np.random.default_rng(0)
    rows = []
    for knee in range(36):
        torn = int(rng.random() < 0.5)
        name = f"k{knee:02d}"
        rows.append((name, f"p{knee // 2:02d}", ("left", "right")[knee % 2], rng.integers(20, 80), torn))
        for sequence in ("pd", "t2"):
            volume = rng.normal(100, 10, (3, 20, 18))
            volume[:, 6:14, 6:12] += 60 * torn
            if sequence == "pd" or knee % 5:
                np.save(folder / "scans" / f"{name}_{sequence}.npy", volume)
    table = pd.DataFrame(rows, columns=["study", "patient", "side", "age", "torn"])
    table.to_csv(folder / "scans" / "labels.csv", index=False)
    return folder


def commands(folder, *commands):
    """What each command printed; all must end well."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout.splitlines()[-1])
    for words, (code, text) in zip(commands, printed, strict=True):
        assert code == 0, f"{words}: {text}\n{done.stderr}"
    return [text for _, text in printed]


def project():
    """The digest of every file of the project."""
    files = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    files = [path for path in files if path.suffix != ".pyc"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in [ROOT / "run_benchmark.py", *files]}


def own_texts():
    """The words and the keys of the BibTeX entries of each of the user's plug-ins, from their source."""
    found = {}
    for name in (name for names in KINDS.values() for name in names.split()):
        code = (OUTSIDE / f"{name}.py").read_text()
        keys = re.findall(r"@\w+\{(\w+),", code) + re.findall(r"cites = \(\"(\w+)\"", code)
        found[name] = (re.search(r'words = "(.*)"', code)[1], keys)
    return found


@pytest.fixture(scope="module")
def ran(workplace):
    """The grid run, its report, methods and a model, all in the folder; the printed texts, and the project before."""
    before = project()
    plugins = ["--plugins", "mine"]
    run = commands(workplace, ["run", "grid.yaml", "--device", "cpu", "--jobs", "1", *plugins])
    cells = json.loads((workplace / "runs" / "outside" / "cells.json").read_text())
    best = [cell["key"] for cell in cells if not cell["floor"]]
    options = ["--device", "cpu", "--jobs", "1", *plugins]
    fits = [["fit", "runs/outside", "--cell", key, "--out", f"model{i}", *options] for i, key in enumerate(best)]
    later = commands(workplace, ["report", "runs/outside"], ["methods", "runs/outside"], *fits)
    return cells, run + later, before


def test_every_cell_is_computed(ran):
    cells, (run, *_), _ = ran
    assert {cell["axes"]["encoders"] for cell in cells if not cell["floor"]} == {"components", "likelihoods(bins=8)"}
    assert all(cell["status"] == "done" for cell in cells), run
    assert "cells: 7 done" in run  # two encoders and the floors prior, location, presence, clinical, pixels


def test_methods_report_and_model_card_show_them_like_the_projects_own(ran, workplace):
    _, (_, _, methods, *_), _ = ran
    report = (workplace / "runs" / "outside" / "report.html").read_text()
    cards = "".join((workplace / f"model{i}" / "MODEL_CARD.md").read_text() for i in range(2))
    for name, (words, keys) in own_texts().items():
        for text in (methods, report, cards):
            assert words in text, f"{name} is not described"
            for key in keys:
                assert re.search(rf"@\w+\{{{key},", text), f"the entry {key} of {name} is not listed"
    assert "The data were volumes of the Example Knee Archive (`array_files (scans)`) [@okafor2021]." in methods
    assert "(`likelihoods`, bins = 8) [@adeyemi2015]" in methods
    assert "encoder `likelihoods` (with labels)" in methods and "encoder `components` (without labels)" in methods
    assert "OpenCV" in methods and "imbalanced-learn" in methods
    assert "smoothing = 0.001" in report and "smoothing = 0.001" in cards
    assert "./scans" not in (workplace / "model0" / "plugins.json").read_text()


def test_each_keeps_its_contract(workplace):
    words = []
    for kind, names in KINDS.items():
        for name in names.split():
            settings = ["--set", "folder=scans"] if kind == "data" else []
            words.append(["check", kind, name.rpartition("/")[2], "--plugins", "mine", *settings])
    for (_, kind, name, *_), text in zip(words, commands(workplace, *words), strict=True):
        assert f"{kind}/{name}: keeps the contract" in text


def test_list_shows_them(workplace):
    [text] = commands(workplace, ["list", "encoders", "--plugins", "mine"])
    part = text.split("  components ")[1].split("\n  l")[0]
    assert "in a paper: principal components of the coarse pixels of each slice" in part
    assert "learns from: images" in part


def test_an_encoder_that_is_added_computes_its_own_cells_and_no_other(ran, workplace):
    store = workplace / ".store"

    def entries():
        return {kind: {p.name for p in (store / kind).iterdir()} for kind in ("crops", "tokens", "networks", "fits")}

    before = entries()
    text = (OUTSIDE / "encoders" / "components.py").read_text()
    added = workplace / "mine" / "encoders" / "few_components.py"
    added.write_text(
        text.replace("class Components", "class FewComponents").replace("number: int = 4", "number: int = 2")
    )
    grid = GRID.replace("encoders: [", "encoders: [few_components, ")
    grid = grid.replace("exclude: [", "exclude: [{encoders: few_components, heads: own}, ")
    (workplace / "more.yaml").write_text(grid)
    [printed] = commands(workplace, ["run", "more.yaml", "--device", "cpu", "--jobs", "1", "--plugins", "mine"])
    added.unlink()
    assert "cells: 8 done; 3 fits computed" in printed  # one cell, three folds
    after = entries()
    assert all(before[kind] <= after[kind] for kind in before)
    new = {kind: len(after[kind] - before[kind]) for kind in before}
    assert new == {"crops": 0, "tokens": 6, "networks": 6, "fits": 3}  # two sequences in three folds


def test_no_file_of_the_project_changed(ran):
    assert project() == ran[2]


def test_they_are_as_short_as_a_user_would_write_them():
    for names in KINDS.values():
        for name in names.split():
            lines = [line for line in (OUTSIDE / f"{name}.py").read_text().splitlines() if line.strip()]
            assert len(lines) < 40, f"{name} has {len(lines)} lines"
