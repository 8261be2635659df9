"""The example plug-ins of the pages keep their contracts, run together, and add only their own cells."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.plugins import BASES

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
FILES = {kind: sorted(EXAMPLES.joinpath(*package.split(".")).glob("*.py")) for kind, (package, _) in BASES.items()}


def command(*words, cwd):
    words = [sys.executable, str(ROOT / "run_benchmark.py"), *map(str, words)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two folders of pictures, twelve patients with two pictures each; those of one class are darker."""
    import cv2

    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("normal", "narrowed"):
        (folder / name).mkdir()
    for i in range(24):
        name = ("normal", "narrowed")[(i // 2 + i) % 2]
        pixels = rng.random((32, 32)) * (255 if name == "normal" else 120)
        cv2.imwrite(str(folder / name / f"p{i // 2:02}_{i % 2}.png"), pixels.astype(np.uint8))
    return folder


def test_there_is_an_example_of_every_kind():
    assert [kind for kind, files in FILES.items() if len(files) != 1] == []


@pytest.mark.parametrize("kind", BASES)
def test_keeps_the_contract(kind, pictures, tmp_path):
    fields = ["--set", f"folder={pictures}"] if kind == "data" else []
    done = command("check", kind, FILES[kind][0].stem, "--plugins", EXAMPLES, *fields, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "keeps the contract" in done.stdout


@pytest.mark.parametrize("kind", BASES)
def test_has_a_page_that_shows_it_and_the_command_that_checks_it(kind):
    file = FILES[kind][0]
    shown = f'--8<-- "{file.relative_to(ROOT).as_posix()}"'
    pages = [page for page in (ROOT / "docs" / "pages" / "add").glob("*.md") if shown in page.read_text()]
    assert len(pages) == 1
    assert f"check {kind} {file.stem} --plugins docs/examples" in pages[0].read_text()


@pytest.mark.long
def test_run_together_in_the_grid_of_the_pages(phantom, tmp_path):
    grid = (EXAMPLES / "grid.yaml").read_text().replace(".store/phantom-examples", str(phantom))
    (tmp_path / "grid.yaml").write_text(grid)
    done = command("run", "grid.yaml", "--plugins", EXAMPLES, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cells: 9 done; 18 fits computed" in done.stdout  # 2 powers x 2 fusions and 5 floors, 2 folds

    words = ["runs/examples", "--plugins", EXAMPLES]
    preset = command("tables", *words, "--preset", "best-of-each:fusion", cwd=tmp_path)
    assert preset.returncode == 0, preset.stderr
    assert "the best cell of each of the fusion" in preset.stdout
    metric = command("tables", *words, "--metrics", "auc,sensitivity", cwd=tmp_path)
    assert metric.returncode == 0, metric.stderr
    assert "Sensitivity" in metric.stdout
    figures = command("figures", *words, cwd=tmp_path)
    assert figures.returncode == 0, figures.stderr
    assert (tmp_path / "runs" / "examples" / "figures" / "gains_narrowing.png").is_file()
    methods = command("methods", "runs/examples", cwd=tmp_path)
    assert "a forest of extremely randomised trees" in methods.stdout
    assert "@article{geurts2006" in methods.stdout


def test_the_dataset_runs_in_a_grid(pictures, tmp_path):
    (tmp_path / "grid.yaml").write_text(
        f"name: pictures\ndata:\n  class_folders: {{folder: '{pictures}'}}\ntargets: [folder]\nsequences: [image]\n"
        "encoders: [bright_half]\nheads: [logistic]\nprotocol: {folds: 3}\n"
    )
    done = command("run", "grid.yaml", "--plugins", EXAMPLES, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 patients, 24 samples" in done.stdout


@pytest.mark.long
def test_an_encoder_that_is_added_computes_its_own_cells_and_no_other(phantom, tmp_path):
    demo = (ROOT / "grids" / "demo.yaml").read_text().replace(".store/phantom-demo", str(phantom))
    (tmp_path / "demo.yaml").write_text(demo)
    quick = ["--set", "heads=[logistic, knn]", "--device", "cpu"]
    first = command("run", "demo.yaml", *quick, "--set", "encoders=[raw_pixels]", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    words = ["--plugins", EXAMPLES, "--set", "encoders=[raw_pixels, bright_half]"]
    second = command("run", "demo.yaml", *quick, *words, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert "40 fits computed" in second.stdout  # 2 images x 2 balances x 2 heads x 5 folds
