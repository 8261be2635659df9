"""The interval over refits, against a computation by hand and scikit-learn."""

import io
import json
import statistics

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import accuracy_score, roc_auc_score

from results.run_folder import read
from results.scores.scores import scores
from results.tables.main import table

DRAWS = 6


@pytest.fixture
def refitted(new_run):
    """A run of two cells; one was refitted, its predictions written with the copies of the patients drawn."""
    run = new_run()
    run.add_floors()
    key = run.add(run.signal + run.random.normal(size=len(run.y)), heads="logistic")
    run.add(run.random.normal(size=len(run.y)), heads="knn")
    folder = run.folder / "refit" / key
    folder.mkdir(parents=True)
    for k in range(DRAWS):
        score = 0.5 * run.signal + run.random.normal(size=len(run.y))
        drawn = run.random.integers(0, 40, size=40)
        rows = np.concatenate([np.flatnonzero(run.of_patient == p) for p in drawn])
        run.write(folder / f"{k}_0.parquet", score, run.y)
        pd.read_parquet(folder / f"{k}_0.parquet").iloc[rows].to_parquet(folder / f"{k}_0.parquet", index=False)
    run.about["refit"] = {"draws": DRAWS, "redrawn": {key: 3}}
    return read(run.finish()), key


def by_hand(path):
    """AUC by pairs of one fold, pooled by their number; accuracy; both on the repeated rows."""
    t = pd.read_parquet(path)
    folds = [(roc_auc_score(f["y"], f["p_1"]), (f["y"] == 1).sum() * (f["y"] == 0).sum()) for _, f in t.groupby("fold")]
    auc = sum(a * n for a, n in folds) / sum(n for _, n in folds)
    return auc, accuracy_score(t["y"], t["p_1"] > t["p_0"])


def test_the_interval_is_the_value_and_the_sd_of_the_refits(refitted):
    run, key = refitted
    frame = scores(run, ["accuracy", "auc"], resamples=50).set_index("key")
    hand = [by_hand(path) for path in sorted((run.folder / "refit" / key).iterdir())]
    for name, values in zip(("auc", "accuracy"), zip(*hand, strict=True), strict=True):
        row, sd = frame.loc[key], statistics.stdev(values)
        assert row[f"{name}_refit_mean"] == pytest.approx(statistics.mean(values))
        assert row[f"{name}_refit_sd"] == pytest.approx(sd)
        reach = 1.959963985 * sd / (row[name] * (1 - row[name]))  # on the logit scale
        assert row[f"{name}_refit_low"] == pytest.approx(expit(logit(row[name]) - reach))
        assert row[f"{name}_refit_high"] == pytest.approx(expit(logit(row[name]) + reach))
    assert frame.loc[key, "refits"] == DRAWS
    assert frame.drop(key)["refits"].isna().all()
    assert frame.drop(key)["auc_refit_sd"].isna().all()


def test_within_level_compares_copies_of_one_level(refitted):
    run, key = refitted
    frame = scores(run, ["auc_within_location"], resamples=0).set_index("key")
    found = []
    for path in sorted((run.folder / "refit" / key).iterdir()):
        t = pd.read_parquet(path)
        level = t["sample"].str.split("_").str[1]
        wins = pairs = 0.0
        for _, f in t.groupby([t["fold"], level]):
            low, high = (f.loc[f["y"] == c, "p_1"].to_numpy() for c in (0, 1))
            wins += (high[:, None] > low).sum() + 0.5 * (high[:, None] == low).sum()
            pairs += len(low) * len(high)
        found.append(wins / pairs)
    assert frame.loc[key, "auc_within_location_refit_sd"] == pytest.approx(statistics.stdev(found))


def test_a_table_shows_both_intervals_and_explains_what_each_covers(refitted):
    run, key = refitted
    row = scores(run, resamples=50).set_index("key").loc[key]
    wanted = f"[{row.auc_refit_low:.2f}, {row.auc_refit_high:.2f}], mean {row.auc_refit_mean:.2f}"
    drawn = table(run, format="md", resamples=50)
    (line,) = (line for line in drawn.splitlines() if wanted in line)
    assert "logistic" in line
    assert f"{row.auc:.2f} [{row.auc_low:.2f}, {row.auc_high:.2f}]" in line
    assert f"refit: 1.96 SD over {DRAWS} draws of patients before folds are made; up to 3 had too few" in drawn
    assert "It covers training sets too" in drawn
    assert "Accuracy refit" in table(run, metrics=["accuracy", "auc"], format="md", resamples=50)
    raw = pd.read_csv(io.StringIO(table(run, metrics=["auc"], format="csv", resamples=50)))
    assert raw["auc_refit_sd"].notna().sum() == 1
    assert "accuracy_refit_sd" not in raw


def test_a_table_of_a_run_without_refits_mentions_none(new_run):
    run = new_run()
    run.add(run.signal, heads="logistic")
    assert "refit" not in table(read(run.finish()), resamples=50)


def test_one_draw_has_no_sd(refitted):
    run, key = refitted
    for path in sorted((run.folder / "refit" / key).iterdir())[1:]:
        path.unlink()
    assert "auc_refit_sd" not in scores(run, ["auc"], resamples=0)


def test_below_four_fifths_of_the_draws_there_is_a_note_instead_of_an_interval(refitted):
    run, key = refitted
    about = json.loads((run.folder / "run.json").read_text())
    about["refit"]["draws"] = 2 * DRAWS
    (run.folder / "run.json").write_text(json.dumps(about))
    again = read(run.folder)
    frame = scores(again, resamples=10).set_index("key")
    assert frame.loc[key, "refits"] == DRAWS and "auc_refit_low" not in frame
    assert f"of {2 * DRAWS} requested; the others failed" in " ".join(table(again, resamples=10).split())
