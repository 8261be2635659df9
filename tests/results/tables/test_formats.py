"""Every format of a table holds the same numbers and fits its place."""

import io
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from results.run_folder import read
from results.scores.scores import scores
from results.tables.flips import flip_sheets
from results.tables.formats import Row, Score, Sheet, markdown
from results.tables.main import draw, sheets, table
from results.tables.presets.ablation import ablation
from results.tables.presets.cost import cost
from results.tables.presets.per_target import per_target


@pytest.fixture
def run(grid_run):
    return read(grid_run.finish())


def test_a_table_fits_a_terminal_and_names_what_it_left_out(new_run):
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
    assert re.search(r"0\.\d\d \[0\.\d\d, [01]\.\d\d\]", drawn) and not re.search(r"[ \[]\.\d", drawn)


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
    assert len(lines) == 2 + 8 + 1 + 3  # the choice, prior and location are below
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
    assert r"95~\% interval that covers the sampling of patients" in drawn
    assert not re.search(r"(?<!\\)[%_#]", drawn.partition("\n")[2].replace("%\n", "\n"))
    assert [drawn.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [2, 4, 1]
    rows = [line for line in drawn.splitlines() if line.endswith((r"\\", "[1pt]")) and "&" in line]
    assert {line.count("&") for line in rows} == {9}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(run, tmp_path):
    assert compiles(table(run, format="latex"), tmp_path).read_bytes().startswith(b"%PDF")


def compiles(drawn, folder):
    document = r"\documentclass{article}\usepackage{booktabs,longtable,pdflscape}\begin{document}%s\end{document}"
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


@pytest.mark.parametrize("kind", ["md", "latex", "html", "csv"])
def test_odd_runs_are_drawn(new_run, kind):
    """Ten classes, one of which most folds lack, two equal cells, a failed one, and names with signs."""
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
    others = [*ablation(run, "encoders", resamples=30), *per_target(run, resamples=30)]
    assert draw([*others, *cost(run, resamples=30), *flip_sheets(run, 0.1, times=5)], kind)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.79, 0.88, "0.83 [0.79, 0.88]"),
        (0.8341, 0.8399, "0.837 [0.834, 0.840]"),
        (0.83691, 0.83704, "0.8370 [0.8369, 0.8370]"),
    ],
)
def test_a_narrow_interval_gets_more_digits(low, high, expected):
    assert Score((low + high) / 2, low, high).text() == expected


def test_a_floor_without_width_keeps_its_digits():
    assert Score(0.5, 0.5, 0.5).text() == "0.50 [0.50, 0.50]" and Score(0.25).text() == "0.25"


def test_a_bar_in_a_step_makes_no_column_of_a_markdown_table():
    row = Row(("t1|t2",), (Score(0.75),), ())
    sheet = Sheet("narrow", "narrow", ("sequences",), ("AUC\nt1|t2",), (), (row,), ())
    lines = [line for line in markdown(sheet).splitlines() if line.startswith("|")]
    assert len(lines) == 3 and {line.replace("\\|", "").count("|") for line in lines} == {3}


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-0.0004, 0.0625, "+0.03 [-0.00, +0.06]"),
        (-0.004, 0.06, "+0.03 [-0.00, +0.06]"),
        (0.0, 0.06, "+0.03 [+0.00, +0.06]"),
        (-0.02, 0.06, "+0.03 [-0.02, +0.06]"),
    ],
)
def test_a_difference_shows_on_which_side_of_0_its_ends_lie(low, high, text):
    assert Score(0.02936, low, high, signed=True).text() == text
