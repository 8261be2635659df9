"""The page on public data shows the trees that the datasets read, and grid lines that read them."""

import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from bench import plugins

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "pages" / "data.md").read_text(encoding="utf-8")
SECTIONS = {"spider": "SPIDER", "rsna": "RSNA 2024 Lumbar Spine", "oai": "Osteoarthritis Initiative"}


def blocks(heading):
    """The lines below the top folder of a section's tree, that folder, and the section's grid."""
    section = re.split(r"^## ", PAGE.partition(f"\n## {heading}\n")[2], flags=re.M)[0]
    tree, grid = (re.search(rf"```{kind}\n(.*?)```", section, re.S)[1] for kind in ("text", "yaml"))
    top, *lines = (line.strip() for line in tree.splitlines())
    return lines, top.rstrip("/"), YAML(typ="safe").load(grid)


def without_numbers(path):
    return re.sub(r"\d+", "0", re.sub(r"_t\d\.", "_t.", path))


@pytest.mark.parametrize(("layout", "heading"), SECTIONS.items())
def test_the_tree_is_that_of_the_layout_and_the_grid_reads_it(layout, heading, request):
    folder = request.getfixturevalue({"spider": "phantom"}.get(layout, f"{layout}_phantom"))
    lines, top, grid = blocks(heading)
    written = {without_numbers(str(path.relative_to(folder).as_posix())) for path in folder.rglob("*")}
    assert [line for line in lines if without_numbers(line) not in written] == []

    assert grid["data"] == {layout: {"folder": top}}
    data = plugins.load("data", layout, folder=str(folder))
    assert set(grid["targets"]) <= {target.name for target in data.targets()}
    assert set(grid["sequences"]) <= set(data.sequences)
    study = data.samples()["study"].iloc[0]
    assert data.load(study, grid["sequences"][0]) is not None


def test_a_file_of_medmnist_is_named_as_in_the_tree_and_read(tmp_path, monkeypatch):
    lines, top, grid = blocks("MedMNIST")
    monkeypatch.chdir(tmp_path)
    (tmp_path / top).mkdir()
    arrays = {f"{s}_images": np.arange(1024, dtype=np.uint8).reshape(2, 8, 8, 8) for s in ("train", "val", "test")}
    labels = {f"{s}_labels": np.array([[0], [1]], np.uint8) for s in ("train", "val", "test")}
    np.savez(tmp_path / top / lines[0], **arrays, **labels)
    data = plugins.load("data", "medmnist", **grid["data"]["medmnist"])
    assert [target.name for target in data.targets()] == grid["targets"]
    assert data.load("val_1", grid["sequences"][0]).pixels.shape == (8, 8, 8)
