"""The notebook of the disc pipeline runs, and shows what its text says."""

import json
import re
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "disc_pipeline.ipynb"


@pytest.fixture(scope="module")
def cells():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


@pytest.fixture
def outputs(cells):
    return [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]


def test_every_cell_was_run_in_order_without_an_error_or_a_warning(cells, outputs):
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_nothing_in_it_names_a_machine(cells):
    words = [cell["source"] for cell in cells] + [
        text for cell in cells for output in cell.get("outputs", []) for text in texts(output)
    ]
    text = "\n".join("".join(lines) for lines in words)
    assert re.findall(r"(?<![\w.)])/(?:tmp|home|root|work|usr|opt|mnt|var|Users)\b|[A-Z]:\\", text) == []
    assert all(cell["metadata"] == {} for cell in cells)


def test_it_is_small_and_shows_its_pictures(outputs):
    assert NOTEBOOK.stat().st_size < 600_000
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 6


def test_its_links_lead_to_files(cells):
    links = re.findall(r"\]\(([^)]+)\)", "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown"))
    assert links
    assert [link for link in links if not (NOTEBOOK.parent / link).is_file()] == []


@pytest.mark.long
def test_its_cells_run_and_show_what_the_text_says(cells, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt
    import numpy as np

    from results.scores.scores import scores

    monkeypatch.chdir(NOTEBOOK.parent)  # where Jupyter starts it
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = files()
    found = {"__name__": "notebook"}
    plt.switch_backend("Agg")
    try:
        with plt.rc_context():
            for i, cell in enumerate(cells):
                if cell["cell_type"] == "code":
                    exec(compile("".join(cell["source"]), f"cell {i}", "exec"), found)
    finally:
        plt.close("all")
    assert files() == before
    assert found["work"].is_relative_to(tmp_path)

    samples, unseen = found["samples"], found["unseen"]
    assert not set(found["training"]) & set(found["held_out"])
    assert {scan.patient for scan in found["learnt_from"]} == set(found["training"])
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

    table = scores(found["run"], ["accuracy", "auc", "auc_within_location"], resamples=0).set_index("heads")
    assert set(table["status"]) == {"done"}
    assert list(table.index).count("logistic") == 3
    assert table.loc["prior", "auc"] == pytest.approx(0.5)
    assert table.loc["prior", "accuracy"] == pytest.approx(1 - samples["narrowing"].mean())
    assert table.loc["location", "auc_within_location"] == pytest.approx(0.5)


def texts(output):
    """What a stored output says, without its pictures."""
    return [output.get("text", ""), *(data for kind, data in output.get("data", {}).items() if kind != "image/png")]


def files():
    return {path for path in NOTEBOOK.parent.rglob("*") if path.is_file()}
