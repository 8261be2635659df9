"""Seconds include the training of a fusion; cells that lack its seconds are named."""

import shutil

import numpy as np
import pytest

from results.figures.cost import cost
from results.figures.drawing.chosen import chosen
from results.run_folder import read
from results.tables import presets as presets
from results.tables.costs import seconds

STEPS = {"sequences": "t1 + t2", "encoders": "net(size=3)"}


@pytest.fixture
def writer(new_run):
    """Four cells; two of them use a fusion that took 1, 2, 3 and 4 s in its four folds."""
    writer = new_run(n_patients=20)
    for fusion, head, took in (("mean", "svc", 0.5), ("mean", "knn", 0.3), ("att", "svc", 0.4), ("att", "own", 0.01)):
        score = writer.signal + writer.random.normal(size=len(writer.y)) * (0.1 if head == "own" else 1)
        writer.add(score, **STEPS, fusion=fusion, heads=head, seconds=took)
    for fold in range(4):
        _train(writer, "narrowing", fold, fold + 1.0, ["cell2", "cell3"])
    return writer


def _train(writer, target, fold, took, cells):
    words = (target, "t1 + t2", "net(size=3)", "att")
    writer.leave("fusion", words, fold, target=target, sequences=["t1", "t2"], cells=cells, seconds=took)


def test_a_trained_fusion_counts_for_every_cell_that_uses_it(writer):
    _train(writer, "narrowing 2", 0, 100.0, ["of another target"])
    found = seconds(read(writer.finish()), "narrowing")
    assert found == pytest.approx({"cell0": 0.5, "cell1": 0.3, "cell2": 10.4, "cell3": 10.01})


def test_a_head_that_reads_probabilities_lacks_the_seconds_of_their_training(writer):
    writer.add(writer.signal, **STEPS, fusion="att", heads="mine", reads="own probabilities")
    assert np.isnan(seconds(read(writer.finish()), "narrowing")["cell4"])


def test_own_is_no_longer_cheapest_and_the_caption_explains_the_seconds(writer):
    figure = cost(read(writer.finish()), "narrowing")
    assert "the head and a trained fusion, which counts in full for each cell that uses it" in figure.caption
    assert "att, own (10 s)" in figure.caption and "Not shown" not in figure.caption
    (sheet,) = presets.of(read(writer.folder), "cost")
    shown = {row.labels: row.scores[1].value for row in sheet.rows}
    assert shown[("att", "own")] == pytest.approx(10.01)


def test_cells_whose_fusion_left_no_seconds_are_left_out_and_named(writer):
    shutil.rmtree(writer.folder / "artifacts")
    for fold in range(4):
        _train(writer, "narrowing", fold, None if fold == 3 else fold + 1.0, ["cell2", "cell3"])
    writer.add(writer.signal + writer.random.normal(size=len(writer.y)), **STEPS, fusion="concat", heads="svc")
    run = read(writer.finish())
    found = seconds(run, "narrowing")
    assert np.isnan([found["cell2"], found["cell3"]]).all() and found["cell0"] == 0.5
    figure = cost(run, "narrowing")
    lacking = figure.caption.partition("lacks seconds of their head or trained fusion: ")[2].partition(".")[0]
    assert set(lacking.split("; ")) == {"att, own", "att, svc"}
    assert "own" not in figure.caption.partition("than every cheaper cell: ")[2].partition(".")[0]
    (sheet,) = presets.of(run, "cost")
    assert {row.labels for row in sheet.rows if row.scores[1] is None} == {("att", "own"), ("att", "svc")}
    assert any("lacks those of a trained fusion" in note for note in sheet.notes)


def test_captions_carry_the_corrected_score_of_the_best_cell(writer):
    choice = chosen(read(writer.finish()), "narrowing")
    best = choice.cells[0]
    assert best["auc_corrected_among"] == 4
    value = f"{best['auc_corrected']:.2f} [{best['auc_corrected_low']:.2f}, {best['auc_corrected_high']:.2f}]"
    assert f"(BBC-CV: chosen on the patients drawn, scored on the others), its AUC is {value}." in choice.picked
