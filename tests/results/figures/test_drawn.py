"""Figures have a journal's width, stay on their page, repeat to the byte, and name what they can't show."""

import json
import re
from hashlib import sha256

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from results.figures import draw_all
from results.figures.attention_over_slices import attention_over_slices
from results.figures.base import FIGURES
from results.figures.confusion_matrix import confusion_matrix
from results.figures.cost import cost
from results.figures.critical_difference import critical_difference
from results.figures.decision_curves import decision_curves
from results.figures.drawing.style import NothingToDrawError
from results.figures.flow import flow
from results.figures.forest import forest
from results.figures.heat_map import heat_map
from results.figures.learning_curves import learning_curves
from results.figures.missing_rate import missing_rate
from results.figures.null_distribution import null_distribution
from results.figures.precision_recall import precision_recall
from results.figures.reliability import reliability
from results.figures.roc import roc
from results.run_folder import ResultsError, read

OF_TARGET = [
    roc,
    precision_recall,
    confusion_matrix,
    reliability,
    decision_curves,
    forest,
    heat_map,
    cost,
    missing_rate,
    learning_curves,
    attention_over_slices,
    null_distribution,
    flow,
]


def _complete(writer):
    """Adds what every figure of a target needs, and finishes the run."""
    keys = []
    for encoder in ("resnet50(weights=random, project=512, project_by=random)", "Σ_net($\\alpha$)"):
        for head in ("logistic", "xgboost_bagging"):
            for drop in ("none", "t2=0.3"):
                score = writer.signal + writer.random.normal(size=len(writer.y))
                keys.append(
                    writer.add(
                        score,
                        sequences="t1 + t2",
                        encoders=encoder,
                        heads=head,
                        drop=drop,
                        seconds=float(len(keys) + 1),
                    )
                )
    writer.add_floors()
    writer.add_null(keys[0], [writer.random.normal(size=len(writer.y)) for _ in range(5)])
    folder = writer.finish()
    (folder / "excluded.csv").write_text("file,sample,sequence,reason\na.png,p00_L3/L4,t1,the file is truncated\n")
    patients = sorted(set(writer.patient))
    folds = pd.DataFrame({"patient": patients, "repeat": 0, "fold": writer.fold[0]})
    folds.to_csv(folder / "folds.csv", index=False)
    for fold in range(4):
        weights = writer.random.dirichlet(np.ones(4), (len(writer.y), 2))
        curve = pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5 + fold], "validation_loss": [1.0, np.nan]})
        words, left = ("narrowing", "t1 + t2", "resnet50", "attention"), {"learning_curve": curve}
        left["attention_slices"] = weights.astype(np.float32)
        writer.leave("fusion", words, fold, target="narrowing", sequences=["t1", "t2"], cells=keys, seconds=0.1, **left)
    return read(folder)


@pytest.fixture
def run(new_run):
    """A run of three classes with something for every figure of a target."""
    return _complete(new_run(n_classes=3, n_patients=20))


def _cut(figure):
    """The texts that run off the page."""
    figure.draw_without_rendering()
    page = figure.bbox
    out = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text.axes is not None and text.axes.axison:
            box = text.get_window_extent()
            if box.x0 < page.x0 - 1 or box.x1 > page.x1 + 1 or box.y0 < page.y0 - 1 or box.y1 > page.y1 + 1:
                out.append(text.get_text())
    return out


@pytest.mark.parametrize("width", ["single", pytest.param("double", marks=pytest.mark.long)])
@pytest.mark.parametrize("draw", OF_TARGET, ids=lambda draw: draw.__name__)
def test_every_figure_stays_on_its_page_and_has_labels_and_a_caption(run, draw, width):
    figure = draw(run, "narrowing", width=width)
    assert figure.get_figwidth() * 25.4 == pytest.approx({"single": 89, "double": 183}[width])
    assert _cut(figure) == []
    assert "narrowing" in figure.caption
    for panel in figure.axes:
        if panel.axison and draw is not flow and panel.get_label() != "<colorbar>":
            below = panel.get_xlabel() or not panel.xaxis.get_tick_params().get("labelbottom", True)
            assert below, "an axis without a label"


@pytest.mark.long
def test_all_are_drawn_and_the_same_bytes_come_again(new_run, tmp_path):
    folder = _complete(new_run(n_patients=24)).folder
    first = draw_all(read(folder), tmp_path / "a", width="single")
    again = draw_all(read(folder), tmp_path / "b", width="single")
    assert [path.name for path in first] == [path.name for path in again]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    assert {path.stem for path in first[:-2]} == {f"{draw.__name__}_narrowing" for draw in OF_TARGET}
    for path in first:
        if path.suffix == ".pdf":
            page = path.read_bytes()
            assert b"/CreationDate" not in page and b"/Type3" not in page and b"/FontFile2" in page
            width = float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", page)[1])
            assert width / 72 * 25.4 == pytest.approx(89, abs=0.1)
        elif path.suffix == ".png":
            assert matplotlib.image.imread(path).shape[1] == pytest.approx(89 / 25.4 * 200, abs=1)
    captions = first[-1].read_text()
    assert all(f"**{draw.__name__}_narrowing.**" in captions for draw in OF_TARGET)
    assert "- critical_difference: ranks need 3 targets" in captions


def test_the_same_figure_has_the_same_bytes(run, tmp_path):
    for name in ("a", "b"):
        for ending in ("pdf", "png"):
            cost(run, "narrowing").savefig(tmp_path / f"{name}.{ending}")
    for ending in ("pdf", "png"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
    assert b"/CreationDate" not in (tmp_path / "a.pdf").read_bytes()


@pytest.mark.parametrize(
    ("draw", "why"),
    [
        (heat_map, "fewer than two axes"),
        (cost, "fewer than 3 cells"),
        (missing_rate, "no sequence was dropped"),
        (learning_curves, "no step kept a learning curve"),
        (attention_over_slices, "no fusion kept attention"),
        (null_distribution, "no cell was run on permuted labels"),
    ],
)
def test_the_error_names_what_a_run_lacks(new_run, draw, why):
    writer = new_run(n_patients=12)
    writer.add(writer.signal, heads="svc")
    with pytest.raises(NothingToDrawError, match=why):
        draw(read(writer.finish()), "narrowing")


def test_an_unknown_width_is_refused(run, tmp_path):
    with pytest.raises(ResultsError, match="no width 'triple': use one of single, double"):
        draw_all(run, tmp_path, width="triple")


def test_many_cells_are_cut_to_the_best_forty(new_run):
    writer = new_run(n_patients=12)
    writer.add_grid(encoders=[f"net_{i}" for i in range(9)], heads=["a", "b", "c", "d", "e"])
    figure = forest(read(writer.finish()), "narrowing")
    assert "The best 40 of 45 cells are shown." in figure.caption
    rows = figure.axes[0].get_ylim()
    assert abs(rows[0] - rows[1]) == 40


def test_ranks_over_three_targets(new_run):
    writer = new_run(n_patients=30)
    for target in ("narrowing", "bulging", "modic"):
        for head, noise in (("good", 0.1), ("fair", 1.0), ("poor", 4.0)):
            score = writer.signal + noise * writer.random.normal(size=len(writer.y))
            writer.add(score, target=target, heads=head)
    figure = critical_difference(read(writer.finish()), width="single")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["good", "fair", "poor"]
    # q = 3.314 / sqrt(2) for three groups, times sqrt(3 x 4 / (6 x 3)).
    assert "Nemenyi's critical difference at 0.05 (1.91 for 3 cells and 3 targets)" in figure.caption
    # Three targets that rank alike: chi2 = n (k - 1), p = exp(-3).
    assert "chi2 = 6.0 with 2 degrees of freedom, p = 0.050" in figure.caption
    assert "good 1.0 [1.0, " in figure.caption
    assert "2000 resamples of patients, shared by all targets" in figure.caption
    assert _cut(figure) == []


def test_targets_whose_names_differ_only_in_signs_have_their_own_figures(new_run, monkeypatch, tmp_path):
    writer = new_run(n_patients=8)
    for target in ("disc|narrow", "disc_narrow"):
        writer.add(writer.signal, target=target)
    run = read(writer.finish())
    records = {"roc": FIGURES["roc"]}
    monkeypatch.setattr(FIGURES, "_records", lambda: records)
    files = [path.name for path in draw_all(run, tmp_path / "drawn") if path.suffix == ".png"]
    names = [f"roc_disc_narrow-{sha256(b'disc|narrow').hexdigest()[:8]}", "roc_disc_narrow"]
    assert files == [f"{name}.png" for name in names]
    found = json.loads((tmp_path / "drawn" / "figures.json").read_text())
    assert [one["name"] for one in found] == names


@pytest.mark.long
@pytest.mark.parametrize("odd", ["failed", "two_patients", "ten_classes", "absent_in_a_fold", "no_location"])
def test_odd_runs_are_drawn(new_run, tmp_path, odd):
    about = {"n_patients": 2} if odd == "two_patients" else {"n_classes": 10} if odd == "ten_classes" else {}
    writer = new_run(**{"n_patients": 16} | about)
    if odd == "absent_in_a_fold":
        writer.y[writer.fold[0][writer.of_patient] == 0] = 0
        samples = pd.read_parquet(writer.folder / "samples.parquet")
        samples.assign(narrowing=writer.y).to_parquet(writer.folder / "samples.parquet")
    writer.add_grid(encoders=["resnet50", "raw_pixels"], heads=["logistic", "svc"])
    if odd == "failed":
        writer.add(encoders="cae", heads="svc", status="failed", reason="out of memory")
    if odd != "no_location":
        writer.add_floors()
    drawn = {path.stem for path in draw_all(read(writer.finish()), tmp_path / "drawn", width="single")}
    assert {"roc_narrowing", "forest_narrowing", "reliability_narrowing", "flow_narrowing"} <= drawn


def test_captions_count_what_was_excluded(run):
    caption = flow(run, "narrowing").caption
    cells = json.loads((run.folder / "cells.json").read_text())
    assert "Faults while reading (1 row of excluded.csv): 1: the file is truncated" in caption
    assert "60 samples of 20 patients" in caption and len(cells) == 10


def test_the_flow_counts_the_test_parts_of_all_cells_together(new_run):
    writer = new_run()
    few = np.arange(len(writer.y)) < 90
    writer.add(writer.signal, rows=few, sequences="a", heads="svc")
    writer.add(writer.signal, sequences="a + b", heads="svc")
    sizes = np.bincount(writer.fold[0][np.unique(writer.of_patient[few])])
    assert set(np.bincount(writer.fold[0])) == {10} and min(sizes) < 10
    caption = flow(read(writer.finish()), "narrowing").caption
    assert f"10 test patients per fold over all cells together, {min(sizes)} to 10 in single cells" in caption
    assert "narrowing has 120 samples of 40 patients (0: 60, 1: 60); cells predict 90 to 120 of them" in caption


def test_the_flow_names_what_each_way_of_the_samples_leaves_out(new_run):
    writer = new_run()
    groups = []
    for k, sequences in enumerate(("a", "b", "a + b", "c", "d")):
        n = (90, 60, 120, 105, 75)[k]
        key = writer.add(writer.signal, rows=np.arange(120) < n, sequences=sequences, heads="svc")
        steps = [("dataset", 120, 40), ("sequences", n, n // 3), ("tested", n - 3 * (k == 1), n // 3 - (k == 1))]
        steps = [{"step": step, "samples": samples, "patients": patients} for step, samples, patients in steps]
        groups.append({"cells": [key], "target": "narrowing", "steps": steps, "present": []})
    (writer.folder / "flow.json").write_text(json.dumps(groups))
    drawn = flow(read(writer.finish()), "narrowing", width="double")
    lost = "without a scan of the sequences used"
    for said in (
        f"With sequences a, these are left out: 30 samples and 10 patients {lost}. "
        f"With sequences b, these are left out: 60 samples and 20 patients {lost}. "
        "With sequences a + b, none is left out. "
        f"With sequences c, these are left out: 15 samples and 5 patients {lost}. "
        "What other cells leave out is in flow.json.",
        "With sequences b, 3 samples of 1 patient serve to fit models and are not predicted.",
    ):
        assert said in drawn.caption
    texts = " ".join(" ".join(text.get_text().split()) for text in drawn.axes[0].texts)
    assert f"- with sequences b: 60 samples and 20 patients {lost} - with sequences a + b: none" in texts
    assert "- others: see flow.json" in texts and "sequences d" not in texts


def test_pictures_of_a_target_that_is_gone_are_removed_and_other_files_stay(new_run, tmp_path):
    folder = tmp_path / "figures"

    def drawn(target):
        writer = new_run(f"of_{target}")
        writer.add(writer.signal, heads="svc", target=target)
        return draw_all(read(writer.finish()), folder)

    drawn("old")
    (folder / "mine_old.png").write_bytes(b"")
    written = drawn("new")
    assert set(folder.iterdir()) == {*written, folder / "mine_old.png"}
