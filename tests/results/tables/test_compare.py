"""Two runs side by side: scores against scikit-learn, intervals against a bootstrap of copied rows, and refusals."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score

from results.run_folder import ResultsError, read
from results.tables.compare import compare


@pytest.fixture
def two_runs(new_run):
    """Two runs of the same patients in the same folds; the second lacks every seventh sample of `svc`."""
    a, b = new_run("first", seed=1), new_run("second", seed=1)
    noise = np.random.default_rng(5).normal(size=(2, len(a.y)))
    a.add(a.signal + noise[0], heads="svc", encoders="resnet50")
    a.add(a.signal, heads="knn")
    b.add(b.signal + 2 * noise[1], rows=np.arange(len(b.y)) % 7 != 0, heads="svc", encoders="resnet50")
    b.add(b.signal, heads="mlp")
    for run in (a, b):
        write_folds(run)
    return a, b


def write_folds(run):
    rows = [
        {"patient": f"p{i:02d}", "repeat": repeat, "fold": fold}
        for repeat, folds in enumerate(run.fold)
        for i, fold in enumerate(folds)
    ]
    pd.DataFrame(rows).to_csv(run.folder / "folds.csv", index=False)


def stored(run, key="cell0"):
    return pd.read_parquet(run.folder / "cells" / f"{key}.parquet")


def fold_auc(table):
    parts = [part for _, part in table.groupby(["repeat", "fold"]) if part.y.nunique() == 2]
    values = [roc_auc_score(part.y, part.p_1) for part in parts]
    return np.average(values, weights=[part.y.sum() * (1 - part.y).sum() for part in parts])


def numbers(text, first):
    """The numbers of the row whose first cells are `first`."""
    line = next(line for line in text.splitlines() if re.match(rf"\| {first} +\|", line))
    return [
        float(n) for n in re.findall(r"[+-]?\d+\.\d+|\b\d+\b", re.sub(first, "", line).replace("\N{MINUS SIGN}", "-"))
    ]


def test_scores_are_those_of_scikit_learn_on_the_samples_of_both(two_runs):
    a, b = two_runs
    text = compare(read(a.finish()), read(b.finish()), resamples=50)
    mine, theirs = stored(a), stored(b)
    mine = mine[mine["sample"].isin(theirs["sample"])]
    assert len(mine) == len(theirs) < len(a.y)
    value, other, difference, low, high, patients, samples = numbers(text, "svc")
    assert_allclose([value, other], [fold_auc(mine), fold_auc(theirs)], atol=0.005)
    assert_allclose(difference, fold_auc(mine) - fold_auc(theirs), atol=0.005)
    assert low < difference < high
    assert (patients, samples) == (mine.patient.nunique(), len(mine))


def test_the_interval_is_that_of_resampled_patients(two_runs):
    a, b = two_runs
    text = compare(read(a.finish()), read(b.finish()), metric="accuracy", resamples=4000)
    both = stored(a).merge(stored(b), on="sample", suffixes=("_a", "_b"))
    hits = [(both[f"p_1_{run}"] > both[f"p_0_{run}"]) == both[f"y_{run}"] for run in "ab"]
    by_patient = (hits[0].astype(int) - hits[1].astype(int)).groupby(both["patient_a"]).agg(["sum", "count"]).to_numpy()
    drawn = by_patient[np.random.default_rng(9).integers(len(by_patient), size=(4000, len(by_patient)))].sum(axis=1)
    *_, gap, low, high, _, _ = numbers(text, "svc")
    error = (drawn[:, 0] / drawn[:, 1]).std() * np.sqrt((1 + 4 / 3) * 40 / 39)  # 4 folds, each a third of the others
    assert_allclose([low, high], gap + stats.t.ppf([0.025, 0.975], 39) * error, atol=0.012)
    assert_allclose(numbers(text, "svc")[0], accuracy_score(both.y_a, both.p_1_a > both.p_0_a), atol=0.005)


def test_a_run_equals_itself(two_runs):
    run = read(two_runs[0].finish())
    text = compare(run, run, resamples=50)
    assert numbers(text, r"none +\| knn")[2:] == [0, 40, 120]  # no interval
    assert "Each of the 2 cells of A (first) has a partner in B." in text


def test_cells_of_one_run_are_counted(two_runs):
    a, b = two_runs
    b.add(heads="lightgbm", status="failed")
    text = compare(read(a.finish()), read(b.finish()), resamples=0)
    partner = "has no partner in {}, a cell of the same target and steps (narrowing 1)"
    assert f"1 of the 2 cells of A (first) {partner.format('B')}." in text
    assert f"1 of the 2 cells of B (second) {partner.format('A')}; 1 more cell is not done." in text
    assert "The cells without a partner differ in heads (knn only in A, mlp only in B)." in text
    assert "A: first" in text and "B: second" in text


def test_an_axis_that_is_not_used_matches_one_that_is_absent(two_runs):
    a, b = two_runs
    for cell in b.cells:
        cell["axes"] = {axis: step for axis, step in cell["axes"].items() if axis != "drop"}
    assert "1 of the 2 cells" in compare(read(a.finish()), read(b.finish()), resamples=0)


def test_runs_with_only_floors_in_common_say_so_first(new_run):
    a, b = (new_run(name, seed=1) for name in ("first", "second"))
    for run, region in ((a, "whole"), (b, "mirrored")):
        run.add(run.signal, heads="prior", floor=True)
        run.add(run.signal, heads="svc", regions=region)
        run.add(run.signal, heads="knn", regions=region)
        write_folds(run)
    text = compare(read(a.finish()), read(b.finish()), resamples=0)
    first = text.split("\n\n")[1]
    assert first.startswith("**Only floors are compared below**")
    assert first.endswith("The cells without a partner differ in regions (whole only in A, mirrored only in B).")
    assert "2 of the 3 cells of A (first) have no partner in B" in text


def test_every_axis_that_parts_the_cells_without_a_partner_is_named(new_run):
    a, b = (new_run(name, seed=1) for name in ("first", "second"))
    for run, region, encoders in ((a, "whole", "xy"), (b, "mirrored", "yz")):
        run.add(run.signal, heads="prior", floor=True)
        run.add(run.signal, heads="prior", floor=True, **({"sequences": "t1"} if run is a else {}))
        for encoder in encoders:
            run.add(run.signal, heads="svc", regions=region, encoders=encoder)
        write_folds(run)
    text = compare(read(a.finish()), read(b.finish()), resamples=0)
    regions, encoders = "whole only in A, mirrored only in B", "x only in A, z only in B"
    apart = f"sequences (t1 only in A), encoders ({encoders}) and regions ({regions})"
    assert f"The cells without a partner differ in {apart}." in text


def test_an_official_split_is_not_compared_with_folds(two_runs):
    a, b = two_runs
    mine, theirs = read(a.finish()), read(b.finish())
    theirs.protocol["split"] = "official"
    with pytest.raises(ResultsError, match=r"second has an official split, .* and first tests patients in folds"):
        compare(mine, theirs)


def test_other_folds_are_refused(two_runs):
    a, b = two_runs
    table = pd.read_csv(b.folder / "folds.csv")
    table.loc[table["patient"].isin(["p03", "p05"]), "fold"] += 1
    table.to_csv(b.folder / "folds.csv", index=False)
    was, now = a.fold[0][3], a.fold[0][3] + 1
    message = rf"2 of 40 shared patients, such as p03 \(repeat 0: fold {was} in first, fold {now} in second\)"
    with pytest.raises(ResultsError, match=message):
        compare(read(a.finish()), read(b.finish()))


def test_other_repeats_are_refused(new_run):
    a, b = (new_run(name, repeats=repeats, seed=1) for name, repeats in (("first", 1), ("second", 2)))
    for run in (a, b):
        run.add(run.signal, heads="svc")
        write_folds(run)
    b_folds = pd.read_csv(b.folder / "folds.csv")
    first = pd.read_csv(a.folder / "folds.csv")
    pd.concat([first, b_folds[b_folds["repeat"] == 1]]).to_csv(b.folder / "folds.csv", index=False)
    with pytest.raises(ResultsError, match=r"40 of 40 .*repeat 1: none in first"):
        compare(read(a.finish()), read(b.finish()))


def test_other_labels_are_refused(two_runs):
    a, b = two_runs
    table = stored(b)
    other = {table["sample"][4]: 1 - table["y"][4]}
    for path in (b.folder / "cells").glob("*.parquet"):
        rows = pd.read_parquet(path)
        rows.assign(y=rows["sample"].map(other).fillna(rows["y"]).astype(int)).to_parquet(path, index=False)
    samples = pd.read_parquet(b.folder / "samples.parquet")
    samples.loc[table["sample"][4], "narrowing"] = 1 - table["y"][4]
    samples.to_parquet(b.folder / "samples.parquet")
    with pytest.raises(ResultsError, match=rf"labels of narrowing differ for 1 of .* such as {table['sample'][4]}"):
        compare(read(a.finish()), read(b.finish()))


def test_other_classes_are_refused(two_runs):
    a, b = two_runs
    b.cells[0]["classes"] = ["no", "yes"]
    with pytest.raises(ResultsError, match="classes 0, 1 in first and no, yes in second"):
        compare(read(a.finish()), read(b.finish()))


def test_no_common_patient_or_cell_is_refused(two_runs):
    a, b = two_runs
    runs = read(a.finish()), read(b.finish())
    for cell in b.cells:
        cell["target"] = "bulging"
    with pytest.raises(ResultsError, match="no cell in common"):
        compare(runs[0], read(b.finish()))
    table = pd.read_csv(b.folder / "folds.csv")
    table.assign(patient="x" + table["patient"]).to_csv(b.folder / "folds.csv", index=False)
    with pytest.raises(ResultsError, match="share no patient"):
        compare(*runs)


def test_another_commit_is_named(two_runs):
    for run, commit in zip(two_runs, ("a" * 40, "b" * 40), strict=True):
        (run.folder / "provenance.json").write_text(json.dumps([{"code": {"commit": commit}}]))
    a, b = (read(run.finish()) for run in two_runs)
    assert "commits aaaaaaaa and bbbbbbbb" in compare(a, b, resamples=0)
    with pytest.raises(ResultsError, match="did you mean 'auc'"):
        compare(a, b, metric="auk")


def test_ordinal_scores_need_an_ordinal_target(two_runs):
    a, b = (read(run.finish()) for run in two_runs)
    with pytest.raises(ResultsError, match="Quadratic kappa is for ordinal targets, and narrowing is none"):
        compare(a, b, metric="kappa")


def test_within_level_compares_samples_of_one_level(two_runs, new_run):
    a, b = (read(run.finish()) for run in two_runs)
    shown = numbers(compare(a, b, metric="auc_within_location", resamples=0), "svc")
    table = stored(two_runs[1])
    level = table["sample"].str.split("_").str[1]
    groups = [part for _, part in table.groupby([table["fold"], level]) if part.y.nunique() == 2]
    pairs = [part.y.sum() * (1 - part.y).sum() for part in groups]
    expected = np.average([roc_auc_score(part.y, part.p_1) for part in groups], weights=pairs)
    assert_allclose(shown[1], expected, atol=0.005)
    placeless = new_run("third", locations=[])
    placeless.add(placeless.signal, heads="knn")
    with pytest.raises(ResultsError, match="no locating columns"):
        compare(read(placeless.finish()), b, metric="auc_within_location")
