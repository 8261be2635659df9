"""The scores of a run against scikit-learn, their comparison with location, and when they are made anew."""

import os

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

import results.scores.scores
from results import cache
from results.run_folder import ResultsError, read
from results.scores.scores import scores


def fold_auc(table):
    """scikit-learn's AUC of each fold, weighted by pairs."""
    parts = [part for _, part in table.groupby(["repeat", "fold"])]
    values = [roc_auc_score(part.y, part.p_1) for part in parts]
    return np.average(values, weights=[part.y.sum() * (1 - part.y).sum() for part in parts])


def test_one_row_per_cell_with_the_values_of_scikit_learn(grid_run):
    table = scores(read(grid_run.finish()), resamples=100)
    assert len(table) == 10
    for row in table.to_dict("records"):
        stored = pd.read_parquet(grid_run.folder / "cells" / f"{row['key']}.parquet")
        predicted = (stored.p_1 > stored.p_0).astype(int)
        assert_allclose(row["accuracy"], accuracy_score(stored.y, predicted))
        assert_allclose(row["f1"], f1_score(stored.y, predicted, average="macro", zero_division=0))
        assert_allclose(row["auc"], fold_auc(stored))
        assert row["auc_low"] < row["auc"] < row["auc_high"] or row["heads"] == "prior"
        assert (row["n_patients"], row["n_samples"], row["n_events"]) == (40, 120, "60/60")
    floors = table.set_index("heads")
    assert floors.loc["prior", "auc"] == 0.5 and floors.loc["prior", ["auc_low", "auc_high"]].isna().all()
    assert floors.loc["location", "auc_within_location"] == 0.5


def test_the_gain_is_over_location_on_shared_samples(new_run):
    writer = new_run()
    some = np.arange(len(writer.y)) % 7 != 0
    key = writer.add(writer.signal + writer.random.normal(size=len(writer.y)), rows=some, heads="svc")
    writer.add_floors()
    table = scores(read(writer.finish()), resamples=400).set_index("heads")
    mine, theirs = (pd.read_parquet(writer.folder / "cells" / f"{k}.parquet") for k in (key, "cell2"))
    shared = theirs[theirs["sample"].isin(mine["sample"])]
    assert_allclose(table.loc["svc", "gain"], fold_auc(mine) - fold_auc(shared))
    assert table.loc["svc", "gain_low"] < table.loc["svc", "gain"] < table.loc["svc", "gain_high"]
    assert table.loc["location", "gain"] == 0 and table.loc["location", ["gain_low", "gain_high"]].isna().all()
    assert table.loc["svc", "n_samples"] == some.sum() < table.loc["location", "n_samples"] == 120


def test_a_cell_is_compared_with_location_on_its_own_sequences(new_run):
    writer = new_run()
    writer.add(writer.signal, sequences="t1", heads="svc")
    writer.add(-1.0 * writer.level, sequences="t2", heads="location", floor=True)
    writer.add(1.0 * writer.level, sequences="t1", heads="location", floor=True)
    table = scores(read(writer.finish()), ["auc"], resamples=0)
    assert_allclose(table["gain"][0], table["auc"][0] - table["auc"][2])
    assert np.isnan(table["auc_low"][0])


def test_another_floor_that_reads_locations_changes_no_gain(new_run):
    writer = new_run()
    writer.add(-1.0 * writer.level, heads="location_trees", floor=True, reads="locations")
    writer.add(writer.signal, heads="svc")
    writer.add_floors()
    table = scores(read(writer.finish()), ["auc"], resamples=0).set_index("heads")
    assert_allclose(table.loc["svc", "gain"], table.loc["svc", "auc"] - table.loc["location", "auc"])
    assert table.loc["location_trees", "gain"] != 0


def test_the_null_gives_its_mean_and_p(new_run):
    writer = new_run()
    key = writer.add(writer.signal, heads="svc")
    writer.add_null(key, writer.random.normal(size=(19, len(writer.y))))
    row = scores(read(writer.finish()), resamples=0).iloc[0]
    stored = [pd.read_parquet(path) for path in sorted((writer.folder / "null" / key).iterdir())]
    values = np.array([fold_auc(table) for table in stored])
    assert_allclose((row["null_auc"], row["null_sd"]), (values.mean(), values.std(ddof=1)))
    assert (row["null_runs"], row["p_value"]) == (19, (1 + (values >= row["auc"]).sum()) / 20)


def test_a_rare_target_gets_no_p(new_run):
    writer = new_run(n_patients=15)
    writer.add_null(writer.add(writer.signal, heads="svc"), writer.random.normal(size=(2, len(writer.y))))
    row = scores(read(writer.finish()), resamples=0).iloc[0]
    assert row["rarest_class_patients"] <= 15
    assert np.isnan(row["p_value"])


def test_ordinal_scores_belong_to_ordinal_targets(new_run):
    for n_classes, expected in ((2, False), (4, True)):
        writer = new_run(f"classes{n_classes}", n_classes=n_classes)
        writer.add(writer.signal, heads="svc")
        table = scores(read(writer.finish()), resamples=20)
        assert all((name in table) == expected for name in ("kappa", "mae", "auc_thresholds"))


def test_without_locations_there_is_no_gain_and_nothing_within_level(new_run):
    writer = new_run(locations=[])
    writer.add(writer.signal, heads="svc")
    table = scores(read(writer.finish()), resamples=20)
    assert "gain" not in table
    assert "auc_within_location" not in table


def test_a_failed_cell_has_a_row_without_scores(grid_run):
    grid_run.add(status="failed", reason="no memory", heads="svc")
    row = scores(read(grid_run.finish()), resamples=20).iloc[-1]
    assert (row["status"], row["reason"]) == ("failed", "no memory")
    assert np.isnan(row["auc"])


def test_a_second_call_reads_what_the_first_kept(grid_run, monkeypatch):
    run = read(grid_run.finish())
    first = scores(run, resamples=50)
    monkeypatch.setattr(results.scores.scores, "score_target", None)
    pd.testing.assert_frame_equal(scores(run, resamples=50), first)
    pd.testing.assert_frame_equal(scores(run, ["auc", "f1"], resamples=50), first)


def test_another_metric_joins_those_that_are_kept(grid_run):
    run = read(grid_run.finish())
    scores(run, ["accuracy"], resamples=20)
    table = scores(run, ["brier"], resamples=20)
    assert {"accuracy", "brier"} <= set(table.columns)
    assert list(run.folder.glob(".scores*")) == []


def test_a_changed_prediction_or_other_resamples_make_them_anew(grid_run):
    run = read(grid_run.finish())
    first = scores(run, resamples=20)
    path = run.folder / "cells" / "cell0.parquet"
    stat = path.stat()
    stored = pd.read_parquet(path)
    stored[["p_0", "p_1"]] = stored[["p_1", "p_0"]].to_numpy()
    stored.to_parquet(path, index=False)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    second = scores(run, resamples=20)
    assert_allclose(second["auc"][0], 1 - first["auc"][0])
    assert second["auc_low"][1] != scores(run, resamples=21)["auc_low"][1]


def test_changed_code_makes_them_anew(grid_run, monkeypatch, tmp_path):
    run = read(grid_run.finish())
    scores(run, resamples=20)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "changed.py").write_text("changed = True")
    monkeypatch.setattr(cache, "HERE", tmp_path / "code")
    monkeypatch.setattr(results.scores.scores, "score_target", lambda *_: pytest.fail("computed anew"))
    with pytest.raises(pytest.fail.Exception):
        scores(run, resamples=20)


def test_a_broken_cache_is_made_anew(grid_run):
    run = read(grid_run.finish())
    first = scores(run, resamples=20)
    (run.folder / "scores.parquet").write_bytes(b"half a file")
    pd.testing.assert_frame_equal(scores(run, resamples=20), first)


def test_an_unknown_metric_names_the_nearest(grid_run):
    with pytest.raises(ResultsError, match=r"no metric 'acuracy': did you mean 'accuracy'\?"):
        scores(read(grid_run.finish()), ["acuracy"])
