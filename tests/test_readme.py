"""The README's examples do what its text promises."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language, holding):
    """The code block of a language that holds some text."""
    pieces = re.split(r"^```(.*)\n", README, flags=re.M)  # text, language, code, "", text, language, ...
    return next(
        code for name, code in zip(pieces[1::4], pieces[2::4], strict=False) if name == language and holding in code
    )


def command(*words, cwd):
    words = [sys.executable, str(ROOT / "run_benchmark.py"), *map(str, words)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def scans(tmp_path):
    """The table of the README with pictures behind it: 30 discs with t1 and t2."""
    import cv2

    from data.phantom import example_discs

    images, y, patients = example_discs(36, slices=1, size=64)
    rows = []
    (tmp_path / "scans").mkdir()
    for i, (image, label, patient) in enumerate(zip(images, y, patients, strict=True)):
        for sequence, shift in (("t1", 7), ("t2", 0)):
            pixels = image.pixels[0] - image.pixels.min()
            name = f"scans/{i}_{sequence}.png"
            cv2.imwrite(str(tmp_path / name), np.roll(pixels / pixels.max() * 255, shift, axis=0).astype(np.uint8))
            level = ("L5/S1", "L4/L5", "L3/L4")[list(patients[:i]).count(patient)]
            rows.append((name, patient, sequence, level, int(label)))
    table = pd.DataFrame(rows, columns=block("", "image,patient,sequence").splitlines()[0].split(","))
    table.to_csv(tmp_path / "scans.csv", index=False)
    (tmp_path / "mine.yaml").write_text(block("yaml", "name: mine"))
    return tmp_path


def test_the_grid_of_the_readme_can_be_planned(scans):
    done = command("plan", "mine.yaml", cwd=scans)
    assert done.returncode == 0, done.stderr
    assert "to compute" in done.stdout


@pytest.mark.long
def test_the_grid_of_the_readme_runs_and_gives_the_tables_of_the_readme(scans):
    few = "[efficientnet_lite0: {size: 64}, resnet50: {weights: random, size: 64, project: [0, 16]}]"  # for 36 discs
    less = ["--set", "protocol.repeats=1", "--set", "protocol.folds=3", "--set", f"encoders={few}", "--device", "cpu"]
    done = command("run", "mine.yaml", *less, cwd=scans)
    assert done.returncode == 0, done.stdout + done.stderr
    words = re.search(r"scangrid (tables .*)", README)[1].split()
    tables = command(*words, cwd=scans)
    assert tables.returncode == 0, tables.stderr
    assert "\\toprule" in tables.stdout


@pytest.mark.long
def test_the_head_of_the_readme_keeps_the_contract_and_costs_its_own_cells(phantom, tmp_path):
    folder = tmp_path / "my" / "heads"
    folder.mkdir(parents=True)
    (folder / "extra_trees.py").write_text(block("python", "class ExtraTrees"))
    checked = command("check", "heads", "extra_trees", "--plugins", "my", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    demo = (ROOT / "grids" / "demo.yaml").read_text().replace(".store/phantom-demo", str(phantom))
    (tmp_path / "demo.yaml").write_text(demo)
    quick = ["--set", "encoders=[raw_pixels]", "--device", "cpu", "--plugins", "my"]
    first = command("run", "demo.yaml", *quick, "--set", "heads=[logistic]", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    second = command("run", "demo.yaml", *quick, "--set", "heads=[logistic, extra_trees]", cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert "20 fits computed" in second.stdout  # 2 images x 2 balances x 5 folds


def test_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 150


def test_its_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_page_that_explains_it_has_the_same_table_and_grid():
    start = (ROOT / "docs" / "pages" / "start.md").read_text(encoding="utf-8")
    assert block("", "image,patient,sequence") in start
    assert block("yaml", "name: mine") in start


def test_every_package_that_is_needed_has_its_reason():
    reasons = (ROOT / "docs" / "pages" / "packages.md").read_text(encoding="utf-8").lower()
    listed = re.findall(
        r'^    "([a-z0-9.-]+)>=', (ROOT / "pyproject.toml").read_text().split("[dependency-groups]")[0], re.M
    )
    names = {"opencv-python-headless": "opencv"}
    assert listed
    assert [name for name in listed if names.get(name, name) not in reasons] == []
