"""The table by class against scikit-learn, and a loop over resampled patients."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import recall_score, roc_auc_score

from results.run_folder import ResultsError, read
from results.tables import formats
from results.tables.latex import latex
from results.tables.presets.per_class import per_class_sheets
from results.tables.presets.predictive_values import predictive_value_sheets


def numbers(row):
    return [score.value for score in row.scores]


def by_fold(stored, of):
    """AUC of a class fold by fold, weighted by pairs."""
    parts = [((f.y == of).to_numpy(), f[f"p_{of}"].to_numpy()) for _, f in stored.groupby("fold")]
    weights = [truth.sum() * (~truth).sum() for truth, _ in parts]
    return np.average([roc_auc_score(truth, p) for truth, p in parts], weights=weights)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rates_of_each_class_are_those_of_scikit_learn(new_run, n_classes):
    writer = new_run(n_classes=n_classes)
    key = writer.add(writer.signal + writer.random.normal(size=len(writer.y)), heads="svc")
    writer.add_floors()
    (sheet,) = per_class_sheets(read(writer.finish()), resamples=0)
    stored = pd.read_parquet(writer.folder / "cells" / f"{key}.parquet")
    called = stored[[f"p_{k}" for k in range(n_classes)]].to_numpy().argmax(axis=1)
    shown = [1] if n_classes == 2 else [0, 1, 2]
    assert [row.labels for row in sheet.rows] == [("svc", str(k), f"{(stored.y == k).sum()} of 120") for k in shown]
    for row, k in zip(sheet.rows, shown, strict=True):
        expected = [
            recall_score(stored.y == k, called == k),
            recall_score(stored.y != k, called != k),
            by_fold(stored, k),
        ]
        assert_allclose(numbers(row), expected)
    assert [row.labels[:2] for row in sheet.floors] == [(h, str(k)) for h in ("prior", "location") for k in shown]


@pytest.mark.parametrize(
    "table", [per_class_sheets, lambda run, resamples: predictive_value_sheets(run, ".3", resamples=resamples)]
)
def test_a_rate_at_its_end_goes_by_the_patients_of_its_class(new_run, table):
    """All samples are called 1; the ends are those of Clopper and Pearson, n divided by 1 + folds x test / train."""
    writer = new_run(n_classes=3)
    kept = (writer.y != 2) | (writer.of_patient < 4)
    writer.add(np.zeros(len(writer.y)), heads="svc", rows=kept)
    (sheet,) = table(read(writer.finish()), resamples=100)
    having = [len(set(writer.patient[kept & (writer.y == k)])) for k in range(3)]
    rest = [len(set(writer.patient[kept & (writer.y != k)])) for k in range(3)]
    assert having[2] < 10 < min(having[:2])

    def end(n):
        return 0.025 ** ((1 + 4 / 3) / n)

    expected = [
        ((0, 0, 1 - end(having[0])), (1, end(rest[0]), 1)),
        ((1, end(having[1]), 1), (0, 0, 1 - end(rest[1]))),
        ((0, None, None), (1, end(rest[2]), 1)),
    ]
    for row, rates in zip(sheet.rows, expected, strict=True):
        for found, (value, low, high) in zip(row.scores[:2], rates, strict=True):
            assert found.value == value
            assert [found.low, found.high] == (pytest.approx([low, high]) if low is not None else [None, None])
    assert any(note.startswith("A rate of fewer than 10 patients has no interval") for note in sheet.notes)


def test_an_auc_of_a_class_in_few_patients_has_no_interval(new_run):
    writer = new_run(n_classes=3)
    kept = (writer.y != 2) | (writer.of_patient < 4)
    writer.add(writer.signal + writer.random.normal(size=len(writer.y)), heads="svc", rows=kept)
    (sheet,) = per_class_sheets(read(writer.finish()), resamples=100)
    assert [row.scores[2].low is None for row in sheet.rows] == [False, False, True]


def test_intervals_are_those_of_a_loop_over_patients(new_run):
    writer = new_run()
    key = writer.add(writer.signal + writer.random.normal(size=len(writer.y)), heads="svc")
    (sheet,) = per_class_sheets(read(writer.finish()), resamples=2000)
    stored = pd.read_parquet(writer.folder / "cells" / f"{key}.parquet")
    rows = [np.flatnonzero(stored.patient == p) for p in stored.patient.unique()]
    random, y, called = np.random.default_rng(1), stored.y.to_numpy(), (stored.p_1 > 0.5).to_numpy()
    draws = []
    for _ in range(2000):
        drawn = np.concatenate([rows[i] for i in random.integers(0, len(rows), len(rows))])
        draws.append([called[drawn][y[drawn] == 1].mean(), 1 - called[drawn][y[drawn] == 0].mean()])
    found = [[score.low, score.high] for score in sheet.rows[0].scores[:2]]
    error = np.std(draws, axis=0) * np.sqrt((1 + 4 / 3) * 40 / 39)  # 4 folds, each a third of the others
    rate = np.array([called[y == 1].mean(), 1 - called[y == 0].mean()])
    ends = logit(rate) + stats.t.ppf([[0.025], [0.975]], 39) * error / (rate * (1 - rate))
    assert_allclose(np.transpose(found), expit(ends), atol=0.02)


def test_the_best_cells_come_first_and_only_they(new_run):
    writer = new_run()
    for heads, noise in (("bad", 3), ("best", 0.1), ("good", 1.5)):
        writer.add(writer.signal + noise * writer.random.normal(size=len(writer.y)), heads=heads)
    drawn = formats.text(*per_class_sheets(read(writer.finish()), top=2, resamples=0))
    assert drawn.index("best") < drawn.index("good")
    assert "bad" not in drawn
    assert "The best 2 of 3 cells" in drawn


def test_floors_come_with_cells_on_the_same_sequences(new_run):
    writer = new_run()
    for sequences in ("t1", "t2"):
        noise = 0.1 if sequences == "t2" else 3
        writer.add(writer.signal + noise * writer.random.normal(size=len(writer.y)), heads="svc", sequences=sequences)
        writer.add(np.zeros(len(writer.y)), heads="prior", floor=True, sequences=sequences)
    writer.add(writer.level - 1.0, heads="location", floor=True, sequences="t1")
    writer.add(writer.level - 1.0, heads="clinical", floor=True)
    run = read(writer.finish())
    floors = {
        1: [("t2", "prior"), ("", "clinical")],
        2: [("t1", "prior"), ("t2", "prior"), ("t1", "location"), ("", "clinical")],
    }
    for top, expected in floors.items():
        (sheet,) = per_class_sheets(run, top=top, resamples=0)
        assert [row.labels[:2] for row in sheet.rows] == [("t2", "svc"), ("t1", "svc")][:top]
        assert [row.labels[:2] for row in sheet.floors] == expected


def test_every_format_can_be_drawn_and_odd_names_are_escaped(grid_run):
    grid_run.add(grid_run.signal, heads="svc(kernel=rbf_β)")
    grid_run.add(status="failed", heads="svm")
    sheets = per_class_sheets(read(grid_run.finish()), resamples=50)
    assert r"rbf\_$\beta$" in latex(sheets[0])
    assert "1 of 10 cells are not in this table: 1 is" in formats.markdown(sheets[0])
    assert formats.comma_separated(sheets).splitlines()[0] == (
        "target,floor,images,encoders,heads,Class,n,Sensitivity,Sensitivity low,Sensitivity high,"
        "Specificity,Specificity low,Specificity high,AUC,AUC low,AUC high"
    )


def test_no_cells_at_all_is_an_error(grid_run):
    with pytest.raises(ResultsError, match="at least 1"):
        per_class_sheets(read(grid_run.finish()), top=0)
