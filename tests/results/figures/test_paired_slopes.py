"""Paired slopes join exactly the cells that differ on one axis, and count how many rise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from results.figures.drawing.chosen import chosen, table
from results.figures.drawing.style import NothingToDrawError
from results.figures.paired_slopes import paired_slopes, slopes
from results.run_folder import read


@pytest.fixture
def writer(new_run):
    """Two balances of two encoders with three heads; one cell of the six pairs is not done, and one encoder differs."""
    made = new_run(n_patients=30)
    noise = made.random.normal(size=len(made.y))
    for i, head in enumerate(("svc", "knn", "logistic")):
        for encoder, strength in (("good", 2.0), ("poor", 0.5)):
            made.add(strength * made.signal + (1 + i) * noise, encoders=encoder, heads=head)
            status = "failed" if (head, encoder) == ("knn", "poor") else "done"
            made.add(made.signal + (1 + i) * noise, encoders=encoder, heads=head, balance="smote", status=status)
    made.add(made.signal, encoders="good", heads="svc", balance="none", images="clahe", rows=slice(45, None))
    made.add_floors()
    return made


def test_lines_are_the_pairs_that_differ_there_alone(writer):
    run = read(writer.finish())
    found = slopes(chosen(run, "narrowing"), "balance")
    assert found.steps == ("none", "smote")
    auc = table(run).set_index(["encoders", "heads", "balance", "images"])["auc"]
    of_step = {step: {(e, h): v for (e, h, b, i), v in auc.items() if (b, i) == (step, "none")} for step in found.steps}
    wanted = [
        (v, of_step["smote"][k]) for k, v in of_step["none"].items() if np.isfinite(of_step["smote"].get(k, np.nan))
    ]
    assert len(wanted) == 5
    assert_allclose(sorted(map(tuple, found.auc)), sorted(wanted))


def test_the_caption_counts_what_rises_and_its_mean(writer):
    run = read(writer.finish())
    change = np.diff(slopes(chosen(run, "narrowing"), "balance").auc)[:, 0]
    caption = paired_slopes(run, "narrowing").caption
    rise, fall = int((change > 0).sum()), int((change < 0).sum())
    assert f"from no balance to smote {rise} of 5 pairs rise, {fall} fall" in caption
    assert f"(mean {change.mean():+.3f})" in caption


def test_the_caption_says_that_an_axis_of_other_samples_is_left_out_and_the_way_out(writer):
    for head in ("svc", "knn", "logistic"):
        writer.add(writer.signal, encoders="good", heads=head, images="sobel", rows=slice(3, None))
    caption = paired_slopes(read(writer.finish()), "narrowing").caption
    assert "The axis images is left out, since its cells are on different samples (" in caption
    assert "sobel: 87" in caption and "`protocol.complete: true` in the grid gives all cells the same" in caption
    assert "Balance: from" in caption and "axis balance" not in caption


def test_cells_on_other_samples_are_not_joined(writer):
    assert slopes(chosen(read(writer.finish()), "narrowing"), "images") is None


def test_a_grid_without_pairs_has_no_such_figure(new_run):
    made = new_run()
    made.add(made.signal, heads="svc")
    with pytest.raises(NothingToDrawError, match="no axis has 2 or 3 steps"):
        paired_slopes(read(made.finish()), "narrowing")


def test_one_pair_rises_and_one_stays(new_run):
    made = new_run(n_patients=30)
    noise = made.random.normal(size=len(made.y))
    for head, strength in (("svc", 3.0), ("knn", 0.2)):
        made.add(0.2 * made.signal + noise, heads=head)
        made.add(strength * made.signal + noise, heads=head, balance="smote")
    caption = paired_slopes(read(made.finish()), "narrowing").caption
    assert "from no balance to smote 1 of 2 pairs rises, 0 fall, 1 stays (mean" in caption
