"""Gains over any cell, published rows next to ours, and the tables that follow those of the targets."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score

from results.run_folder import ResultsError, read
from results.scores.scores import scores
from results.tables import formats, side_tables
from results.tables.main import table
from results.tables.published import published


def fold_auc(stored):
    """AUC fold by fold, weighted by pairs, with scikit-learn."""
    parts = [(roc_auc_score(f.y, f.p_1), f.y.sum() * (1 - f.y).sum()) for _, f in stored.groupby("fold")]
    values, weights = zip(*parts, strict=True)
    return np.average(values, weights=weights)


def stored(writer, key):
    return pd.read_parquet(writer.folder / "cells" / f"{key}.parquet")


@pytest.fixture
def writer(new_run):
    made = new_run()
    made.keys = {
        name: made.add(
            strength * made.signal + made.random.normal(size=len(made.y)),
            fusion=name,
            heads="logistic",
            encoders="resnet50(size=64)",
        )
        for name, strength in (("mean", 0.6), ("attention", 1.2))
    }
    made.add_floors()
    return made


def test_gains_are_over_the_cell_that_is_named_with_a_paired_interval(writer):
    found = scores(read(writer.finish()), ["auc"], resamples=2000, against={"fusion": "mean"}).set_index("key")
    mean, attention = (writer.keys[name] for name in ("mean", "attention"))
    gain = fold_auc(stored(writer, attention)) - fold_auc(stored(writer, mean))
    assert_allclose(found.loc[attention, "gain"], gain)
    assert found.loc[mean, "gain"] == 0 and found.loc[mean, ["gain_low", "gain_high"]].isna().all()
    # The same by a loop over resampled patients.
    one, other = stored(writer, attention), stored(writer, mean)
    rng, draws = np.random.default_rng(0), []
    rows = {p: np.flatnonzero(one["patient"] == p) for p in one["patient"].unique()}
    for _ in range(400):
        chosen = np.concatenate([rows[p] for p in rng.choice(list(rows), len(rows))])
        draws.append(fold_auc(one.iloc[chosen]) - fold_auc(other.iloc[chosen]))
    ends = found.loc[attention, ["gain_low", "gain_high"]].astype(float)
    error = np.std(draws) * np.sqrt((1 + 4 / 3) * 40 / 39)  # 4 folds, each a third of the others
    assert_allclose(ends, gain + stats.t.ppf([0.025, 0.975], 39) * error, atol=0.025)


def test_the_default_table_stays_as_it_was_after_one_against_a_cell(writer):
    run = read(writer.finish())
    before = table(run, resamples=50)
    assert "Gain over mean: AUC minus the AUC of mean," in table(run, resamples=50, against={"fusion": "mean"})
    assert table(run, resamples=50) == before
    assert "Gain over location: AUC minus the AUC of location," in before


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"fusion": "men"}, "no cell of narrowing: there is"),
        ({"encoders": "resnet50"}, "names 2 cells of narrowing: name one of: fusion=mean; fusion=attention"),
        ({"fusio": "mean"}, "no axis 'fusio': did you mean 'fusion'"),
    ],
)
def test_a_reference_that_is_not_one_cell_is_an_error(writer, named, message):
    with pytest.raises(ResultsError, match=message):
        scores(read(writer.finish()), resamples=0, against=named)


def test_published_rows_are_next_to_the_cells_that_they_name(writer, tmp_path):
    file = tmp_path / "paper.csv"
    file.write_text(
        "row,fusion,encoders,heads,published_accuracy,published_auc\n"
        "Their attention,attention,resnet50,logistic,0.9221,0.6125\n"
        "Their CNN,late_cnn,resnet50,logistic,0.5,\n"
    )
    drawn = published(read(writer.finish()), file, resamples=50)
    lines = drawn.splitlines()
    ours = next(line for line in lines if line.startswith("Their attention"))
    one = stored(writer, writer.keys["attention"])
    accuracy = accuracy_score(one["y"], one["p_1"] > 0.5)
    assert f"{accuracy:.2f}".lstrip("0") in ours
    assert ".92" in ours
    assert ".61" in ours
    assert ours.split()[2:4] == ["resnet50", "logistic"]
    assert "not in this run" in next(line for line in lines if line.startswith("Their CNN"))
    assert any(line.startswith("prior") for line in lines)
    assert any(line.startswith("location") for line in lines)


def test_cells_that_only_name_the_most_frequent_class_are_counted(writer, tmp_path):
    file = tmp_path / "paper.csv"
    file.write_text("row,fusion,published_accuracy\nTheirs,attention,0.9\n")
    everything = writer.add(np.full(len(writer.y), -1.0), heads="svc")  # always class 0, as `prior`
    named = [stored(writer, key) for key in (*writer.keys.values(), everything)]
    found = [accuracy_score(one["y"], one["p_1"] > 0.5) for one in named]
    near = sum(abs(value - (writer.y == 0).mean()) <= 0.01 for value in found)
    assert near == 1
    line = f"1 of 3 cells have an accuracy within 0.01 of {(writer.y == 0).mean():.3f}, which always naming"
    assert line in " ".join(published(read(writer.finish()), file, resamples=50).split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row,fusion\nx,mean\n", "published_auc"),
        ("# A text\nwith, commas\n", "needs a column `row`"),
        ("row,fusio,published_auc\nx,mean,.5\n", "did you mean 'fusion'"),
        ("row,fusion,published_acuracy\nx,mean,.5\n", "did you mean 'accuracy'"),
        ("row,encoders,published_auc\nx,resnet50,.5\n", "names 2 cells"),
        ("row,fusion,published_auc\nx,mean,80%\n", r"line 2: published_auc \(80%\) is no number"),
        ("row,fusion,published_auc\nx,mean,.5\nx,mean,.5,more\n", "line 3: not 3 fields"),
        ("row,fusion,published_auc\nx,mean\n", "line 2: not 3 fields"),
    ],
)
def test_a_published_table_that_can_not_be_used_is_an_error(writer, tmp_path, text, message):
    file = tmp_path / "paper.csv"
    file.write_text(text)
    with pytest.raises(ResultsError, match=message):
        published(read(writer.finish()), file, resamples=0)


def test_how_well_sequences_were_filled_has_a_table(writer):
    axes = {"sequences": "t1 + t2", "drop": "none", "regions": "mask", "images": "grayscale", "encoders": "resnet50"}
    rows = [
        axes | {"missing": m, "target": "narrowing", "repeat": 0, "fold": f, "sequence": s, "n": n, "cosine": 0.9}
        | {"explained_variance": value}
        for m, values in (("mean", (0.0, 0.0)), ("neighbours", (0.2, 0.5)))
        for f, (n, value) in enumerate(zip((10, 30), values, strict=True))
        for s in ("t1", "t2")
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(writer.folder / "filling.csv", index=False)
    drawn = table(read(writer.finish()), resamples=50)
    line = next(line for line in drawn.splitlines() if line.startswith("neighbours"))
    assert "0.42" in line or ".42" in line  # (10 x 0.2 + 30 x 0.5) / 40 = 0.425
    assert line.endswith("40")


def test_the_datasets_own_score_has_a_table(writer):
    axes = dict.fromkeys(("sequences", "encoders", "fusion"), "none")
    rows = [
        axes | {"heads": h, "targets": "severity", "score": "rsna_log_loss", "value": v, "low": v - 0.1}
        | {"high": v + 0.1, "n_samples": 3, "n_patients": 2, "lower_is_better": True, "key": h}
        for h, v in (("prior", 0.931), ("logistic", 0.612))
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    for axis in read(writer.finish()).axes:
        if axis not in frame:
            frame[axis] = "none"
    frame.to_csv(writer.folder / "dataset_scores.csv", index=False)
    lines = [line for line in table(read(writer.finish()), resamples=50).splitlines() if "rsna" in line or "." in line]
    places = [next(i for i, line in enumerate(lines) if line.startswith(h) and v in line) for h, v in
              (("logistic", ".612"), ("prior", ".931"))]  # fmt: skip
    assert places == sorted(places)


def test_scores_of_other_samples_and_missing_targets_have_notes(writer):
    writer.add(target="narrowing", heads="svc", status="failed")
    writer.add(writer.signal, target="bulging", heads="svc")
    run = read(writer.finish())
    frame = pd.DataFrame(
        dict.fromkeys(run.axes, "none")
        | {"heads": h, "targets": "bulging", "score": "rsna_log_loss", "value": 0.5, "low": 0.4, "high": 0.6}
        | {"n_samples": n, "n_patients": 2, "lower_is_better": True, "key": h}
        for h, n in (("svc", 12), ("prior", 30))
    )
    frame.to_csv(writer.folder / "dataset_scores.csv", index=False)
    drawn = formats.text(side_tables.dataset_scores(run))
    assert [line.split()[-1] for line in drawn.splitlines() if line.startswith(("svc", "prior"))] == ["12", "30"]
    assert "1 combinations of steps have no joint score" in drawn
    assert "Scores with different n are on different samples" in drawn


def test_quality_of_regions_is_a_mean_over_patients_with_its_interval_and_names_the_worst(writer):
    table = pd.DataFrame(
        {"patient": ["007", "007", "a", "b"], "study": list("wxyz"), "repeat": 0, "fold": [0, 0, 1, 1]}
    )
    table = table.assign(
        regions="segmented", sequence="t2", dice_disc=[0.6, 0.8, 0.9, 0.8], hausdorff=[4, 2, 1, np.nan]
    )
    table.to_csv(writer.folder / "regions.csv", index=False)
    sheet = side_tables.found_regions(read(writer.finish()))
    (row,) = sheet.rows
    assert row.labels == ("segmented", "t2") and row.extras == ("3",)
    assert_allclose(row.scores[0].value, (0.7 + 0.9 + 0.8) / 3)
    assert_allclose(row.scores[1].value, (3 + 1) / 2)
    assert_allclose([row.scores[0].low, row.scores[0].high], [0.7, 0.9])  # of 27 draws 1 is all the lowest: 3.7 %
    assert "dice disc is lowest, 0.70, in patient 007" in " ".join(sheet.notes)
    assert "What fitted regions found" in table_of(writer)


def table_of(writer):
    return table(read(writer.folder), resamples=10)
