"""The published table: its rows and figures are those of the paper, and the grid has their cells and no others."""

import csv
import os
from pathlib import Path

import pytest

from bench.grid.file import read_grid
from results.scores.named import is_step

ROOT = Path(__file__).resolve().parent.parent
TEXT = Path(os.environ.get("SCANGRID_SHARED", ROOT.parent / "shared")) / "seeds" / "002_e09efde08d37f66b.txt"
WORDS = {
    "images": {"Histogram Equalization": "histogram_equalization", "Grey Scaling": "grayscale"},
    "encoders": {"ResNet50": "resnet50", "MedicalNet152": "medicalnet(depth=152"},
    "fusion": {"Average Pooling": "mean", "Attention Layer Pooling": "attention"},
    "tables": {"RF One Hot Encoding": "forest_onehot"},
    "balance": {"NO SAMPLING": "none", "WEIGHTED LOSS": "class_weight", "33% undersample": "undersample_smote"},
    "heads": {
        "DL Network BCE Loss": "mlp(loss=sigmoid)",
        " SVC Synthetic": "svc",
        " LGBM ": "lightgbm",
        " XGBoost ": "xgboost",
        "XBG Bagging": "xgboost_bagging",
    },
}
FIGURES = ("published_accuracy", "published_f1", "published_auc")


@pytest.fixture(scope="module")
def lines():
    with (ROOT / "grids" / "seed_table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.setenv("SCANGRID_RSNA", "nowhere")
    return list(read_grid(ROOT / "grids" / "seed_table.yaml").cells())


def selected(cells, line):
    named = {axis: name for axis, name in line.items() if name and axis != "row" and axis not in FIGURES}
    return [cell for cell in cells if all(is_step(cell[axis].label(), name) for axis, name in named.items())]


def test_every_published_row_is_in_the_file_with_its_figures(lines):
    if not TEXT.is_file():
        pytest.skip(f"no published table in {TEXT}")
    published = []
    for row in TEXT.read_text(encoding="utf-8").splitlines():
        if row.startswith("| RF One Hot"):
            name, *figures = (part.strip() for part in row.strip("| ").split("|"))
            shares = [float(figure.strip("≈ %")) / 100 for figure in figures]
            published.append((" ".join(name.replace("\\*", "*").split()), shares))
    assert len(published) == 44
    assert [line["row"] for line in lines] == [name for name, _ in published]
    for line, (_, figures) in zip(lines, published, strict=True):
        assert [float(line[name]) for name in FIGURES] == pytest.approx(figures, abs=1e-9)


def test_every_row_has_the_steps_that_its_words_name(lines):
    for line in lines:
        if "Random Predictions" in line["row"]:
            assert {axis: line[axis] for axis in WORDS} == dict.fromkeys(WORDS, "") | {"heads": "random"}
            continue
        for axis, words in WORDS.items():
            meant = [step for word, step in words.items() if word in line["row"]]
            assert len(meant) == 1, line["row"]
            assert line[axis] == meant[0] or line[axis].startswith((f"{meant[0]}(", f"{meant[0]},")), line["row"]
        width = "project=512, project_by=random" if "1*512" in line["row"] else "project=0"
        assert line["encoders"].endswith(f", {width})"), line["row"]


def test_every_row_finds_one_cell_and_every_cell_a_row(lines, cells):
    found = [selected(cells, line) for line in lines]
    assert [len(each) for each in found] == [1] * 44
    wanted = [each[0] for each in found]
    others = [cell["heads"].name for cell in cells if cell not in wanted]
    assert sorted(others) == ["location", "pixels", "presence", "prior"]
    assert len(cells) == 43 + 4
