"""Table 1 against counts made with pandas."""

import json

import numpy as np
import pandas as pd
import pytest

from results.run_folder import ResultsError, read
from results.tables.formats import comma_separated, markdown, text
from results.tables.latex import latex
from results.tables.table_one import table_one


def complete(run, *, official=False, **columns):
    """Adds columns to the samples (by sample, or `(patient,)`), and writes the files that the engine writes."""
    path = run.folder / "samples.parquet"
    table = pd.read_parquet(path)
    for name, values in columns.items():
        table[name] = values if len(values) == len(table) else np.asarray(values)[run.of_patient]
    if official:
        table["split"] = np.array(["train", "val", "test", "test"])[run.fold[0][run.of_patient]]
    table.to_parquet(path)
    patients = sorted(set(run.patient))
    fold = [np.where(f >= 2, 0, -1) if official else f for f in run.fold]
    rows = [(p, r, f) for r, folds in enumerate(fold) for p, f in zip(patients, folds, strict=True)]
    pd.DataFrame(rows, columns=["patient", "repeat", "fold"]).to_csv(run.folder / "folds.csv", index=False)
    pd.DataFrame(columns=["file", "sample", "sequence", "reason"]).to_csv(run.folder / "excluded.csv", index=False)
    (run.folder / "provenance.json").write_text(json.dumps([]))
    return read(run.finish()), table


def lines(sheet):
    return {row.labels[0]: row.labels[1:] for row in sheet.rows}


def span(values):
    low, high = (f"{end:g}" for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def test_counts_of_all_and_their_range_over_folds(new_run):
    writer = new_run(repeats=2)
    writer.add(writer.signal, heads="svc")
    run, table = complete(writer)
    found = lines(table_one(run))
    parts = [writer.fold[r][writer.of_patient] == f for r in range(2) for f in range(4)]
    assert found["Patients"] == ("40", "10")
    events = [int(table.narrowing[part].sum()) for part in parts]
    percents = [round(100 * n / part.sum()) for n, part in zip(events, parts, strict=True)]
    assert found["narrowing: patients / samples"] == ("40 / 120", "10 / 30")
    assert found["narrowing = 1, samples"] == ("60 (50 %)", f"{span(events)} ({span(percents)} %)")
    assert found["level = L5/S1, samples"] == ("40 (33 %)", "10 (33 %)")
    assert table_one(run).labels[-1] == "Test part of a fold, range over 8"


def test_numbers_are_medians_by_patient_and_text_is_counted(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    age = np.random.default_rng(0).normal(50, 10, 40).round(1)
    age[3] = np.nan
    sex = np.array(["F", "M", "F", "F"])[np.arange(40) % 4]
    run, _ = complete(writer, age=age, sex=sex, field_strength=np.where(np.arange(40) < 30, 1.5, 3.0), modic=age)
    found = lines(table_one(run))
    known = pd.Series(age).dropna()
    lower, median, upper = (f"{known.quantile(q):.1f}" for q in (0.25, 0.5, 0.75))
    assert found["age, median [quartiles] of patients"][0] == f"{median} [{lower}, {upper}]"
    assert found["age missing, patients"][0] == "1"
    assert found["sex = F, patients"][0] == "30 (75 %)"
    assert found["field_strength = 1.5, patients"][0] == "30 (75 %)"
    assert not any("modic" in name for name in found)
    assert found["Scanner"] == ("[AUTHORS]", "[AUTHORS]")
    assert "Sex" not in found


def test_declared_columns_are_shown_by_whatever_name_and_in_any_language(new_run):
    writer = new_run(clinical=["Alter", "Raucher"])
    writer.add(writer.signal, heads="svc")
    smokes = np.array(["ja", "nein", "nein", "nein"])[np.arange(40) % 4]
    found = lines(table_one(complete(writer, Alter=np.arange(40.0), Raucher=smokes, Schuh=np.arange(40.0))[0]))
    assert found["Alter, median [quartiles] of patients"][0] == "19.5 [9.8, 29.2]"
    assert found["Raucher = ja, patients"][0] == "10 (25 %)"
    assert not any("Schuh" in name for name in found)


def test_a_column_that_differs_inside_a_patient_is_counted_by_sample(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    run, _ = complete(writer, scanner=np.array(["A", "B", "B"])[writer.level])
    assert lines(table_one(run))["scanner = B, samples"][0] == "80 (67 %)"


def test_an_official_split_has_its_parts(new_run):
    writer = new_run(protocol={"folds": 1, "repeats": 1, "split": "official", "validation": True})
    writer.fold[0] = np.arange(40) % 4
    test = writer.fold[0][writer.of_patient] >= 2
    writer.add(writer.signal, rows=test, heads="svc")
    run, table = complete(writer, official=True)
    sheet = table_one(run)
    found = lines(sheet)
    assert sheet.labels == ("Characteristic", "Training", "Validation", "Test")
    assert found["Patients"] == ("10", "10", "20")
    by_split = table.groupby("split")["narrowing"].agg(["sum", "count"]).loc[["train", "val", "test"]]
    shares = tuple(f"{n} ({round(100 * n / of)} %)" for n, of in by_split.itertuples(index=False))
    assert found["narrowing = 1, samples"] == shares


def test_training_labels_that_the_grid_merged_are_not_guessed(new_run):
    writer = new_run(protocol={"folds": 1, "repeats": 1, "split": "official", "validation": False})
    writer.add(writer.signal, rows=writer.fold[0][writer.of_patient] >= 2, heads="svc")
    run, _ = complete(writer, official=True, narrowing=2 + 2 * writer.y + np.arange(120) % 2)
    assert lines(table_one(run))["narrowing = 1, samples"][0] == "[AUTHORS]"


def test_other_sequences_on_other_samples_are_listed(new_run):
    writer = new_run()
    writer.add(writer.signal, sequences="t2", heads="svc")
    writer.add(writer.signal, sequences="t1", rows=slice(0, 30), heads="svc")
    run, table = complete(writer)
    ones = int(table.narrowing[:30].sum())
    assert f"t1: 10 patients, 30 samples (0: {30 - ones}, 1: {ones})" in " ".join(table_one(run).notes)


def test_every_format_draws_it(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    sheet = table_one(complete(writer)[0])
    for drawn in (markdown(sheet), text(sheet), latex(sheet), comma_separated([sheet])):
        assert "60 (50" in drawn


def test_a_folder_without_folds_is_refused(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    run, _ = complete(writer)
    (run.folder / "folds.csv").unlink()
    with pytest.raises(ResultsError, match=r"folds\.csv"):
        table_one(run)
