"""A table under flipped labels against flips made one by one, and its notes."""

import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score

from results.run_folder import ResultsError, read
from results.tables.flips import flip_sheets
from results.tables.formats import text
from results.tables.latex import latex


@pytest.fixture
def writer(new_run):
    """A strong and a weak encoder, a copy of the strong one, and floors."""
    made = new_run(n_patients=30)
    noise = made.random.normal(size=len(made.y))
    for name, strength in (("strong", 2.0), ("copy", 2.0), ("weak", 0.3)):
        made.add(strength * made.signal + noise, encoders=name, heads="svc")
    made.add_floors()
    return made


def test_accuracy_falls_by_what_flips_must_cost(writer):
    (sheet,) = flip_sheets(read(writer.finish()), 0.1, metrics=["accuracy"], times=400)
    table = pd.read_parquet(writer.folder / "cells" / "cell0.parquet")
    right = accuracy_score(table.y, table.p_1 > 0.5)
    row = next(row for row in sheet.rows if row.labels[0] == "strong")
    low, high = map(float, row.extras[0].split(" to "))
    middle = right * 0.9 + (1 - right) * 0.1  # 9 of 90 labels: a right answer turns wrong, a wrong one right
    assert row.scores[0].value == pytest.approx(right)
    assert low < middle < high < right
    assert (low + high) / 2 == pytest.approx(middle, abs=0.02)


def test_notes_give_the_order_and_the_gain(writer):
    (sheet,) = flip_sheets(read(writer.finish()), 0.05, times=100)
    rows = {row.labels[0]: row for row in sheet.rows}
    flipped = ("Accuracy,\nflipped", "Macro F1,\nflipped", "AUC,\nflipped")
    assert sheet.extras == (*flipped, "Rank", "First", "Gain above 0")
    assert [row.labels[0] for row in sheet.rows][:2] == ["strong", "copy"]
    # Equal cells keep their order under every flip.
    assert rows["strong"].extras[3:] == ("1", "100 %", "100 %") and rows["copy"].extras[3:] == ("2", "0 %", "100 %")
    drawn = " ".join(text(sheet).split())
    assert "the labels of 4 of the 90 samples" in drawn  # round(4.5) is 4
    assert (
        "100 times the labels" in drawn
        and "moved to the other class (seed 0" in drawn
        and "nothing is fitted again" in drawn
    )
    assert "changes in 0 % of the flips" in drawn and "30 patients, 90 samples" in drawn
    assert "no confidence interval" in latex(sheet)
    prior = next(row for row in sheet.floors if row.labels[-1] == "prior")
    assert prior.extras[2] == "0.50 to 0.50"


def test_an_ordinal_label_moves_to_a_neighbour(new_run):
    writer = new_run(n_patients=40, n_classes=4)
    writer.add(writer.signal, heads="svc")
    (sheet,) = flip_sheets(read(writer.finish()), 0.1, metrics=["kappa"], times=50)
    table = pd.read_parquet(writer.folder / "cells" / "cell0.parquet")
    value = cohen_kappa_score(table.y, table.filter(like="p_").to_numpy().argmax(1), weights="quadratic")
    assert sheet.rows[0].scores[0].value == pytest.approx(value)
    assert "to a neighbouring class" in text(sheet) and sheet.extras[1:] == ("AUC,\nflipped",)


def test_a_seed_repeats_itself(writer):
    run = read(writer.finish())
    assert flip_sheets(run, 0.05, times=20) == flip_sheets(run, 0.05, times=20)
    assert flip_sheets(run, 0.05, times=20, seed=1) != flip_sheets(run, 0.05, times=20)


def test_cells_on_other_samples_meet_the_same_flips(new_run):
    """On the samples that both predict, a cell on half of the samples scores like one on all."""
    writer = new_run(n_patients=30)
    writer.add(writer.signal, encoders="all", heads="svc")
    writer.add(writer.signal, encoders="half", heads="svc", rows=slice(45, None))
    writer.add(writer.signal, heads="location", floor=True)
    (sheet,) = flip_sheets(read(writer.finish()), 0.1, times=50)
    for row in sheet.rows:
        gain = row.scores[-1]
        assert (gain.value, gain.low, gain.high) == (0, None, None) and row.extras[-1] == "0 %"
    assert sheet.rows[0].extras[2] != sheet.rows[1].extras[2]


@pytest.mark.parametrize(
    ("rate", "metrics", "message"),
    [
        (0.0, [], "above 0 and at most 0.5"),
        (5, [], "above 0 and at most 0.5"),
        (0.001, [], "0.1 % of 90 samples is less than one"),
        (0.05, ["auk"], "did you mean 'auc'"),
        (0.05, ["kappa"], "Quadratic kappa is for ordinal targets, and narrowing is none"),
    ],
)
def test_impossible_shares_and_metrics_are_refused(writer, rate, metrics, message):
    with pytest.raises(ResultsError, match=message):
        flip_sheets(read(writer.finish()), rate, metrics=metrics)


def test_a_target_without_a_finished_cell_has_no_table(writer):
    writer.add(status="failed", target="bulging", heads="svc")
    assert [sheet.target for sheet in flip_sheets(read(writer.finish()), 0.05, times=10)] == ["narrowing"]
