"""The notebooks run, and their outputs agree with their text."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from docs import notebooks

DOCS = Path(notebooks.DOCS)
NAMES = sorted(path.stem for path in DOCS.glob("*.ipynb"))


def cells_of(name):
    return json.loads((DOCS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def cells(name):
    return cells_of(name)


@pytest.fixture
def outputs(cells):
    return [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]


@pytest.fixture
def files_before():
    """The files of `docs/`, which a notebook leaves as they are."""
    before = files()
    yield
    assert files() == before


def test_every_notebook_has_a_page():
    assert sorted(notebooks.PAGES) == NAMES


def test_every_cell_was_run_in_order_without_an_error_or_a_warning(cells, outputs):
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_its_page_shows_the_notebook(name, cells):
    page = notebooks.PAGES[name].read_text(encoding="utf-8")
    for cell in cells:
        if cell["cell_type"] == "code":
            assert f"```python\n{''.join(cell['source'])}\n```" in page
    pictures = sum("image/png" in o.get("data", {}) for c in cells for o in c.get("outputs", []))
    assert len(re.findall(rf"\(\S*pictures/{name}_\d+\.png\)", page)) == pictures


def test_nothing_in_it_names_a_machine(cells):
    words = [cell["source"] for cell in cells] + [
        text for cell in cells for output in cell.get("outputs", []) for text in texts(output)
    ]
    text = "\n".join("".join(lines) for lines in words)
    assert re.findall(r"(?<![\w.)])/(?:tmp|home|root|work|usr|opt|mnt|var|Users)\b|[A-Z]:\\", text) == []
    assert all(cell["metadata"] == {} for cell in cells)


def test_it_is_small_and_shows_its_pictures(name, outputs):
    assert (DOCS / f"{name}.ipynb").stat().st_size < 600_000
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2


def test_its_links_lead_to_files(cells):
    links = re.findall(r"\]\(([^)]+)\)", "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown"))
    assert links
    assert [link for link in links if not (DOCS / link).is_file()] == []


@pytest.mark.long
@pytest.mark.usefixtures("files_before")
def test_the_demo_runs_and_agrees_with_its_text():
    cells = cells_of("demo")
    found = notebooks.run(cells)

    grid, table, predictions = found["grid"], found["table"], found["predictions"]
    assert len(grid["encoders"]) == 3
    assert found["run"].outcome.computed == 20  # the new encoder: 2 heads x 5 folds x 2 repeats
    assert found["by_hand"] == pytest.approx(found["in_table"])
    assert predictions.groupby(["repeat", "sample"]).size().eq(1).all()
    assert not predictions.groupby(["repeat", "patient"])["fold"].nunique().gt(1).any()
    prior = table.xs("prior", level="heads")
    assert prior["auc"].item() == pytest.approx(0.5)
    assert list(table["floor"]) == sorted(table["floor"])  # floors stand last
    assert found["report"].name == "report.html"
    drawn = [output for cell in cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert len(drawn) == 2


@pytest.mark.long
@pytest.mark.usefixtures("files_before")
def test_the_disc_pipeline_runs_and_agrees_with_its_text():
    found = notebooks.run(cells_of("disc_pipeline"))

    samples, unseen = found["samples"], found["unseen"]
    assert not set(found["training"]) & set(found["held_out"])
    assert {study.patient for study in found["learnt_from"]} == set(found["training"])
    assert found["bias"].loc["after"].mean() < found["bias"].loc["before"].mean()
    assert found["scores"]["dice_disc"].median() > 0.5
    assert list(found["crops"]) == list(samples.index)
    assert found["off"].median() < 0.6  # half a voxel in the plane, mm
    assert found["dice"].shape == (len(unseen),)
    assert found["dice"].mean() > 0.6
    assert found["meaning"].loc[found["feature"], "height_middle"] ** 2 > 0.2
    # A traversal along height changes how much of the disc there is, step by step.
    volume = np.diff(found["drawn"].sum(axis=(1, 2, 3)))
    assert (volume > 0).all() or (volume < 0).all()

    table = found["table"].reset_index()
    assert list(table["heads"]).count("logistic") == 3
    assert set(table["status"]) == {"done"}
    prior, location = (table[table["heads"] == name].iloc[0] for name in ("prior", "location"))
    assert prior["auc"] == pytest.approx(0.5)
    assert prior["accuracy"] == pytest.approx(1 - samples["narrowing"].mean())
    assert location["auc_within_location"] == pytest.approx(0.5)


def texts(output):
    """The texts of a stored output, without its pictures."""
    return [output.get("text", ""), *(data for kind, data in output.get("data", {}).items() if kind != "image/png")]


def files():
    return {path for path in DOCS.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
