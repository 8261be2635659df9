"""Texts about the best of several cells give its corrected score too."""

import re
from dataclasses import replace

from results.figures.drawing.chosen import chosen
from results.run_folder import read
from results.scores.scores import scores
from results.tables import notes


def test_captions_of_figures_carry_the_corrected_score(grid_run):
    run = read(grid_run.finish())
    frame = scores(run)
    best = frame[~frame["floor"]].sort_values("auc").iloc[-1]
    sentence = chosen(run, "narrowing").picked
    assert "best of 8 cells" in sentence
    numbers = [float(word) for word in re.search(r"its AUC is (\S+) \[(\S+), (\S+)\]", sentence).groups()]
    expected = [best["auc_corrected"], best["auc_corrected_low"], best["auc_corrected_high"]]
    assert numbers == [round(number, 2) for number in expected]


def test_one_cell_was_not_picked(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    assert chosen(read(writer.finish()), "narrowing").picked == ""


def test_cells_on_other_samples_are_counted_apart(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    run = read(writer.finish())
    row = {"auc_corrected": 0.7, "auc_corrected_low": 0.6, "auc_corrected_high": 0.8, "auc_corrected_among": 3.0}
    assert "among the 3 cells on its samples" in notes.corrected(run, row, 5)
    assert "among" not in notes.corrected(run, row, 3)
    assert notes.corrected(run, row | {"auc_corrected_among": 1.0}, 5) == ""
    assert notes.corrected(run, {}, 5) == ""
    once = replace(run, protocol=run.protocol | {"split": "official"})  # no model that tests learnt from who is tested
    assert "still be too high" in notes.corrected(run, row, 3) and "still" not in notes.corrected(once, row, 3)
