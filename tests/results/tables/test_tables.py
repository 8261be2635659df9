"""Tables show what was measured and on whom, and name what is missing."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score

from results.run_folder import ResultsError, read
from results.scores.scores import scores
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC
from results.tables.flips import flip_sheets
from results.tables.main import sheets, table
from results.tables.presets.cost import cost
from results.tables.presets.per_target import per_target


@pytest.fixture
def run(grid_run):
    return read(grid_run.finish())


def body(drawn):
    """The lines of a plain table between its header and its notes, without rules."""
    lines = drawn.split("\n\n")[1].splitlines()
    first = next(i for i, line in enumerate(lines) if re.match("-+  -", line))
    return [line for line in lines[first + 1 :] if not re.match("-+  -", line)]


def test_each_cell_has_a_row_with_the_best_first_and_floors_last(run):
    lines = body(table(run))
    assert len(lines) == 11
    assert ["prior" in line for line in lines] == [False] * 9 + [True, False]
    assert "best, corrected" in lines[8]
    assert "location" in lines[-1]
    drawn = body(table(run, metrics=["auc"]))[:8]
    aucs = [float(re.split(r"\s{2,}", line)[-1].split(" [")[0]) for line in drawn]
    assert aucs == sorted(aucs, reverse=True)


def test_notes_name_the_method_the_samples_and_the_steps(run):
    drawn = table(run)
    for words in (
        "All heads are default (not tuned).",
        "40 patients, 120 samples (0: 60, 1: 60); none excluded.",
        "95 % interval that covers the sampling of patients and of training sets, by a bootstrap over patients (2000",
        "Nadeau and Bengio",
        "Folds: 4 by patient, stratified on narrowing, drawn once with seed 0.",
        "sequences none, regions none",
        "over folds (one repeat: none over repeats)",
    ):
        assert words in " ".join(drawn.split())


def test_notes_warn_the_reader(new_run):
    writer = new_run(n_patients=12, locations=[], patients_known=False, devices=["cpu", "NVIDIA H200"], n_excluded=3)
    writer.about["protocol"] = {"split": "official"}
    writer.add_grid(encoders=["resnet50", "raw_pixels"])
    drawn = " ".join(table(read(writer.finish()), resamples=50).split())
    for words in (
        "The source gives no patient ids",
        "no locating columns",
        "EXPLORATORY",
        "no sample left out",
        "Official split",
        "Computed on more than one device: cpu, NVIDIA H200.",
    ):
        assert words in drawn


def test_notes_list_cells_that_failed_were_refused_or_are_to_do(grid_run):
    grid_run.add(status="failed", reason="no such weights", encoders="medicalnet", images="clahe", heads="svc")
    grid_run.add(status="refused", reason="needs 90 GB", encoders="medicalnet", images="clahe", heads="rbf")
    grid_run.add(status="to do", encoders="cae_2d", images="clahe", heads="svc")
    drawn = table(read(grid_run.finish()), resamples=20)
    assert "FAILED, 1 cell: no such weights [clahe, medicalnet, svc]." in drawn
    assert "REFUSED, 1 cell: needs 90 GB [clahe, medicalnet, rbf]." in drawn
    assert "TO DO, 1 cell [clahe, cae_2d, svc]." in drawn
    assert len(body(drawn)) == 8 + 1 + 2


def test_a_floor_still_to_do_leaves_the_columns_of_counts_empty(grid_run):
    some = slice(0, 90)
    grid_run.add(grid_run.signal, rows=some, encoders="cae_2d", images="clahe", heads="svc")
    grid_run.add(status="to do", heads="presence", floor=True)
    run = read(grid_run.finish())
    for name in ("text", "md", "latex", "html"):
        drawn = table(run, format=name, resamples=20)
        assert "By class" in drawn and "nan" not in drawn
    assert "TO DO, 1 cell [presence]." in table(run, resamples=20)


def test_a_pivot_averages_over_the_axes_not_named(run):
    drawn = list(
        csv.DictReader(
            io.StringIO(table(run, rows=["encoders"], columns=["images"], metrics=["auc", "f1"], format="csv"))
        )
    )
    raw = scores(run)
    assert [row["encoders"] for row in drawn] == ["resnet50", "raw_pixels", "prior", "location"]
    for row in drawn[:2]:
        for image in ("grayscale", "clahe"):
            cells = raw[(raw["encoders"] == row["encoders"]) & (raw["images"] == image)]
            assert_allclose(float(row[f"AUC {image}"]), cells["auc"].mean())
            assert_allclose(float(row[f"Macro F1 {image}"]), cells["f1"].mean())
    assert [float(drawn[2][f"AUC {image}"]) for image in ("grayscale", "clahe")] == [0.5, 0.5]


def test_a_mean_with_a_missing_cell_is_empty_and_names_it(grid_run):
    grid_run.cells[1]["status"] = "failed"
    run = read(grid_run.finish())
    rows = list(
        csv.DictReader(io.StringIO(table(run, rows=["encoders"], columns=["images"], metrics=["auc"], format="csv")))
    )
    empty = [
        (row["encoders"], column) for row in rows for column in ("AUC grayscale", "AUC clahe") if row[column] == ""
    ]
    assert empty == [("resnet50", "AUC grayscale")]
    assert "resnet50, grayscale (lacks svc)" in table(run, rows=["encoders"], columns=["images"], metrics=["auc"])


def test_a_combination_left_out_of_the_grid_counts_as_missing(grid_run):
    del grid_run.cells[1]
    rows = list(
        csv.DictReader(io.StringIO(table(read(grid_run.finish()), rows=["encoders"], metrics=["auc"], format="csv")))
    )
    assert {row["encoders"]: row["AUC"] == "" for row in rows}["resnet50"]


def test_tuned_and_default_heads_are_marked(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc", tuned=True)
    writer.add(writer.signal, heads="knn")
    lines = body(table(read(writer.finish()), resamples=20))
    assert any("svc (tuned)" in line for line in lines)
    assert any("knn (default)" in line for line in lines)


def test_each_target_has_a_table(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    writer.add(writer.signal, heads="svc", target="bulging")
    drawn = table(read(writer.finish()), resamples=20)
    assert re.findall(r"^(\w+): synthetic", drawn, flags=re.M) == ["narrowing", "bulging"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"rows": ["encoder"]}, r"no axis 'encoder': did you mean 'encoders'\?"),
        ({"metrics": ["auk"]}, r"no metric 'auk': did you mean 'auc'\?"),
        ({"format": "xlsx"}, r"'xlsx' is no format of text: name a file, such as --out tables\.xlsx"),
        ({"format": "pdf"}, r"no format 'pdf': use one of text, md, csv, latex"),
    ],
)
def test_unknown_names_get_the_nearest(run, wish, message):
    with pytest.raises(ResultsError, match=message):
        table(run, **wish)


@pytest.mark.parametrize("kind", ["text", "csv"])
@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("kappa", "for ordinal targets, and narrowing is none"),
        ("auc_within_location", "AUC within location: the dataset has no locating columns"),
    ],
)
def test_a_metric_that_means_nothing_for_any_target_is_refused(new_run, metric, why, kind):
    writer = new_run(locations=[])
    writer.add(writer.signal, heads="svc")
    with pytest.raises(ResultsError, match=why):
        table(read(writer.finish()), metrics=["auc", metric], format=kind, resamples=20)


def test_a_metric_of_some_targets_is_left_out_of_the_others_with_a_note(new_run):
    writer = new_run(n_classes=3)
    writer.add(writer.signal, heads="svc")
    writer.add(writer.signal, heads="svc", target="side", ordinal=False)
    ordinal, nominal = sheets(read(writer.finish()), metrics=["kappa", "f1"], resamples=20)
    assert ordinal.headers == ("Quadratic kappa", "Macro F1") and nominal.headers == ("Macro F1",)
    assert nominal.notes[0] == "Left out: Quadratic kappa is for ordinal targets, and side is none."
    assert not any(note.startswith("Left out") for note in ordinal.notes)


def test_a_note_explains_the_interval_of_average_precision(run):
    assert "copies of a row come one after another" in " ".join(table(run, metrics=["average_precision"]).split())
    assert "copies of a row" not in table(run)


def test_two_patients_are_drawn_as_exploratory(new_run):
    writer = new_run(n_patients=2, compare=[{"family": {}, "against": "location", "metric": "auc", "margin": None}])
    for name in ("one", "two"):
        writer.add(writer.signal, encoders=name, heads="svc")
    writer.add_floors()
    run = read(writer.finish())
    main, compared = sheets(run, resamples=50)
    others = [*per_target(run, resamples=50), *cost(run, resamples=50), *flip_sheets(run, 0.2, times=5)]
    for sheet in (main, compared, *others):
        assert "EXPLORATORY" in " ".join(sheet.notes)
        assert not {"p", "Adjusted p", "Secondary p"} & set(sheet.extras)


def test_importing_the_tables_imports_no_pandas():
    heavy = {"pandas", "torch", "matplotlib", "pyarrow", "scipy", "sklearn"}
    code = "import sys, results.tables.main, results.figures; print(*sys.modules)"
    root = Path(__file__).resolve().parents[3]
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not heavy & set(out.stdout.split())


def test_metrics_of_called_classes_follow_the_threshold_that_inner_folds_chose(new_run):
    writer = new_run(protocol={"folds": 4, "repeats": 1, "seed": 0, "split": "patients", "threshold": "sensitivity=.9"})
    key = writer.add(writer.signal, heads="svc")
    path = writer.folder / "cells" / f"{key}.parquet"
    stored = pd.read_parquet(path)
    called = (stored["p_1"] >= np.where(stored["fold"] < 2, 0.2, 0.3)).astype(int)
    stored.assign(called=called).to_parquet(path)
    run = read(writer.finish())
    row = scores(run, resamples=20).set_index("heads").loc["svc"]
    assert row["accuracy"] == pytest.approx(accuracy_score(stored["y"], called))
    assert row["accuracy"] != pytest.approx(accuracy_score(stored["y"], stored["p_1"] > 0.5))
    assert row["auc"] == pytest.approx(
        evaluate(AUC, stored.y, stored[["p_0", "p_1"]].to_numpy(), **blocks(stored)).value
    )
    assert "Class 1 is predicted at or above a threshold, which is chosen for a sensitivity of 0.9" in table(
        run, resamples=20
    )


def blocks(stored):
    return {name: stored[name].to_numpy() for name in ("repeat", "fold")}
