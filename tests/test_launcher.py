"""The installed command works from any folder, and makes nothing of the project importable."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An environment with the command alone; the packages that it needs come from this one."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-index", "--no-deps", "--python", str(python)]
    subprocess.run([*uv, str(ROOT / "launcher")], check=True)
    return folder


def call(place, *words, **env):
    env = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")} | env
    command = [str(place / "venv" / "bin" / "scangrid"), *words]
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True)


def test_it_is_called_scangrid_and_takes_paths_from_the_folder_of_the_caller(place):
    assert call(place, "plan", "--help").stdout.split()[:3] == ["Usage:", "scangrid", "plan"]
    done = call(place, "tables", "nowhere")
    assert (done.returncode, done.stderr) == (2, "scangrid: nowhere is no run folder: there is no such folder\n")


def test_nothing_of_the_project_can_be_imported_from_elsewhere(place):
    for name in ("data", "bench", "encoders", "heads", "results", "preprocessing", "run_benchmark"):
        done = subprocess.run(
            [place / "venv" / "bin" / "python", "-c", f"import {name}"], cwd=place, capture_output=True
        )
        assert b"ModuleNotFoundError" in done.stderr, name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_gets_its_completion(place, shell):
    done = call(place, "--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0 and "_SCANGRID_COMPLETE" in done.stdout


def test_bash_completes_commands(place):
    found = call(place, _SCANGRID_COMPLETE="complete_bash", COMP_WORDS="scangrid expl", COMP_CWORD="1")
    assert found.stdout.split() == ["explain"]
