"""The figure shows the pictures that a run kept, with the best cases above the worst."""

import json

import numpy as np
import pytest

from results.figures.best_and_worst_cases import best_and_worst_cases
from results.figures.drawing.cases import Cases
from results.figures.drawing.style import NothingToDrawError
from results.run_folder import ResultsError, read


@pytest.fixture
def run(new_run):
    writer = new_run()
    key = writer.add(writer.signal, heads="svc")
    (writer.folder / "panels").mkdir()
    random = np.random.default_rng(0)
    images = {f"image_{i}_0": random.normal(size=(8, 10)).astype(np.float32) for i in range(3)}
    np.savez(writer.folder / "panels" / "narrowing.npz", **images)
    halves = ["best", "best", "worst", "worst"]
    samples = [
        {"sample": f"s{i}", "label": "1", "predicted": "0", "probability": 0.25, "half": half}
        | {"predicted_probability": 0.75, "repeat": 0, "fold": 1}
        for i, half in enumerate(halves)
    ]
    about = {"cell": key, "sequences": ["t2"], "samples": samples}
    (writer.folder / "panels" / "narrowing.json").write_text(json.dumps(about))
    (writer.folder / "panels" / "index.json").write_text(
        json.dumps([{"target": "narrowing", "cell": key, "file": "narrowing"}])
    )
    return read(writer.finish()), images


def test_each_picture_is_under_its_number(run):
    found, images = run
    figure = best_and_worst_cases(found, "narrowing")
    titled = {" ".join(axes.get_title().split()): axes for axes in figure.axes if axes.get_title()}
    assert list(titled) == [f"{i}. true 1 (p 0.25) called 0 (p 0.75), fold 1" for i in (1, 2, 3, 4)]
    drawn = list(titled.values())
    for i in range(3):
        np.testing.assert_array_equal(drawn[i].get_images()[0].get_array(), images[f"image_{i}_0"])
    assert not drawn[3].get_images() and drawn[3].texts[0].get_text() == "no t2"
    assert [axes.get_subplotspec().rowspan.start for axes in drawn] == [0, 0, 1, 1]
    assert "svc" in figure.caption and "panels/narrowing.json" in figure.caption


def test_the_rows_of_several_sequences_are_named(run):
    found, _ = run
    about = json.loads((found.folder / "panels" / "narrowing.json").read_text())
    (found.folder / "panels" / "narrowing.json").write_text(json.dumps(about | {"sequences": ["t2", "t1"]}))
    figure = best_and_worst_cases(found, "narrowing")
    named = {
        axes.get_subplotspec().rowspan.start: text.get_text()
        for axes in figure.axes
        for text in axes.texts
        if text.get_rotation() == 90
    }
    assert named == {0: "t2", 1: "t1", 2: "t2", 3: "t1"}
    assert "counted from 0 as in folds.csv" in figure.caption


def test_a_run_without_panels_and_one_with_broken_panels_have_an_error(new_run, run):
    writer = new_run("bare")
    writer.add(writer.signal, heads="svc")
    with pytest.raises(NothingToDrawError, match="panels"):
        best_and_worst_cases(read(writer.finish()), "narrowing")
    found, _ = run
    (found.folder / "panels" / "narrowing.npz").write_bytes(b"no archive")
    with pytest.raises(ResultsError, match="can't be read"):
        best_and_worst_cases(found, "narrowing")


def test_panels_of_an_earlier_version_have_an_error_with_the_way_out(run):
    found, _ = run
    (found.folder / "panels" / "index.json").write_text(json.dumps({"narrowing": "narrowing"}))
    with pytest.raises(NothingToDrawError, match="delete the folder panels, then run the grid again"):
        best_and_worst_cases(found, "narrowing")


def test_pictures_of_a_cell_that_has_none_are_refused(run):
    with pytest.raises(NothingToDrawError, match="of the 1 best cells of narrowing"):
        Cases(run[0], "narrowing", "another")
