"""Tables of subgroups against scores of the rows of each, with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import accuracy_score, roc_auc_score

from results.run_folder import ResultsError, read
from results.tables import formats
from results.tables.latex import latex
from results.tables.presets.subgroups import subgroup_sheets


@pytest.fixture
def writer(new_run):
    made = new_run()
    made.key = made.add(made.signal + 0.7 * made.random.normal(size=len(made.y)), heads="svc")
    made.add(made.signal + 3 * made.random.normal(size=len(made.y)), heads="knn")
    made.add_floors()
    return made


def describe(writer, **columns):
    path = writer.folder / "samples.parquet"
    pd.read_parquet(path).assign(**columns).to_parquet(path)


def by_hand(writer, chosen):
    """Patients, samples, pairs, AUC fold by fold weighted by pairs, and accuracy, of some rows of the best cell."""
    rows = pd.read_parquet(writer.folder / "cells" / f"{writer.key}.parquet")[chosen]
    parts = [(f.y, f.p_1) for _, f in rows.groupby("fold") if f.y.nunique() == 2]
    weights = [y.sum() * (1 - y).sum() for y, _ in parts]
    auc = np.average([roc_auc_score(y, p) for y, p in parts], weights=weights)
    return [rows.patient.nunique(), len(rows), sum(weights), auc, accuracy_score(rows.y, rows.p_1 > 0.5)]


def numbers(row):
    return [np.nan if score is None else score.value for score in row.scores]


def test_each_value_has_the_scores_of_its_rows(writer):
    sex = np.where(writer.of_patient % 3 == 0, "M", "F")
    describe(writer, sex=sex)
    (sheet,) = subgroup_sheets(read(writer.finish()), "sex", resamples=0)
    assert [row.labels[0] for row in sheet.rows] == ["F", "M"]
    for row in sheet.rows:
        chosen = sex == row.labels[0]
        assert row.labels[1:] == (f"0: {(writer.y[chosen] == 0).sum()}, 1: {(writer.y[chosen] == 1).sum()}", "svc")
        assert_allclose(numbers(row), by_hand(writer, chosen))
    assert [row.labels[0::2] for row in sheet.floors] == [(s, h) for h in ("prior", "location") for s in ("F", "M")]


def test_intervals_are_those_of_a_loop_over_the_patients_of_the_subgroup(writer):
    describe(writer, sex=np.where(writer.of_patient % 2 == 0, "M", "F"))
    (sheet,) = subgroup_sheets(read(writer.finish()), "sex", ["accuracy"], resamples=2000)
    rows = pd.read_parquet(writer.folder / "cells" / f"{writer.key}.parquet")[writer.of_patient % 2 == 0]
    right = ((rows.p_1 > 0.5) == rows.y).groupby(rows.patient).mean().to_numpy()  # three discs each
    random = np.random.default_rng(1)
    draws = right[random.integers(0, len(right), (4000, len(right)))].mean(axis=1)
    score = next(row for row in sheet.rows if row.labels[0] == "M").scores[-1]
    error = draws.std() * np.sqrt((1 + 4 / 3) * 20 / 19)  # 4 folds, each a third of the others; 20 patients
    ends = logit(right.mean()) + stats.t.ppf([0.025, 0.975], 19) * error / right.mean() / (1 - right.mean())
    assert_allclose([score.low, score.high], expit(ends), atol=0.02)


def test_numbers_are_cut_at_the_tertiles_of_patients(writer):
    age = 20 + writer.of_patient.astype(float)  # 20 to 59, one per patient
    age[writer.of_patient == 39] = np.nan
    describe(writer, age=age)
    (sheet,) = subgroup_sheets(read(writer.finish()), "age", resamples=0)
    assert [row.labels[0] for row in sheet.rows] == ["<= 32", "> 32 to 45", "> 45", "not known"]
    assert [numbers(row)[0] for row in sheet.rows] == [13, 13, 13, 1]
    assert_allclose(numbers(sheet.rows[1]), by_hand(writer, (age > 32) & (age <= 45)))


def test_few_numbers_stay_apart_and_many_equal_ones_are_cut_where_they_can_be(writer):
    describe(writer, grade=writer.of_patient % 8, height=np.maximum(writer.of_patient - 25, 0))
    run = read(writer.finish())
    assert [row.labels[0] for row in subgroup_sheets(run, "grade", resamples=0)[0].rows] == list("01234567")
    (sheet,) = subgroup_sheets(run, "height", resamples=0)
    assert [row.labels[0] for row in sheet.rows] == ["<= 0", "> 0 to 1", "> 1"]
    assert [numbers(row)[0] for row in sheet.rows] == [26, 1, 13]


def test_numbers_that_mostly_equal_the_largest_are_cut_below_it(writer):
    describe(writer, thickness=np.minimum(writer.of_patient, 10))
    (sheet,) = subgroup_sheets(read(writer.finish()), "thickness", resamples=0)
    assert [row.labels[0] for row in sheet.rows] == ["<= 9", "> 9"]
    assert [numbers(row)[0] for row in sheet.rows] == [10, 30]


def test_a_subgroup_without_a_class_has_a_note_instead_of_an_auc(writer):
    describe(writer, scanner=np.where(writer.y == 1, "A", "B"))
    (sheet,) = subgroup_sheets(read(writer.finish()), "scanner", ["auc", "f1", "accuracy"], resamples=50)
    assert [np.isnan(numbers(row)[3:]).tolist() for row in sheet.rows] == [[True, True, False]] * 2
    assert "scanner A: no sample of class 0" in " ".join(sheet.notes)
    assert all(row.scores[-1].low is not None for row in sheet.rows)


def test_too_few_patients_have_scores_but_no_intervals(writer):
    describe(writer, site=np.where(writer.of_patient < 3, "small", "large"))
    (sheet,) = subgroup_sheets(read(writer.finish()), "site", ["accuracy"], resamples=50)
    assert [row.scores[-1].low is None for row in sheet.rows] == [False, True]
    notes = " ".join(sheet.notes)
    assert "No intervals for site small: the rarest class is in" in notes
    assert "EXPLORATORY: the rarest class is seen in fewer than 20 patients of site small" in notes


def test_a_subgroup_that_nobody_predicts_is_named(new_run):
    writer = new_run()
    writer.add(writer.signal, rows=np.tile([True, True, False], 40), heads="svc")
    (sheet,) = subgroup_sheets(read(writer.finish()), "level", resamples=0)
    assert [row.labels[0] for row in sheet.rows] == ["L3/L4", "L4/L5"]
    assert "No sample of this target is predicted for level L5/S1." in sheet.notes


def test_ordinal_scores_are_empty_without_an_order(writer):
    (sheet,) = subgroup_sheets(read(writer.finish()), "level", ["kappa", "accuracy"], resamples=0)
    assert all(row.scores[2] is None and row.scores[3] is not None for row in sheet.rows)


@pytest.mark.parametrize(
    ("column", "metrics", "message"),
    [
        ("sexx", ["auc"], "no column 'sexx': did you mean 'sex'"),
        ("sample", ["auc"], "no column 'sample'"),
        ("sex", ["acc"], "no metric 'acc'"),
        ("study", ["auc"], "'study' has 120 values: subgroups need at most 50"),
    ],
)
def test_columns_that_cannot_be_used_are_an_error(writer, column, metrics, message):
    describe(writer, sex="F", study=[f"s{i}" for i in range(120)])
    with pytest.raises(ResultsError, match=message):
        subgroup_sheets(read(writer.finish()), column, metrics)


def test_every_format_can_be_drawn(writer):
    run = read(writer.finish())
    sheets = subgroup_sheets(run, "level", resamples=50)
    assert "narrowing by level" in formats.text(sheets[0])
    assert r"\toprule" in latex(sheets[0])
    header, *lines = formats.comma_separated(sheets).splitlines()
    assert (
        header == "target,floor,level,By class,heads,Patients,Samples,Pairs,AUC,AUC low,AUC high,"
        "Accuracy,Accuracy low,Accuracy high"
    )
    assert len(lines) == 9
