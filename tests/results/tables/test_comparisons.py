"""Declared comparisons against other tests and a loop over resamples."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from sklearn.metrics import accuracy_score, roc_auc_score

from results.run_folder import read
from results.scores.scores import scores
from results.tables.comparisons import comparisons
from results.tables.formats import text


@pytest.fixture
def writer(new_run):
    """Heads of rising strength; `copy` is `strong` again."""
    made = new_run(n_patients=60, compare=[])
    noise = [made.random.normal(size=len(made.y)) for _ in range(2)]
    made.keys = {
        name: made.add(strength * made.signal + noise[i], encoders=name, heads="svc")
        for name, strength, i in (("weak", 0.2, 0), ("strong", 1.5, 1), ("copy", 1.5, 1))
    }
    made.add_floors()
    return made


def declared(writer, **family):
    writer.about["compare"] = [{"family": {}, "against": "location", "metric": "auc", "margin": None} | family]
    return read(writer.finish())


def stored(writer, name):
    return pd.read_parquet(writer.folder / "cells" / f"{writer.keys[name]}.parquet")


def fold_auc(table):
    parts = [(roc_auc_score(f.y, f.p_1), f.y.sum() * (1 - f.y).sum()) for _, f in table.groupby("fold")]
    values, weights = zip(*parts, strict=True)
    return np.average(values, weights=weights)


def test_differences_are_paired_and_tested(writer):
    run = declared(writer, against={"encoders": "weak"})
    (sheet,) = comparisons(run)
    numbers = {cell.axes["encoders"]: str(cell.number) for cell in run.cells}
    assert sheet.labels[0] == "#" and all(row.labels[0] == numbers[row.labels[1]] for row in sheet.rows)
    rows = {row.labels[1]: row for row in sheet.rows}
    assert set(rows) == {"strong", "copy"} and sheet.extras == ("p", "Adjusted p", "DeLong p\nof these fits")
    gap = fold_auc(stored(writer, "strong")) - fold_auc(stored(writer, "weak"))
    assert np.isclose(rows["strong"].scores[2].value, gap)
    # Student's t with the standard error of a bootstrap that is made here, times 1 + folds x test / train.
    one, other = stored(writer, "strong"), stored(writer, "weak")
    random, draws = np.random.default_rng(0), []
    rows_of = {p: np.flatnonzero(one["patient"] == p) for p in one["patient"].unique()}
    for _ in range(300):
        drawn = np.concatenate([rows_of[p] for p in random.choice(list(rows_of), len(rows_of))])
        draws.append(fold_auc(one.iloc[drawn]) - fold_auc(other.iloc[drawn]))
    error = np.std(draws) * np.sqrt((1 + 4 / 3) * 60 / 59)
    shown = rows["strong"]
    assert 2 * student.sf(gap / error, 59) < 0.0005 and shown.extras[0] == "< 0.001"
    reach = student.ppf(0.975, 59) * error
    assert np.allclose([shown.scores[2].low, shown.scores[2].high], [gap - reach, gap + reach], atol=0.15 * reach)
    assert rows["strong"].extras == rows["copy"].extras  # two equal comparisons are corrected as one


def test_a_copy_of_the_reference_differs_in_nothing(writer):
    (sheet,) = comparisons(declared(writer, against={"encoders": "strong"}, margin=0.05))
    rows = {row.labels[1]: row for row in sheet.rows}
    assert rows["copy"].scores[2].value == 0
    assert rows["copy"].extras == ("1.000", "1.000", "1.000", "yes", "0.00 / 1.00 / 0.00")
    assert rows["weak"].extras[3:] == ("not shown", "1.00 / 0.00 / 0.00")


def test_against_the_best_there_are_no_p_values(writer):
    run = declared(writer, against="best", margin=0.9)
    (sheet,) = comparisons(run)
    best = scores(run).dropna(subset=["auc_corrected"]).iloc[0]  # of the same resamples
    worth = f"is {best['auc_corrected']:.2f} [{best['auc_corrected_low']:.2f}, {best['auc_corrected_high']:.2f}]"
    assert f"corrected for the choice among the {int(best['auc_corrected_among'])} cells" in " ".join(sheet.notes)
    assert worth in " ".join(sheet.notes)
    assert sheet.extras == () and "no p-values" in text(sheet)
    assert {row.labels[1] for row in sheet.rows} in ({"weak", "copy"}, {"weak", "strong"})


def test_accuracy_goes_by_mcnemar(writer):
    (sheet,) = comparisons(declared(writer, against="prior", metric="accuracy", family={"encoders": "strong"}))
    (row,) = sheet.rows
    table = stored(writer, "strong")
    assert np.isclose(row.scores[0].value, accuracy_score(table.y, table.p_1 > 0.5))
    assert "McNemar" in text(sheet)


def test_a_rare_class_is_not_tested(new_run):
    writer = new_run(n_patients=12)
    writer.keys = {"one": writer.add(writer.signal, encoders="one", heads="svc")}
    writer.add_floors()
    run = declared(writer, margin=0.05)
    (sheet,) = comparisons(run)
    assert sheet.extras == () and "EXPLORATORY" in text(sheet)
    assert any("declared margin of 0.05 is not used: equivalence is not tested" in note for note in sheet.notes)


def test_a_family_of_one_target_stands_once_and_an_unknown_reference_is_named(writer):
    writer.add(writer.signal, target="bulging", encoders="strong", heads="svc")
    assert [s.target for s in comparisons(declared(writer, family={"targets": "narrowing"}))] == ["narrowing"]
    found = comparisons(declared(writer, against={"heads": "nothing"}))
    assert not found[0].rows and "Not compared: heads=nothing names no cell" in text(found[0])


def test_a_reference_that_failed_and_cells_that_are_not_done_are_named(writer):
    writer.add(status="failed", reason="boom", encoders="broken", heads="svc")
    (sheet,) = comparisons(declared(writer, against={"encoders": "broken"}))
    assert not sheet.rows and "the reference (broken) is failed: boom" in text(sheet)
    (sheet,) = comparisons(declared(writer, against={"encoders": "weak"}))
    drawn = " ".join(text(sheet).split())
    assert "A family of 3, declared in the grid" in drawn
    assert "2 of 3 declared; not done: broken (failed)." in drawn
    assert "times 3 / 2 for comparisons not done" in drawn


def test_a_cell_that_failed_makes_no_other_significant(new_run):
    """Five weak cells and their p-values; each of three more that failed leaves them no smaller."""
    writer, found = new_run(n_patients=60), []
    for i in range(5):
        writer.add(0.2 * writer.signal + writer.random.normal(size=len(writer.y)), encoders=f"e{i}", heads="svc")
    writer.add_floors()
    for i in range(4):
        (sheet,) = comparisons(declared(writer, against="prior"), resamples=500)
        found.append(np.array([float(row.extras[1].replace("< 0.001", ".001")) for row in sheet.rows]))
        writer.add(status="failed", encoders=f"f{i}", heads="svc")
    for failed, p in enumerate(found):
        assert np.allclose(p, np.minimum(found[0] * (5 + failed) / 5, 1), atol=2e-3)


def test_a_family_without_finished_cells_has_a_note(writer):
    for cell in writer.cells:
        cell["status"] = "done" if cell["floor"] else "failed"
    (sheet,) = comparisons(declared(writer))
    drawn = " ".join(text(sheet).split())
    assert not sheet.rows and "weak (failed); strong (failed); copy (failed)" in drawn


def test_cells_without_shared_samples_are_named_and_count(writer):
    """One cell predicts the first half of the discs, the reference the other half."""
    half = len(writer.y) // 2
    writer.add(writer.signal, encoders="first", heads="svc", rows=slice(0, half))
    writer.add(writer.signal, encoders="second", heads="svc", rows=slice(half, None))
    (sheet,) = comparisons(declared(writer, against={"encoders": "second"}), resamples=300)
    drawn = " ".join(text(sheet).split())
    assert "3 of 4 declared; not done: first (shares no sample with its reference)." in drawn


def test_p_is_students_over_patients_and_repeats_and_delong_stands_beside_it(new_run):
    """Three repeats of 4 folds: the variance over patients of one repeat, times 1 / 3 + 4 / 3."""
    writer = new_run(n_patients=60, repeats=3, compare=[])
    keys = {
        name: writer.add(
            strength * writer.signal + writer.random.normal(size=len(writer.y)), encoders=name, heads="svc"
        )
        for name, strength in (("weak", 0.4), ("strong", 0.8))
    }
    writer.add_floors()
    (sheet,) = comparisons(declared(writer, against={"encoders": "weak"}), resamples=2000)
    tables = [pd.read_parquet(writer.folder / "cells" / f"{keys[name]}.parquet") for name in ("strong", "weak")]
    by_repeat = [[part for _, part in table.groupby("repeat")] for table in tables]
    gap = np.mean([fold_auc(one) - fold_auc(other) for one, other in zip(*by_repeat, strict=True)])
    random, variances = np.random.default_rng(0), []
    rows_of = by_repeat[0][0].reset_index().groupby("patient").indices
    for one, other in zip(*by_repeat, strict=True):
        drawn = [np.concatenate([rows_of[p] for p in random.choice(list(rows_of), 60)]) for _ in range(150)]
        variances.append(np.var([fold_auc(one.iloc[d]) - fold_auc(other.iloc[d]) for d in drawn], ddof=1))
    error = np.sqrt(np.mean(variances) * (1 / 3 + 4 / 3) * 60 / 59)
    (row,) = sheet.rows
    assert sheet.extras == ("p", "DeLong p\nof these fits")  # one comparison needs no adjustment
    score = row.scores[2]
    assert np.isclose(score.value, gap)
    reach = student.ppf(0.975, 59) * error
    assert np.allclose([score.low, score.high], [gap - reach, gap + reach], atol=0.15 * reach)
    of_table = (score.high - score.low) / 2 / student.ppf(0.975, 59)  # the p-value belongs to the interval
    assert np.isclose(float(row.extras[0].replace("< ", "")), max(0.001, 2 * student.sf(gap / of_table, 59)), atol=6e-4)
    assert "does not cover training sets" in " ".join(text(sheet).split())


@pytest.mark.parametrize(
    ("metric", "note"), [("mae", "for ordinal targets"), ("auc_within_location", "has no locating columns")]
)
def test_a_metric_that_means_nothing_for_a_target_is_not_compared(new_run, metric, note):
    writer = new_run(locations=[])
    writer.keys = {"one": writer.add(writer.signal, encoders="one", heads="svc")}
    writer.add_floors()
    (sheet,) = comparisons(declared(writer, against="prior", metric=metric))
    assert not sheet.rows and note in text(sheet)
