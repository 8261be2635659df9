"""Ratings of autoencoders: the table of means over folds, and the mark of collapsed fits in every table."""

import pandas as pd
import pytest

from results import ResultsError
from results.report.leaderboard import leaderboard
from results.run_folder import read
from results.scores.scores import scores
from results.tables import presets
from results.tables.compare import compare
from results.tables.comparisons import comparisons
from results.tables.main import draw, sheets
from results.tables.published import published
from results.tables.reconstruction import rebuilt

MARK = "\N{DAGGER}"
GOOD = {"rmse": 0.06, "rmse_mean": 0.16, "spread": 0.8}


def rating(**changed):
    row = {"channel": "intensity", "n_inputs": 50, "components": 32, "rmse_pca": 0.07} | GOOD | changed
    return pd.DataFrame([row | {"dice": float("nan"), "dice_mean": float("nan"), "dice_pca": float("nan")}])


@pytest.fixture
def written(new_run):
    """A run of two autoencoders, the second with ratings of one's choice."""

    def write(*of_second):
        writer = new_run()
        for target in ("narrowing", "bulging"):
            for encoder in ("cae_2d", "cae_3d"):
                noise = writer.random.normal(size=len(writer.y))
                writer.add(writer.signal + noise, encoders=encoder, heads="svc", target=target)
        writer.add_floors()
        writer.leave("encoder", ["cae_2d", "t1"], 0, cells=["cell0", "cell2"], reconstruction=rating())
        for fold, changed in enumerate(of_second):
            writer.leave("encoder", ["cae_3d", "t1"], fold, cells=["cell1", "cell3"], reconstruction=rating(**changed))
        return read(writer.finish())

    return write


@pytest.mark.parametrize(
    ("changed", "collapsed"),
    [({}, 0), ({"spread": 0.199}, 1), ({"spread": 0.201}, 0), ({"rmse": 0.145}, 1), ({"rmse": 0.143}, 0)],
)
def test_a_fit_collapses_below_a_fifth_of_the_spread_or_without_a_tenth_less_error_than_the_mean(
    written, changed, collapsed
):
    sheet = rebuilt(written(changed, {}))
    assert [row.extras[1] for row in sheet.rows] == ["0 of 1", f"{collapsed} of 2"]


def test_numbers_are_means_over_folds_and_the_preset_has_each_fold(written):
    run = written({"rmse": 0.05}, {"rmse": 0.09})
    (row,) = [row for row in rebuilt(run).rows if row.labels[0] == "cae_3d"]
    assert [round(score.value, 6) for score in row.scores] == [0.07, 0.07, 0.16, 0.8]
    (sheet,) = presets.of(run, "reconstruction")
    places = [row.labels[2] for row in sheet.rows if row.labels[0] == "cae_3d"]
    assert places == ["all", "repeat 0, fold 0", "repeat 0, fold 1"]


PRESETS = ("main", "per-class", "calibration", "per-target", "cost", "subgroups:level")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_table_marks_the_cells_of_a_collapsed_fit_and_no_others(written, preset):
    run = written({"spread": 0.05}, {})
    text = draw(sheets(run, resamples=50) if preset == "main" else presets.of(run, preset), "md")
    rows = [line for line in text.splitlines() if line.startswith("|") and "svc" in line]
    assert rows and all((MARK in line) == ("cae_3d" in line) for line in rows)
    assert f"{MARK} marks cells whose autoencoder collapsed, in up to 1 of 2 trainings" in text


def test_a_pivot_marks_rows_with_such_a_cell(written):
    run = written({"spread": 0.05})
    text = draw(sheets(run, rows=["encoders"], metrics=["auc"], resamples=50), "md")
    assert f"| cae_3d {MARK}" in text and f"cae_2d {MARK}" not in text


def test_the_report_marks_the_line_and_explains_the_mark(written):
    run = written({"rmse": 0.16})
    board = leaderboard(run, scores(run, resamples=50), "narrowing")
    assert [MARK in line.title for line in board.lines if "cae_3d" in line.title] == [True]
    assert [MARK in line.title for line in board.lines if "cae_2d" in line.title] == [False]
    assert any(note.startswith(MARK) for note in board.notes)


def test_without_a_collapsed_fit_there_is_no_mark(written):
    assert MARK not in draw(sheets(written({}), resamples=50)[:2], "md")


def test_a_run_without_autoencoders_has_no_table(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    run = read(writer.finish())
    assert rebuilt(run) is None
    with pytest.raises(ResultsError, match="no autoencoder was trained"):
        presets.of(run, "reconstruction")


def test_an_ablation_marks_the_step_and_a_published_table_and_two_runs_mark_the_cell(written, tmp_path):
    run = written({"spread": 0.05})
    ablation = draw(presets.of(run, "ablation:encoders"), "md")
    file = tmp_path / "paper.csv"
    file.write_text("row,encoders,published_auc\ntheirs,cae_3d,.8\nours,cae_2d,.7\n")
    folds = {"patient": [f"p{i:02d}" for i in range(40)], "repeat": 0, "fold": 0}
    pd.DataFrame(folds).to_csv(run.folder / "folds.csv", index=False)
    tables = [ablation, published(run, file, format="md", resamples=0), compare(run, run, resamples=20)]
    for text in tables:
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert any(f"cae_3d {MARK}" in line for line in rows), text
        assert not any(f"cae_2d {MARK}" in line for line in rows)
        assert f"{MARK} marks cells" in text


def test_declared_comparisons_mark_the_cell(written, new_run):
    family = {"family": {}, "against": {"heads": "location"}, "metric": "auc", "margin": None}
    writer = new_run("declared", compare=[family])
    for encoder in ("cae_2d", "cae_3d"):
        writer.add(writer.signal + writer.random.normal(size=len(writer.y)), encoders=encoder, heads="svc")
    writer.add_floors()
    writer.leave("encoder", ["cae_3d", "t1"], 0, cells=["cell1"], reconstruction=rating(spread=0.05))
    text = draw(comparisons(read(writer.finish()), resamples=50), "md")
    rows = [line for line in text.splitlines() if "cae_" in line and line.startswith("|")]
    assert len(rows) == 2 and all((MARK in line) == ("cae_3d" in line) for line in rows)
    assert f"{MARK} marks cells" in text


@pytest.mark.parametrize(("changed", "expected"), [({"spread": 0.1}, True), ({}, False)])
def test_figures_mark_a_collapsed_fit_and_explain_the_mark(written, changed, expected):
    from results.figures import draw_one

    found = written(changed)
    for name in ("forest", "leaderboard"):
        figure = draw_one(found, name, "narrowing")
        texts = [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]
        of_second = [text for text in texts if "cae_3d" in text]
        assert of_second and all((MARK in text) == expected for text in of_second), of_second
        assert not any(MARK in text for text in texts if "cae_2d" in text)
        assert (f"{MARK} marks cells whose autoencoder collapsed" in figure.caption) == expected


def test_captions_explain_the_mark_exactly_where_it_is_drawn(new_run):
    from results.figures import draw_one

    writer = new_run()
    for encoder in ("cae_2d", "raw_pixels"):
        for head in ("svc", "knn"):
            noise = writer.random.normal(size=len(writer.y))
            writer.add(noise if encoder == "cae_2d" else writer.signal + noise / 2, encoders=encoder, heads=head)
    writer.add_floors()
    writer.leave("encoder", ["cae_2d", "t1"], 0, cells=["cell0", "cell1"], reconstruction=rating(spread=0.05))
    run = read(writer.finish())
    captions = {
        name: draw_one(run, name, "narrowing").caption for name in ("heat_map", "paired_slopes", "confusion_matrix")
    }
    explained = {name for name, caption in captions.items() if f"{MARK} marks cells" in caption}
    assert explained == {"heat_map", "paired_slopes"}


def test_an_ablation_of_another_axis_marks_no_step_and_counts_the_failed_cells(new_run):
    writer = new_run()
    for images in ("grayscale", "clahe"):
        for encoder in ("cae_2d", "raw_pixels"):
            noise = writer.random.normal(size=len(writer.y))
            writer.add(writer.signal + noise, encoders=encoder, heads="svc", images=images)
    writer.leave("encoder", ["cae_2d", "t1"], 0, cells=["cell0", "cell2"], reconstruction=rating(spread=0.05))
    run = read(writer.finish())
    text = draw(presets.of(run, "ablation:images"), "md")
    assert MARK not in text and "Of the 4 cells of this target, 2 use an autoencoder that collapsed" in text
    text = draw(presets.of(run, "ablation:encoders"), "md")
    (header,) = [line for line in text.splitlines() if line.startswith("| encoders")]
    assert f"cae_2d {MARK}" in header and f"{MARK} marks cells" in text
