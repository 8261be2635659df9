"""What is written about one cell: its misread samples, counted by hand, and one text for its interval everywhere."""

import pandas as pd
import pytest

from results.figures import draw_one
from results.figures.drawing.cell_scores import cell_scores
from results.figures.drawing.one_cell import draw_cell
from results.figures.forest import forest
from results.figures.roc import roc
from results.report.cell_pictures import cell_pictures
from results.report.leaderboard import leaderboard, score_text
from results.run_folder import read
from results.scores.scores import scores
from results.tables.flips import flip_sheets
from results.tables.main import sheets
from results.tables.misread import misread


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    from tests.results.conftest import RunWriter

    made = RunWriter(tmp_path_factory.mktemp("one") / "run", n_patients=30, repeats=2, n_classes=3)
    noise = made.random.normal(size=len(made.y))
    made.add(made.signal + noise, encoders="good", heads="svc")
    made.add(made.signal + 3 * noise, encoders="poor", heads="svc")
    made.add_floors()
    return made


def test_misread_samples_are_those_whose_most_probable_class_is_another(writer):
    run = read(writer.finish())
    table = pd.read_parquet(run.folder / "cells" / "cell1.parquet")
    called = table.filter(like="p_").to_numpy().argmax(axis=1)
    wrong = table[called != table["y"]].groupby("sample").size()
    found = misread(run, run.cells[1]).set_index("sample")
    assert found["misread"].to_dict() == wrong.to_dict() and set(found["repeats"]) == {2}
    for name in found.index[:3]:
        assert found.loc[name, "level"] == name.split("_")[1]
        own = table[table["sample"] == name]
        assert found.loc[name, "probability_of_truth"] == pytest.approx(own[f"p_{own['y'].iloc[0]}"].mean())
    assert found["probability_of_truth"].is_monotonic_increasing
    shown = cell_pictures(run, leaderboard(run, scores(run), "narrowing"), panels=False)["cell1"].misread
    assert shown.count == len(found)
    listed = pd.DataFrame(shown.rows, columns=shown.columns).set_index("Sample")
    for name, row in listed.iterrows():
        own = table[table["sample"] == name].filter(like="p_").mean()
        for column, label in (("Probability of truth", row["Truth"]), ("Probability", row["Called"])):
            assert row[column] == f"{own[f'p_{label}']:.2f}"
    assert listed["Probability of truth"].is_monotonic_increasing


def test_a_cell_has_one_interval_in_tables_figures_and_report(writer):
    run = read(writer.finish())
    table = sheets(run)[0]
    text = table.rows[0].scores[table.headers.index("AUC")].text()
    assert text.startswith("0.") and "[" in text
    legend = [" ".join(words.get_text().split()) for words in roc(run, "narrowing").legends[0].texts]
    assert any(f"AUC {text}" in words for words in legend)
    assert text in [words.get_text() for words in forest(run, "narrowing").axes[0].texts]
    board = score_text(leaderboard(run, scores(run), "narrowing").lines[0].record, "auc")
    assert f"{board.text} {board.interval}" == text
    flips = flip_sheets(run, 0.05, times=20)[0]
    assert flips.rows[0].scores[flips.headers.index("AUC")].text() == text
    assert text in cell_scores(run, run.cells[0]).axes[1].get_title(loc="left")


def test_the_caption_names_the_curves_that_are_drawn(writer, grid_run):
    assert "each class against the rest" in cell_scores(read(writer.finish()), read(writer.finish()).cells[0]).caption
    two = read(grid_run.finish())
    caption = cell_scores(two, two.cells[0], resamples=0).caption
    assert "ROC: curves of folds, averaged; class 1." in caption and "against the rest" not in caption


def test_the_files_of_a_cell(writer, tmp_path):
    run = read(writer.finish())
    written = draw_cell(run, run.cells[0], tmp_path)
    names = ["scores.pdf", "scores.png", "misread.csv", "figures.json", "captions.md"]
    assert [path.name for path in written] == names and all(path.stat().st_size for path in written)
    assert "Not drawn: cases" in (tmp_path / "captions.md").read_text()


def test_captions_name_merged_classes_and_few_patients_as_tables_do(new_run):
    writer = new_run(n_patients=12, n_classes=3, merged={"narrowing": {"3": "2"}})
    writer.add(writer.signal, encoders="good", heads="svc")
    writer.add(writer.signal[::-1], encoders="poor", heads="svc")
    run = read(writer.finish())
    carriers = min(len(set(writer.patient[writer.y == k])) for k in range(3))
    few = f"EXPLORATORY: the rarest class is seen in {carriers} patients, fewer than 20"
    captions = [draw_one(run, name, "narrowing").caption for name in ("confusion_matrix", "forest", "leaderboard")]
    for caption in (*captions, cell_scores(run, run.cells[0], resamples=50).caption):
        assert "Merged: 3 counts as 2." in caption and few in caption
