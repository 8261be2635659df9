"""Tables say what was measured, on whom, and what is missing, in every format."""

import csv
import io
import re
import shutil
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
from results.tables import presets as presets
from results.tables.flips import flip_sheets
from results.tables.formats import Score
from results.tables.main import draw, sheets, table


@pytest.fixture
def run(grid_run):
    return read(grid_run.finish())


def body(drawn):
    """The lines of a plain table between its header and its notes, without rules."""
    lines = drawn.split("\n\n")[1].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("---"))
    return [line for line in lines[first + 1 :] if not line.startswith("---")]


def test_a_row_a_cell_best_first_and_floors_last(run):
    lines = body(table(run))
    assert len(lines) == 10
    assert ["prior" in line for line in lines] == [False] * 8 + [True, False]
    assert "location" in lines[-1]
    drawn = body(table(run, metrics=["auc"]))[:8]
    aucs = [float(re.split(r"\s{2,}", line)[-1].split(" [")[0]) for line in drawn]
    assert aucs == sorted(aucs, reverse=True)


def test_fits_a_terminal_and_says_what_it_left_out(new_run):
    writer = new_run()
    writer.add_grid(
        images=["histogram_equalization", "grayscale"],
        encoders=["efficientnet_lite0", "resnet18 (random)"],
        balance=["none", "smote"],
        heads=["xgboost_bagging", "svc"],
    )
    writer.add_floors()
    drawn = table(read(writer.finish()))
    assert max(map(len, drawn.splitlines())) <= 140
    assert "Intervals that did not fit" in drawn
    assert re.search(r"\.\d\d \[\.\d\d, 1?\.\d\d\]", drawn)


def test_says_how_on_whom_and_with_what(run):
    drawn = table(run)
    for words in (
        "All heads are default (not tuned).",
        "40 patients, 120 samples, by class (0/1) 60/60; none excluded.",
        "95 % percentile bootstrap over patients (2000 resamples",
        "conditional on the fitted models",
        "Folds: 4 by patient, stratified on narrowing, drawn once with seed 0.",
        "sequences none, regions none",
        "over folds (one repeat: none over repeats)",
    ):
        assert words in " ".join(drawn.split())


def test_says_what_a_reader_must_be_warned_of(new_run):
    writer = new_run(n_patients=12, locations=[], patients_known=False, devices=["cpu", "NVIDIA H200"], n_excluded=3)
    writer.about["protocol"] = {"split": "official"}
    writer.add_grid(encoders=["resnet50", "raw_pixels"])
    drawn = " ".join(table(read(writer.finish()), resamples=50).split())
    for words in (
        "The source gives no patient ids",
        "no locating columns",
        "EXPLORATORY",
        "3 excluded, see excluded.csv",
        "Official split",
        "Computed on more than one device: cpu, NVIDIA H200.",
    ):
        assert words in drawn


def test_lists_what_failed_was_refused_and_is_to_do(grid_run):
    grid_run.add(status="failed", reason="no such weights", encoders="medicalnet", images="clahe", heads="svc")
    grid_run.add(status="refused", reason="needs 90 GB", encoders="medicalnet", images="clahe", heads="rbf")
    grid_run.add(status="to do", encoders="cae_2d", images="clahe", heads="svc")
    drawn = table(read(grid_run.finish()), resamples=20)
    assert "FAILED, 1 cell: no such weights [clahe, medicalnet, svc]." in drawn
    assert "REFUSED, 1 cell: needs 90 GB [clahe, medicalnet, rbf]." in drawn
    assert "TO DO, 1 cell [clahe, cae_2d, svc]." in drawn
    assert len(body(drawn)) == 10


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


def test_csv_holds_every_number_at_full_precision(run):
    drawn = pd.read_csv(io.StringIO(table(run, format="csv")), keep_default_na=False, na_values=[""]).set_index("key")
    raw = scores(run).set_index("key")
    numbers = [c for c in raw if raw[c].dtype == np.float64]
    assert_allclose(drawn.loc[raw.index, numbers], raw[numbers], rtol=0, atol=0)
    assert list(drawn["floor"]) == [False] * 8 + [True, True]


def test_csv_of_some_metrics(run):
    drawn = pd.read_csv(io.StringIO(table(run, metrics=["f1"], format="csv")))
    assert {"f1", "f1_low", "f1_fold_sd", "encoders", "status"} <= set(drawn.columns)
    assert not {"auc", "gain", "accuracy_low", "auc_within_location"} & set(drawn.columns)


def test_markdown_has_one_width_and_bold_best_scores(run):
    lines = [line for line in table(run, format="md").splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 2 + 8 + 1 + 2
    best = scores(run)["auc"].max()
    assert f"**{best:.2f} [" in "\n".join(lines)
    assert sum(line.count("**") for line in lines) == 2 * 6
    assert "**" not in "\n".join(lines[-2:])


def test_a_loss_is_best_where_it_is_lowest(run):
    lines = [line for line in table(run, metrics=["brier"], format="md").splitlines() if line.startswith("|")]
    raw = scores(run, ["brier"])
    assert f"**{raw[~raw['floor']]['brier'].min():.3f} [" in lines[2]


def test_latex_is_escaped_and_ruled(run):
    drawn = table(run, format="latex")
    assert r"raw\_pixels" in drawn
    assert r"95 \% percentile" in drawn
    assert not re.search(r"(?<!\\)[%_#]", drawn.partition("\n")[2].replace("{%\n", "{\n"))
    assert [drawn.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 2, 1]
    rows = [line for line in drawn.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in rows} == {8}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(run, tmp_path):
    assert compiles(table(run, format="latex"), tmp_path).read_bytes().startswith(b"%PDF")


def compiles(drawn, folder):
    document = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}%s\end{document}"
    (folder / "paper.tex").write_text(document % drawn)
    done = subprocess.run(["pdflatex", "-halt-on-error", "paper.tex"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    return folder / "paper.pdf"


def test_latex_takes_greek_letters_signs_and_underscores(new_run, tmp_path):
    letters = "".join(chr(c) for c in range(0x391, 0x3CA) if chr(c).isalpha() and chr(c) != "\u03c2")
    writer = new_run()
    writer.add(writer.signal, encoders=f"cae_2d {letters} 5\u00b11 \u2264 2\u00d73 & #1 100% ~^<>{{}}\\", heads="svc")
    writer.add(writer.signal, encoders="\u03bb_net", heads="svc")
    drawn = table(read(writer.finish()), format="latex", resamples=20)
    assert r"$\lambda$\_net" in drawn and r"$\alpha$" in drawn and r"$\Omega$" in drawn and drawn.isascii()
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    assert compiles(drawn, tmp_path).exists()


def test_the_same_head_tuned_and_not_are_told_apart(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc", tuned=True)
    writer.add(writer.signal, heads="knn")
    lines = body(table(read(writer.finish()), resamples=20))
    assert any("svc (tuned)" in line for line in lines)
    assert any("knn (default)" in line for line in lines)


def test_a_table_a_target(new_run):
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
        ({"format": "xlsx"}, r"no format 'xlsx': there is text, md, csv, latex"),
    ],
)
def test_unknown_names_get_the_nearest(run, wish, message):
    with pytest.raises(ResultsError, match=message):
        table(run, **wish)


@pytest.mark.parametrize("kind", ["text", "csv"])
@pytest.mark.parametrize(
    ("metric", "why"), [("kappa", "of ordinal targets, and narrowing is none"), ("auc_within_location", "has no levels")]
)
def test_a_metric_that_means_nothing_for_any_target_is_refused(new_run, metric, why, kind):
    writer = new_run(locations=[])
    writer.add(writer.signal, heads="svc")
    with pytest.raises(ResultsError, match=why):
        table(read(writer.finish()), metrics=["auc", metric], format=kind, resamples=20)


def test_a_metric_of_some_targets_is_left_out_of_the_others_and_they_say_so(new_run):
    writer = new_run(n_classes=3)
    writer.add(writer.signal, heads="svc")
    writer.add(writer.signal, heads="svc", target="side", ordinal=False)
    ordinal, nominal = sheets(read(writer.finish()), metrics=["kappa", "f1"], resamples=20)
    assert ordinal.headers == ("Quadratic kappa", "Macro F1") and nominal.headers == ("Macro F1",)
    assert nominal.notes[0] == "Left out: Quadratic kappa is of ordinal targets, and side is none."
    assert not any(note.startswith("Left out") for note in ordinal.notes)


def test_average_precision_says_what_its_interval_is(run):
    assert "copies of a row come one after another" in " ".join(table(run, metrics=["average_precision"]).split())
    assert "copies of a row" not in table(run)


@pytest.mark.parametrize("kind", ["md", "latex", "html", "csv"])
def test_odd_runs_are_drawn(new_run, kind):
    """Ten classes of which most folds lack one, two equal cells, a failed one, names with signs."""
    writer = new_run("\u03bb_run", n_patients=12, n_classes=10, compare=[])
    for name in ("\u03b2_vae", "c_100%"):
        writer.add(writer.signal, encoders=name, heads="svc")
    writer.add(status="failed", reason="a & b_c", encoders="\u0394", heads="svc")
    writer.add_floors()
    writer.about["compare"] = [{"family": {}, "against": "prior", "metric": "auc", "margin": 0.1}]
    run = read(writer.finish())
    assert table(run, format=kind, resamples=30)
    found = sheets(run, resamples=30)
    assert found[0].rows[0].scores == found[0].rows[1].scores
    assert any("folds lack a class" in note for note in found[0].notes)
    assert any("2 of 3 declared; not done" in note for note in found[1].notes)
    presets_of = [*presets.ablation(run, "encoders", resamples=30), *presets.per_target(run, resamples=30)]
    assert draw([*presets_of, *presets.cost(run, resamples=30), *flip_sheets(run, 0.1, times=5)], kind)


def test_two_patients_are_drawn_as_exploratory(new_run):
    writer = new_run(n_patients=2, compare=[{"family": {}, "against": "location", "metric": "auc", "margin": None}])
    for name in ("one", "two"):
        writer.add(writer.signal, encoders=name, heads="svc")
    writer.add_floors()
    run = read(writer.finish())
    main, compared = sheets(run, resamples=50)
    others = [*presets.per_target(run, resamples=50), *presets.cost(run, resamples=50), *flip_sheets(run, 0.2, times=5)]
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
    stored["threshold"] = np.where(stored["fold"] < 2, 0.2, 0.3)
    stored.to_parquet(path)
    run = read(writer.finish())
    row = scores(run, resamples=20).set_index("heads").loc["svc"]
    called = (stored["p_1"] >= stored["threshold"]).astype(int)
    assert row["accuracy"] == pytest.approx(accuracy_score(stored["y"], called))
    assert row["accuracy"] != pytest.approx(accuracy_score(stored["y"], stored["p_1"] > 0.5))
    assert row["auc"] == pytest.approx(
        evaluate(AUC, stored.y, stored[["p_0", "p_1"]].to_numpy(), **blocks(stored)).value
    )
    assert "Class 1 is called at the threshold of a sensitivity of 0.9" in table(run, resamples=20)


def blocks(stored):
    return {name: stored[name].to_numpy() for name in ("repeat", "fold")}


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.79, 0.88, "0.83 [0.79, 0.88]"),
        (0.8341, 0.8399, "0.837 [0.834, 0.840]"),
        (0.83691, 0.83704, "0.8370 [0.8369, 0.8370]"),
    ],
)
def test_a_narrow_interval_gets_more_digits(low, high, said):
    assert Score((low + high) / 2, low, high).text() == said


def test_a_floor_without_width_keeps_its_digits():
    assert Score(0.5, 0.5, 0.5).text() == "0.50 [0.50, 0.50]" and Score(0.25).text() == "0.25"
