"""The study that compares the rows of a published table in pairs."""

import csv

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from results.run_folder import read
from tests.studies.published_pairs import compared, counted, listed, pairs

TABLE = """row,fusion,encoders,heads,published_accuracy
a,mean,"resnet50(project=512, project_by=random)",svc,0.6
ours of a,mean,"lite0(project=512)",svc,
b,attention,"resnet50(project=512, project_by=random)",svc,0.7
ours of b,attention,"lite0(project=512)",svc,
c,attention,"resnet50(project=0)",svc,0.8
d,attention,"medicalnet(project=512)",svc,0.5
e,,,random,0
"""


@pytest.fixture
def lines(tmp_path):
    file = tmp_path / "paper.csv"
    file.write_text(TABLE)
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_rows_that_differ_in_one_step_are_pairs_and_ours_go_with_theirs(lines):
    """Row c has another width than row d as well as another network, so that they are no pair."""
    found = {
        (axis, a["row"] + b["row"], ours and ours[0]["row"] + ", " + ours[1]["row"])
        for axis, (a, b), ours in pairs(lines)
    }
    assert found == {
        ("fusion", "ab", "ours of a, ours of b"),
        ("features", "bc", None),
        ("encoders", "bd", None),
    }


def test_a_difference_holds_where_the_paired_interval_lies_on_the_published_side(lines, new_run):
    writer = new_run(n_patients=60)
    strength = {"a": 0.1, "ours of a": 2.0, "b": 3.0, "ours of b": 0.0, "c": 3.0, "d": 3.0}
    shared = writer.random.normal(size=len(writer.y))
    for line in lines:
        if line["heads"] == "random":
            writer.add(np.zeros(len(writer.y)), heads="random", floor=True)
            continue
        steps = {axis: line[axis] for axis in ("fusion", "encoders", "heads")}
        writer.add(strength[line["row"]] * writer.signal + shared, **steps)
    run = read(writer.finish())
    table = compared(run, lines, resamples=200).set_index("axis")
    p = [run.predictions(cell) for cell in run.cells]
    accuracy = [accuracy_score(one.y, one.P.argmax(axis=1)) for one in p]
    assert table.loc["fusion", "here"] == pytest.approx(accuracy[2] - accuracy[0])
    assert table.loc["fusion", "here_ours"] == pytest.approx(accuracy[3] - accuracy[1])
    assert table.loc["fusion", ["verdict", "verdict_ours"]].tolist() == ["holds", "reversed"]
    assert table.loc["features", "here"] == 0
    assert table.loc["features", "verdict"] == "open"
    counts = counted(table.reset_index()).set_index("Axis")
    assert counts.loc["fusion", "here: holds / open / reversed"] == "1 / 0 / 0"
    assert counts.loc["fusion", "Published: rises"] == 1
    assert counts.loc["encoders", "Published: rises"] == 0
    shown = listed(table.reset_index(), "accuracy").set_index("Step")
    assert shown.loc["attention for mean", "Published"] == "+0.10"
    assert shown.loc["medicalnet for resnet50", "ImageNet rows"] == ""
