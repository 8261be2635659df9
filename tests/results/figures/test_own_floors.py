"""Each cell is shown with its own floors: those of its sequences, never the best of all."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from results.figures.cost import cost, ticks
from results.figures.decision_curves import decision_curves
from results.figures.drawing.chosen import chosen, table, value
from results.figures.forest import forest
from results.figures.heat_map import heat_map
from results.figures.leaderboard import leaderboard
from results.figures.roc import roc
from results.run_folder import read

HEADS = ("svc", "knn")
PIXELS = {"PD": 0.1, "T2": 1.0}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two targets; PD lacks a patient and is good, the pixels of T2 are better than those of PD.

    The heads change places between the targets.
    """
    from tests.results.conftest import RunWriter

    made = RunWriter(tmp_path_factory.mktemp("floors") / "run", n_patients=30)
    noise = made.random.normal(size=(2, len(made.y)))
    for target in ("narrowing", "bulging"):
        for sequence, rows in (("PD", slice(3, None)), ("T2", slice(None))):
            for head in HEADS:
                strength = 0.8 if (head == "svc") == (target == "narrowing") else 0.3
                made.add(
                    strength * made.signal + noise[0] + 0.1 * noise[1],
                    sequences=sequence,
                    heads=head,
                    encoders="net",
                    target=target,
                    rows=rows,
                )
            for head, score in (("prior", 0 * noise[0]), ("location", made.level - 1.0)):
                made.add(score, sequences=sequence, heads=head, floor=True, target=target, rows=rows)
            made.add(
                PIXELS[sequence] * made.signal + noise[1],
                sequences=sequence,
                heads="pixels",
                floor=True,
                target=target,
                rows=rows,
            )
    samples = table_of(made)
    samples.assign(bulging=samples["narrowing"]).to_parquet(made.folder / "samples.parquet")
    for i, cell in enumerate(made.cells):
        cell["seconds"] = 0.3 + 0.2 * i
    return read(made.finish())


def table_of(made):
    """The samples that a writer wrote."""
    import pandas as pd

    return pd.read_parquet(made.folder / "samples.parquet")


def _floors(run, head):
    """The AUC of the floor of each sequence, read from the scores."""
    own = table(run)
    own = own[own["floor"] & (own["heads"] == head) & (own["target"] == "narrowing")]
    return own.set_index("sequences")["auc"].to_dict()


def test_a_row_of_the_forest_has_the_mark_of_its_own_sequences(run):
    choice, pixels = chosen(run, "narrowing"), _floors(run, "pixels")
    assert pixels["T2"] - pixels["PD"] > 0.05
    panel = forest(run, "narrowing").axes[0]
    marks = {float(one.get_ydata()[0]): float(one.get_xdata()[0]) for one in panel.lines if one.get_marker() == "x"}
    assert marks == pytest.approx({y: pixels[cell["sequences"]] for y, cell in enumerate(choice.cells)})
    lines = [float(one.get_xdata()[0]) for one in panel.lines if one.get_linestyle() == ":"]
    assert lines == [0.5]  # prior is the same in every row
    figure = forest(run, "narrowing")
    words = f"pixels {pixels['PD']:.2f} (PD), {pixels['T2']:.2f} (T2)"
    assert words in figure.caption
    assert f"pixels, by row: {pixels['PD']:.2f} to {pixels['T2']:.2f}" in [
        text.get_text() for text in figure.legends[0].texts
    ]


def test_a_row_of_the_leaderboard_has_the_mark_of_its_own_sequences_and_the_title_a_span(run):
    figure = leaderboard(run, "narrowing")
    pixels = _floors(run, "pixels")
    marks = sorted(float(one.get_xdata()[0]) for one in figure.axes[0].lines if one.get_marker() == "x")
    assert marks == pytest.approx(sorted([pixels["PD"], pixels["T2"]] * 2))
    title = " ".join(figure.get_suptitle().split())
    assert title.endswith("29 to 30 patients, 87 to 90 samples")
    (below,) = [" ".join(text.get_text().split()) for text in figure.texts if text is not figure._suptitle]
    assert "as in the tables" in below and f"{pixels['PD']:.2f} (PD)" in below
    assert figure.caption == f"{title}. {below}"


def test_the_leaderboard_has_a_line_for_the_floor_of_clinical_columns(new_run):
    made = new_run()
    noise = made.random.normal(size=(3, len(made.y)))
    made.add(made.signal + noise[0], encoders="net", heads="svc")
    for name, score in (("prior", 0 * noise[0]), ("clinical", 2 * made.signal + noise[1]), ("pixels", noise[2])):
        made.add(score, heads=name, floor=True)
    opened = read(made.finish())
    figure = leaderboard(opened, "narrowing")
    drawn = {
        str(line.get_linestyle()): line.get_xdata()[0]
        for line in figure.axes[0].lines
        if len(set(line.get_xdata())) == 1
    }
    assert drawn["-."] == pytest.approx(_floors(opened, "clinical")["none"])
    assert drawn["--"] == pytest.approx(_floors(opened, "pixels")["none"])
    assert "clinical columns" in [text.get_text() for text in figure.legends[0].texts]


@pytest.mark.parametrize("alone", [True, False])
def test_a_floor_is_drawn_on_no_row_that_reads_other_sequences(new_run, alone):
    made = new_run()
    noise = made.random.normal(size=(3, len(made.y)))
    rows = ["PD + T2", "T2", "PD + T2"] if alone else ["PD + T2"] * 3
    for i, sequences in enumerate(rows):
        made.add(made.signal + 0.5 * (i + 1) * noise[i], encoders="net", heads=f"head{i}", sequences=sequences)
    made.add(made.y, heads="presence", floor=True, sequences="PD + T2")  # it says the label: AUC 1
    opened = read(made.finish())
    for figure in (leaderboard(opened, "narrowing"), forest(opened, "narrowing")):
        at_one = [line for line in figure.axes[0].lines if set(line.get_xdata()) == {1.0}]
        assert [len(line.get_xdata()) for line in at_one] == (
            [1, 1] if alone else [2]
        )  # points, or a line from end to end
        assert ("Only cells with the sequences PD + T2 have the floor presence, 1.00" in figure.caption) == alone


def test_the_location_of_a_curve_is_that_of_the_cells_drawn_and_is_named(run):
    choice = chosen(run, "narrowing")
    best = choice.cells[0]
    legend = [" ".join(text.get_text().split()) for text in roc(run, "narrowing", best=1, resamples=0).legends[0].texts]
    own = next(one for one in choice.floors if one["heads"] == "location" and one["sequences"] == best["sequences"])
    assert f"location ({best['sequences']}): AUC {value(own)}" in legend
    assert sum("location" in words for words in legend) == 1
    location = _floors(run, "location")
    caption = heat_map(run, "narrowing").caption
    assert f"Location alone: {location['PD']:.2f} (PD), {location['T2']:.2f} (T2)." in caption


def test_a_step_has_one_colour_and_mark_whatever_its_rank(run):
    looks, best = [], []
    for target in ("narrowing", "bulging"):
        figure = cost(run, target)
        handles = {one.get_label(): one for one in figure.legends[0].legend_handles}
        looks.append({head: (to_rgba(handles[head].get_color()), handles[head].get_marker()) for head in HEADS})
        best.append(chosen(run, target).cells[0]["heads"])
    assert best == ["svc", "knn"] and looks[0] == looks[1]


def test_the_floors_of_decision_curves_have_lines_of_their_own(run):
    figure = decision_curves(run, "narrowing", resamples=0)
    handles = figure.legends[0].legend_handles
    seen = {(one.get_color(), str(one._unscaled_dash_pattern), one.get_linewidth()) for one in handles}
    assert len(seen) == len(handles) == 6


@pytest.mark.parametrize(("low", "high"), [(0.27, 1.4), (0.07, 0.4), (0.5, 4.1), (3.0, 3.1), (0.02, 9000)])
def test_ticks_of_seconds_hold_all_points_between_round_values(low, high):
    found = ticks(low, high)
    assert found[0] <= low and found[-1] >= high and len(found) >= 2
    assert found == sorted(found) and all(float(f"{x:.2g}") == x for x in found)
    if high / low > 3:
        assert len(found) >= 4
    assert np.log10(found[-1] / found[0]) < np.log10(high / low) + 1


def test_numbers_of_cost_do_not_touch(new_run):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    writer = new_run()
    noise = writer.random.normal(size=len(writer.y))
    for i, seconds in enumerate((1.0, 1.01, 1.02, 1.03)):
        writer.add(writer.signal + (2.0 - 0.02 * i) * noise, heads=f"head{i}", seconds=seconds)
    writer.add(writer.signal, heads="svc", seconds=20.0)
    figure = cost(read(writer.finish()), "narrowing")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [one.get_window_extent(canvas.get_renderer()) for one in figure.axes[0].texts]
    assert len(boxes) >= 4
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
