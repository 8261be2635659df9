"""Tables say and mark nothing that was not tested, and compare like with like."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from bench.run.scored import external_protocol
from results.run_folder import read
from results.scores.scores import scores
from results.tables.formats import Score, text
from results.tables.held_out import scored_before
from results.tables.intervals import covers
from results.tables.main import sheets
from results.tables.presets.predictive_values import predictive_value_sheets


def test_nothing_is_marked_or_called_equal_on_an_exploratory_target(new_run):
    writer = new_run(n_patients=12)
    for head, strength in (("svc", 1.0), ("knn", 0.9)):
        writer.add(strength * writer.signal, heads=head)
    writer.add_floors()
    (sheet,) = sheets(read(writer.finish()), resamples=200)
    drawn = " ".join(text(sheet).split())
    assert not sheet.tied and sheet.best
    assert "nothing is tested, so no cell is shown to beat a floor or another cell" in drawn
    assert "told apart" not in drawn and "underlined" not in drawn


def test_cells_on_few_patients_are_named_and_the_others_tested(new_run):
    writer = new_run()
    few = np.isin(writer.of_patient, np.unique(writer.of_patient)[:15])
    for sequences, rows in (("t1", few), ("t2", slice(None))):
        for head, noise in (("svc", 0.5), ("knn", 1.0)):
            score = writer.signal + noise * writer.random.normal(size=len(writer.y))
            writer.add(score, heads=head, sequences=sequences, rows=rows)
        writer.add(np.zeros(len(writer.y)), heads="prior", floor=True, sequences=sequences, rows=rows)
    run = read(writer.finish())
    drawn = " ".join(text(sheets(run, resamples=200)[0]).split())
    rarest = min(len(np.unique(writer.of_patient[few & (writer.y == k)])) for k in (0, 1))
    seen = f"the rarest class is seen in {rarest} patients, fewer than 20"
    assert f"EXPLORATORY for sequences t1: {seen}: these cells are not tested." in drawn
    assert "2 of 2 cells are shown to beat every floor" in drawn
    assert "nothing is tested" not in drawn
    (sheet,) = sheets(run, resamples=200)
    marked = {sheet.headers[j].replace("\n", " ") for _, j in sheet.best}
    assert "AUC" in marked and not any("Gain" in header for header in marked), "their floors are on other samples"


def test_a_mean_over_some_combinations_says_how_many(new_run):
    writer = new_run()
    for images, balance in (("a", "none"), ("a", "smote"), ("b", "none")):
        for head in ("svc", "knn"):
            score = writer.signal + writer.random.normal(size=len(writer.y))
            writer.add(score, heads=head, images=images, balance=balance)
    (sheet,) = sheets(read(writer.finish()), rows=["heads"], metrics=["auc"], resamples=0)
    assert sheet.title.endswith("each number is the mean over 3 settings of images and balance")


def test_cells_that_predict_the_same_count_once(new_run):
    writer = new_run()
    other = writer.signal + writer.random.normal(size=len(writer.y))
    for fusion in ("mean", "concat"):
        writer.add(writer.signal, heads="svc", fusion=fusion)
        writer.add(other, heads="knn", fusion=fusion)
    writer.add_floors()
    run = read(writer.finish())
    drawn = " ".join(text(sheets(run, resamples=200)[0]).split())
    assert "2 more cells predict the same as one of the others" in drawn
    frame = scores(run, resamples=200)
    assert frame["auc_corrected_among"].max() == 4


def test_a_cell_is_compared_with_floors_on_its_own_sequences(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc", sequences="t1")
    writer.add(writer.signal, heads="svc", sequences="t1 + t2")
    for sequences, sees in (("t1", 0.2), ("t1 + t2", 2.0)):
        noise = writer.random.normal(size=len(writer.y))
        writer.add(sees * writer.signal + noise, heads="pixels", floor=True, sequences=sequences)
    writer.add(writer.random.normal(size=len(writer.y)), heads="presence", floor=True, sequences="t1 + t2")
    run = read(writer.finish())
    frame = scores(run, resamples=200).set_index(["sequences", "heads"])
    for sequences, floors in (("t1", "pixels"), ("t1 + t2", "presence, pixels")):
        row = frame.loc[sequences, "svc"]
        assert row["floors_over"] == floors
        assert row["gain_pixels"] == pytest.approx(row["auc"] - frame.loc[(sequences, "pixels"), "auc"])
    (pivot,) = sheets(run, rows=["heads"], columns=["sequences"], metrics=["auc"], resamples=0)
    presence = next(row for row in pivot.floors if "presence" in row.labels)
    assert [score is None for score in presence.scores] == [True, False]
    assert "The grid has presence for some of these columns only, so other places are empty." in pivot.notes


def test_a_pivot_asks_no_axis_of_cells_that_do_not_have_it(new_run):
    """Cells of one sequence fill nothing in: their mean is over the settings that they have."""
    writer = new_run()
    for fusion in ("mean", "concat"):
        writer.add(writer.signal, heads="svc", sequences="t1", fusion=fusion)
        for missing in ("zeros", "mean"):
            writer.add(writer.signal, heads="svc", sequences="t1 + t2", missing=missing, fusion=fusion)
    (sheet,) = sheets(read(writer.finish()), rows=["heads"], columns=["sequences"], metrics=["auc"], resamples=0)
    (row,) = sheet.rows
    assert all(score is not None for score in row.scores)


def test_a_loss_that_rounds_to_0_keeps_its_sign():
    assert Score(-0.0014, -0.09, 0.08, signed=True).text() == "-0.00 [-0.09, +0.08]"
    assert Score(0.0014, -0.09, 0.08, signed=True).text() == "+0.00 [-0.09, +0.08]"
    assert Score(-0.0014).text() == "0.00" and Score(0.0, signed=True).text() == "+0.00"


def test_perfect_predictive_values_have_the_end_that_the_rates_give(new_run):
    """Of n patients with a class none has an error: the rate is at least that of Clopper and Pearson, or less."""
    writer = new_run()
    writer.add(10.0 * (2 * writer.y - 1), heads="svc")
    (sheet,) = predictive_value_sheets(read(writer.finish()), "0.1", resamples=200)
    (row,) = sheet.rows
    found, passed, ppv, npv = row.scores
    for rate, k in ((found, 1), (passed, 0)):
        carriers = len(set(writer.patient[writer.y == k]))
        assert rate.value == 1 and 0.5 < rate.low <= beta.ppf(0.025, carriers, 1)
    assert ppv.low == pytest.approx(0.1 / (0.1 + 0.9 * (1 - passed.low)))
    assert npv.low == pytest.approx(0.9 / (0.9 + 0.1 * (1 - found.low)))
    assert ppv.low < 0.7 < npv.low


def test_a_class_that_is_hardly_called_has_the_predictive_value_of_its_mean_rates(new_run):
    """One repeat calls one sample, rightly, the other 3 rightly and 7 wrongly: the mean of their PPVs is no PPV."""
    writer = new_run(repeats=2)
    key = writer.add(writer.signal, heads="svc")
    path = writer.folder / "cells" / f"{key}.parquet"
    table = pd.read_parquet(path)
    called = np.zeros(len(table), dtype=bool)
    for repeat, right, wrong in ((0, 1, 0), (1, 3, 7)):
        for y, n in ((1, right), (0, wrong)):
            called[np.flatnonzero((table["repeat"] == repeat) & (table["y"] == y))[:n]] = True
    table["p_1"] = np.where(called, 0.9, 0.1)
    table["p_0"] = 1 - table["p_1"]
    table.to_parquet(path, index=False)
    (sheet,) = predictive_value_sheets(read(writer.finish()), "0.1", resamples=300)
    found, passed, ppv, _ = sheet.rows[0].scores
    positive, negative = (int((writer.y == k).sum()) for k in (1, 0))
    sensitivity, alarm = 2 / positive, 3.5 / negative
    assert found.value == pytest.approx(sensitivity) and passed.value == pytest.approx(1 - alarm)
    assert ppv.value == pytest.approx(0.1 * sensitivity / (0.1 * sensitivity + 0.9 * alarm))
    assert ppv.low < 0.03 and ppv.high > 0.1


def test_perfect_scores_are_named_in_full_and_once(new_run):
    writer = new_run(within=["level"])
    writer.add(20.0 * (2 * writer.y - 1), heads="svc", encoders="a")
    writer.add(writer.signal, heads="svc", encoders="b")
    (sheet,) = sheets(read(writer.finish()), metrics=["auc", "auc_within_location"], resamples=50)
    assert any("A perfect score (here AUC and AUC within level) has no spread" in note for note in sheet.notes)


@pytest.mark.parametrize(
    ("cell", "floor", "sentence"),
    [
        (False, False, "All heads are default (not tuned)."),
        (False, True, "All heads but that of the floor pixels are default (not tuned)."),
        (True, True, "All heads are tuned on "),
    ],
)
def test_a_tuned_floor_is_not_called_default(new_run, cell, floor, sentence):
    writer = new_run()
    writer.add(writer.signal, heads="svc", encoders="a", tuned=cell)
    writer.add(writer.level, heads="pixels", floor=True, tuned=floor)
    (sheet,) = sheets(read(writer.finish()), resamples=50)
    assert any(sentence in note for note in sheet.notes)


def test_one_draw_is_one(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    run = read(writer.finish())
    assert "; up to 1 of them lacks a class and is left out)" in covers(run, 50, 1)
    assert "; up to 2 of them lack a class and are left out)" in covers(run, 50, 2)


@pytest.mark.parametrize(
    ("uses", "sentence"),
    [
        ((0, 0), "No other cell had been scored on the patients of this external test before."),
        ((1, 0), "The patients of this external test had been scored once before this cell was."),
        (
            (2, 1),
            "The patients of this external test had been scored 2 times before this cell was, and some or all of "
            "them once in another selection.",
        ),
        (
            (0, 3),
            "Some or all patients of this external test had been scored 3 times before this cell was, in other "
            "selections.",
        ),
    ],
)
def test_earlier_uses_of_a_held_out_set_are_said(new_run, uses, sentence):
    made = external_protocol(
        fitted_on="base",
        patients={},
        uses=uses,
        left_out=0,
        kept_alike=0,
        compared_ids=True,
        notes={},
        cross_validated={},
    )
    protocol = {"split": "external", "seed": 0, "external": made}
    writer = new_run(protocol=protocol)
    writer.add(writer.signal, heads="svc")
    assert scored_before(read(writer.finish())) == sentence
