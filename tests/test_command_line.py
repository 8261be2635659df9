"""The commands as a stranger types them, right and wrong; each calls the function of `bench.api` of its name."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import api
from data import ScangridError
from run_benchmark import app

ROOT = Path(__file__).resolve().parents[1]


NAMES = {command.name or command.callback.__name__ for command in app.registered_commands}
CALLS = {
    "init": ["scans.csv"],
    "run": ["GRID"],
    "plan": ["GRID"],
    "list": [],
    "check": ["heads", "svc"],
    "tables": ["RUN"],
    "figures": ["RUN"],
    "report": ["RUN"],
    "methods": ["RUN"],
    "compare": ["RUN", "RUN"],
    "latents": ["RUN"],
    "fit": ["RUN", "--cell", "1", "--out", "model"],
    "predict": ["model", "--data", "oai: {folder: scans}"],
    "diagnose": ["model", "study"],
    "explain": ["RUN"],
    "phantom": ["new"],
    "preview": ["GRID"],
    "doctor": [],
}


def command(*words, cwd=ROOT):
    return subprocess.run(
        [sys.executable, str(ROOT / "run_benchmark.py"), *map(str, words)], cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture
def grid(small, tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(small)
    return file


@pytest.mark.parametrize("name", ["", *sorted(NAMES)])
def test_help_needs_no_heavy_import(name):
    probe = (
        "import sys, runpy\n"
        f"sys.argv = {['run_benchmark.py', *([name] if name else []), '--help']!r}\n"
        "try:\n    runpy.run_path('run_benchmark.py', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'pandas', 'numpy', 'sklearn', 'scipy', 'pyarrow', 'matplotlib', 'rich', 'jinja2'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.long
def test_help_takes_less_than_three_tenths_of_a_second_of_cpu():
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command("run", "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3


def test_run_prints_progress_apart_from_the_table_and_tables_prints_it_again(grid, tmp_path):
    done = command("run", grid, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cells: 12 done" in done.stdout
    assert "12 of 12 cells done" in done.stderr.splitlines()[-1]
    again = command("tables", tmp_path / "runs" / "small", cwd=tmp_path)
    assert again.stdout.strip() in done.stdout
    pivot = command(
        "tables",
        tmp_path / "runs" / "small",
        "--rows",
        "heads",
        "--columns",
        "images",
        "--metrics",
        "auc",
        "--format",
        "md,csv,latex",
        cwd=tmp_path,
    )
    assert pivot.returncode == 0, pivot.stderr
    assert "|" in pivot.stdout and "\\toprule" in pivot.stdout


def test_plan_computes_nothing_and_shows_the_state_of_each_cell(grid, tmp_path):
    first = command("plan", grid, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "12 cells: 12 to compute" in first.stdout
    assert "target narrowing: samples (patients) by class, in all | in each fold" in first.stdout
    assert not (tmp_path / ".store" / "crops").exists()
    command("run", grid, "--device", "cpu", "--only", "images=grayscale", cwd=tmp_path)
    second = command("plan", grid, cwd=tmp_path)
    assert "8 done" in second.stdout
    assert "to compute: 1 embedding, 12 fits of heads" in second.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nothing.yaml"], "cannot read the grid file nothing.yaml"),
        (["run", "GRID", "--only", "encoder=x"], "did you mean 'encoders'"),
        (
            ["run", "GRID", "--only", "heads=logistic,images=grayscale"],
            "once for each axis, here --only images=grayscale",
        ),
        (["run", "GRID", "--only", "encoders=raw"], "did you mean 'raw_pixels(size=12)'?"),
        (
            ["run", "GRID", "--set", "targets=[narowing]"],
            "no target 'narowing' in this dataset: did you mean 'narrowing'",
        ),
        (["run", "GRID", "--set", "sequences=[t3]"], "no sequence 't3' in spider"),
        (
            ["plan", "GRID", "--set", "compare=[{against: presence}]"],
            "no presence in this grid on spider: use one of prior",
        ),
        (["run", "GRID", "--device", "tpu"], "use one of auto, cpu, cuda"),
        (["run", "GRID", "--plugins", "nowhere"], "nowhere holds no plug-ins"),
        (["run", "GRID", "--set", "data={spider: {folder: nowhere}}"], "nowhere"),
        (["run", "GRID", "--set", "protocol.folds=99"], "folds (99) must not exceed the number of patients (20)"),
        (["list", "heds"], "no kind 'heds': did you mean 'heads'"),
        (["check", "heads", "svm"], "no plug-in 'svm' in heads"),
        (["tables", "nowhere"], "nowhere is no run folder"),
        (["run", "GRID", "--onyl", "heads=svc"], "No such option: --onyl"),
        (["run"], "Missing argument 'GRID'; see "),
        (["run", "GRID", "--jobs", "two"], "Invalid value for '--jobs': "),
        (["plan", "GRID", "--set", "images=[grey]"], "no plug-in 'grey' in images"),
        (["plan", "GRID", "--set", "encoders=[{cae_2d: {beta: -1}}]"], "encoders/cae_2d: beta (-1) must be 0 or more"),
        (["plan", "GRID", "--set", "regions=[{segmented: {weights: gone}}]"], "regions/segmented: weights 'gone'"),
        (["run", "GRID", "--set", "encoders=[{finetuned: {weights: gone}}]"], "encoders/finetuned: weights 'gone'"),
    ],
)
def test_wrong_input_gets_one_clear_line_and_exit_code_2(grid, tmp_path, words, message):
    done = command(*[grid if w == "GRID" else w for w in words], cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_list_shows_every_plug_in_with_its_fields():
    done = command("list")
    assert done.returncode == 0
    for word in (
        "spider",
        "histogram_equalization",
        "efficientnet_lite0",
        "xgboost_bagging",
        "C = 0.01",
        "undersample_smote",
    ):
        assert word in done.stdout


def test_check_passes_a_good_plug_in_and_names_what_a_bad_one_breaks(tmp_path):
    assert command("check", "images", "clahe").returncode == 0
    folder = tmp_path / "preprocessing" / "images"
    folder.mkdir(parents=True)
    (folder / "spoils.py").write_text(
        '"""Spoils."""\nfrom dataclasses import dataclass\nfrom preprocessing.images.base import ImageStep\n\n\n'
        '@dataclass(frozen=True, kw_only=True)\nclass Spoils(ImageStep):\n    """Spoils."""\n\n'
        "    def __call__(self, image):\n        image.pixels[:] = 0\n        return image\n"
    )
    done = command("check", "images", "spoils", "--plugins", tmp_path)
    assert done.returncode == 1
    assert "FAILED" in done.stdout


def test_check_takes_fields_which_a_dataset_needs(phantom):
    done = command("check", "data", "spider", "--set", f"folder={phantom}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert command("check", "data", "spider", "--set", "folders=x").returncode == 2


def test_phantom_writes_only_into_a_new_folder(tmp_path):
    done = command("phantom", tmp_path / "new", "--patients", 2)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "radiological_gradings.csv").exists()
    refused = command("phantom", tmp_path / "new")
    assert refused.returncode == 2
    assert "is not empty" in refused.stderr


def test_doctor_shows_versions_and_machine():
    env = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "run_benchmark.py", "doctor"], cwd=ROOT, capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr
    for word in ("cores", "torch", "GPU", "not asked", "weights"):
        assert word in done.stdout


def test_every_command_has_a_function_of_its_name():
    assert set(CALLS) == NAMES
    for name in NAMES - {"list"}:  # Python's own name: the function is called `plugins`
        assert any(callable(getattr(place, name, None)) for place in (api, api.Results))  # `api.tables` may be a module


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_command_calls_its_function_and_prints_any_error_of_it_in_one_line(name, monkeypatch, tmp_path):
    class OneMoreError(ScangridError):
        pass

    def refuse(*args, **kwargs):
        raise OneMoreError(f"{name} was called")

    called = "plugins" if name == "list" else name
    monkeypatch.setattr(api if callable(getattr(api, called, None)) else api.Results, called, refuse)
    monkeypatch.setattr(api, "open", lambda folder, plugins=None: api.Results(folder))
    done = CliRunner().invoke(app, [name, *(str(tmp_path) if word == "RUN" else word for word in CALLS[name])])
    assert (done.exit_code, done.stderr) == (2, f"scangrid: {name} was called\n")


def test_an_error_that_is_no_scangrid_error_keeps_its_traceback(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "breaks.py").write_text(
        "from dataclasses import dataclass\nfrom data.base import Dataset\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Breaks(Dataset):\n    sequences: tuple[str, ...] = ('t2',)\n\n"
        "    def targets(self):\n        raise RuntimeError('a bug of a plug-in')\n"
    )
    grid = tmp_path / "grid.yaml"
    grid.write_text("data: {breaks: {}}\ntargets: [y]\nsequences: [t2]\nencoders: [raw_pixels]\nheads: [logistic]\n")
    done = command("plan", grid, "--store", tmp_path / "store", "--plugins", tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "RuntimeError: a bug of a plug-in" in done.stderr
