"""The content of the page, without a browser."""

import base64
import io
import json
import math
import re

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from results import run_folder
from results.report import about, write_report
from results.report.cells import spread
from results.report.guards import guards
from results.report.leaderboard import leaderboard
from results.report.reading import fold_auc, read_target
from results.run_folder import ResultsError
from results.scores.scores import scores

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def outcomes(run):
    """The outcome of each check of a run's only target."""
    opened = run_folder.read(run.finish())
    board = leaderboard(opened, scores(opened), opened.targets[0])
    return {guard.rule: guard.state for guard in guards(opened, board, read_target(opened, opened.cells))}


def test_every_cell_has_a_line_and_a_page(report, grid_run):
    grid_run.add(status="failed", reason="out of memory", heads="mlp")
    page = report(grid_run).read_text(encoding="utf-8")
    for cell in grid_run.cells:
        assert page.count(f'href="#cell-{cell["key"]}"') == 1
        assert page.count(f'id="cell-{cell["key"]}"') == 1


def test_the_page_names_no_address(grid_report):
    page = grid_report.read_text(encoding="utf-8")
    assert re.findall(r"https?://(?!www\.w3\.org/)[^\s\"')]*", page) == []


def test_the_same_run_gives_the_same_page(report, grid_run, grid_report):
    assert report(grid_run).read_bytes() == grid_report.read_bytes()


def test_fold_auc_is_that_of_each_fold(new_run):
    run = new_run(repeats=2)
    run.add(run.signal, heads="logistic")
    opened = run_folder.read(run.finish())
    p = opened.predictions(opened.cells[0])
    expected = [
        [roc_auc_score(p.y[rows], p.P[rows, 1]) for f in range(4) if (rows := (p.repeat == r) & (p.fold == f)).any()]
        for r in range(2)
    ]
    np.testing.assert_allclose(fold_auc(p), expected, rtol=1e-12)


def test_spread_leaves_out_folds_without_a_value():
    strip = spread([[0.5, 1.0, math.nan]], low=0.0)
    # Two ticks: at the middle and at the right end of an axis from 8 to 252.
    assert strip.ticks == "M130 5v14M252 5v14"
    assert (strip.chance, strip.mean) == (130, 191)
    assert strip.numbers.split() == ["AUC", "fold", "0", "fold", "1", "fold", "2", "repeat", "0", "0.50", "1.00", "-"]
    assert spread([[math.nan]], low=0.0) is None


def test_checks_hold_for_a_sound_run(grid_run):
    grid_run.add(grid_run.signal, heads="pixels", floor=True)
    states = outcomes(grid_run)
    assert states.pop("On exchanged labels AUC within place is 0.5") == "not run"
    assert set(states.values()) == {"held"}


def test_checks_see_a_patient_in_two_folds(new_run):
    run = new_run()
    run.of_patient = np.arange(len(run.of_patient)) % 40
    run.add(run.signal, heads="logistic")
    states = outcomes(run)
    assert states["A patient is in one test fold of a repeat"] == "not held"
    assert states["The cells come with the floor prior"] == "not held"


def test_checks_see_rows_that_differ(new_run):
    run = new_run()
    run.add(run.signal, heads="logistic")
    run.add(run.signal, rows=slice(0, 60), heads="svc")
    assert outcomes(run)["All cells are scored on the same samples and folds"] == "not held"


def test_checks_see_null_runs_that_still_separate_classes(new_run):
    rule = "On exchanged labels AUC within place is 0.5"
    run = new_run("leaking")
    key = run.add(run.signal, heads="logistic")
    (run.folder / "null" / key).mkdir(parents=True)
    for k in range(3):
        run.write(run.folder / "null" / key / f"{k}.parquet", run.signal + 0.3 * run.random.normal(size=120), run.y)
    assert outcomes(run)[rule] == "not held"
    run = new_run("sound")
    run.add_null(run.add(run.signal, heads="logistic"), [run.random.normal(size=120) for _ in range(20)])
    assert outcomes(run)[rule] == "held"


def test_exclusions_are_counted_by_reason(grid_run):
    rows = [f"f{i},s{i},t2,{'truncated' if i % 3 else 'no mask'}" for i in range(9)]
    (grid_run.folder / "excluded.csv").write_text("\n".join(["file,sample,sequence,reason", *rows]) + "\n")
    found = about.exclusions(run_folder.read(grid_run.finish()))
    assert [(e.reason, e.count) for e in found] == [("truncated", 6), ("no mask", 3)]
    assert [row["file"] for row in found[1].rows] == ["f0", "f3", "f6"]


def test_folds_add_up_to_the_samples(new_run):
    run = new_run(repeats=2)
    run.add(run.signal, heads="logistic")
    opened = run_folder.read(run.finish())
    folds = about.folds(opened.predictions(opened.cells[0]), 2)
    assert [(f.repeat, f.fold) for f in folds] == [(r, f) for r in range(2) for f in range(4)]
    for repeat in range(2):
        mine = [f for f in folds if f.repeat == repeat]
        assert sum(f.patients for f in mine) == 40
        assert np.sum([f.by_class for f in mine], axis=0).tolist() == np.bincount(run.y).tolist()


def test_provenance_names_every_version_that_was_used(grid_run):
    calls = [
        {"peak_memory_mib": m, "machine": {"cores": 2}, "versions": {"numpy": v}} for m, v in ((1, "2.3"), (2, "2.4"))
    ]
    (grid_run.folder / "provenance.json").write_text(json.dumps(calls))
    facts, versions = about.provenance(run_folder.read(grid_run.finish()))
    assert facts == [("peak memory (MiB)", ["1", "2"]), ("machine cores", ["2", "2"])]
    assert versions == [("numpy", "2.3, 2.4")]


def test_figures_lie_in_the_page_up_to_two_megabytes(report, grid_run, tmp_path):
    (tmp_path / "roc_β.png").write_bytes(PNG)
    (tmp_path / "a.png").write_bytes(PNG)
    index = [{"name": name, "caption": "ROC <curves> & more", "scans": False} for name in ("other", "z", "a")]
    (tmp_path / "figures.json").write_text(json.dumps(index))
    (tmp_path / "big.png").write_bytes(bytes(2_000_001))
    (tmp_path / "z.png").write_bytes(PNG)
    page = report(grid_run, to=tmp_path / "page.html", figures=tmp_path).read_text(encoding="utf-8")
    assert page.count(base64.b64encode(PNG).decode()) == 3
    captions = re.findall(r"<figcaption>(.*)\n", page)
    assert captions[:3] == ["ROC &lt;curves&gt; &amp; more"] * 2 + ["roc β"]  # z before a, as the index has them
    assert all("narrowing; 40 patients" in caption for caption in captions[3:])  # those of cells
    assert "Left out: big.png (figures may take 2 MB together). <code>figures</code> writes every figure" in page
    assert "scans of patients" not in page


def test_every_target_brings_room_for_its_figures_up_to_the_limit_of_the_page(tmp_path):
    for i in range(7):
        (tmp_path / f"{i}.png").write_bytes(bytes(999_999))  # no picture, so it stays as large
    assert [len(about.figures(tmp_path, targets=n)[0]) for n in (1, 2, 3, 6, 50)] == [2, 2, 3, 6, 6]
    assert about.figures(tmp_path, targets=3)[1][0] == "3.png (figures may take 3 MB together)"


def test_a_picture_in_the_page_is_much_smaller_and_looks_the_same():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4))
    figure.subplots().plot([0, 1, 0], label="curve")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=200)
    small = about.smaller(drawn.getvalue())
    assert len(small) < 0.5 * len(drawn.getvalue())
    before, after = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float) for png in (drawn.getvalue(), small)
    )
    assert before.shape == after.shape and np.abs(before - after).max() < 16


def test_scans_in_the_page_are_named_and_can_be_left_out(report, grid_run, tmp_path):
    for name in ("cases", "roc", "unknown"):
        (tmp_path / f"{name}.png").write_bytes(PNG)
    index = [{"name": name, "caption": name, "scans": name == "cases"} for name in ("cases", "roc")]
    (tmp_path / "figures.json").write_text(json.dumps(index))
    options = {"to": tmp_path / "page.html", "figures": tmp_path}
    page = report(grid_run, **options).read_text(encoding="utf-8")
    assert page.count(base64.b64encode(PNG).decode()) == 3 and page.count("These are scans of patients") == 1
    page = report(grid_run, panels=False, **options).read_text(encoding="utf-8")
    assert page.count(base64.b64encode(PNG).decode()) == 1 and "These are scans of patients" not in page
    assert "Left out: cases.png (it shows scans), unknown.png (it may show scans)." in page


def test_declared_comparisons_are_tables_with_their_families(report, new_run):
    run = new_run(n_patients=60)
    noise = run.random.normal(size=len(run.y))
    for name, strength in (("weak", 0.2), ("strong", 3.0), ("copy", 3.0)):
        run.add(strength * run.signal + noise, encoders=name, heads="svc")
    run.add_floors()
    declared = {"family": {}, "metric": "auc", "margin": 0.05}
    run.about["compare"] = [
        declared | {"against": {"encoders": "strong"}},
        declared | {"against": "best", "family": {"encoders": "copy"}},
        declared | {"against": {"heads": "nothing"}},
    ]
    page = report(run).read_text(encoding="utf-8")
    section = page[page.index('<section id="comparisons">') : page.index('<section id="columns">')]
    first, *others = section.split("<h3>")[1:]
    assert re.findall(r"<th scope=\"col\"[^>]*>(.+?)</th>", first) == [
        *("#", "Encoders", "AUC", "AUC of strong", "Difference", "p", "Adjusted p", "DeLong p of these fits"),
        *("Within 0.05", "Worse / within / better"),
    ]
    rows = {row[1]: row[2:] for line in first.split("<tr>")[2:] if (row := re.findall(r"<td[^>]*>(.*?)</td>", line))}
    assert set(rows) == {"copy", "weak"}
    # A copy differs by nothing and is equivalent; a cell that is mostly noise differs from one that is mostly signal.
    assert rows["copy"][2:] == ["+0.00", "1.000", "1.000", "1.000", "yes", "0.00 / 1.00 / 0.00"]
    assert rows["weak"][2].startswith("-") and rows["weak"][3] == rows["weak"][4] == "&lt; 0.001"
    assert rows["weak"][-2:] == ["not shown", "1.00 / 0.00 / 0.00"]
    assert "A family of 2, declared in the grid; 60 patients." in first
    assert "Adjusted p: step-down" in first and "two one-sided tests" in first
    assert len(others) == 2 and "<table" not in others[1] and "Not compared: heads=nothing" in others[1]


def test_a_run_that_declared_no_comparison_says_so(grid_report):
    assert "The grid declared none" in grid_report.read_text(encoding="utf-8")


def test_odd_folders_are_refused(report, grid_run, tmp_path):
    with pytest.raises(ResultsError, match="no folder of figures"):
        report(grid_run, figures=tmp_path / "none")
    (grid_run.folder / "provenance.json").write_text('{"versions": 1}')
    with pytest.raises(ResultsError, match=r"provenance.json: input should be a valid list"):
        report(grid_run)
    (grid_run.folder / "provenance.json").unlink()
    (grid_run.folder / "excluded.csv").write_text("file\nx\n")
    with pytest.raises(ResultsError, match="column sample"):
        report(grid_run)


def test_a_target_without_finished_cells_still_has_a_section(report, grid_run):
    grid_run.add(status="refused", reason="one class alone", target="herniation", heads="svc")
    page = report(grid_run).read_text(encoding="utf-8")
    assert "<h2>herniation</h2>" in page
    assert "one class alone" in page


@pytest.mark.parametrize("n_classes", [5, 10])
def test_many_classes(report, new_run, n_classes):
    run = new_run(n_classes=n_classes)
    run.add(run.signal, heads="logistic")
    run.add_floors()
    page = report(run).read_text(encoding="utf-8")
    assert f">Class {n_classes - 1}</th>" in page
    assert ">Quadratic kappa</th>" in page


def test_writes_to_the_given_place(grid_run, tmp_path):
    run = run_folder.read(grid_run.finish())
    assert write_report(run, tmp_path) == tmp_path / "report.html"
    assert write_report(run, tmp_path / "other.html") == tmp_path / "other.html"
    assert not list(tmp_path.glob(".*"))


def test_plug_ins_are_shown_with_their_fields_and_references(grid_report):
    page = grid_report.read_text(encoding="utf-8")
    part = page.split('<section id="plug-ins">')[1].split("</section>")[0]
    assert '<th scope="row">resnet50</th><td>ResNet50, slice by slice; pretrained weights (BSD-3-Clause)</td>' in part
    assert "clip_limit = 2, tiles = 8" in part
    assert "@inproceedings{he2016," in part
    rows = part.split("<tbody>")[1].split("</tbody>")[0].count("<tr>")
    assert rows == 1 + 2 + 2 + 2 + 2  # the data, images, encoders, heads, floors


def test_a_folder_that_describes_no_plug_ins_still_has_a_report(grid_run, report):
    folder = grid_run.finish()
    (folder / "plugins.json").unlink()
    from results import run_folder
    from results.report import write_report

    page = write_report(run_folder.read(folder), folder).read_text(encoding="utf-8")
    assert "run the grid again to add <code>plugins.json</code>" in page
