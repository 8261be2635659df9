"""Heat maps average over the same settings everywhere, and name what is left out."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from results.figures.drawing.chosen import chosen
from results.figures.drawing.crossed import cross, crossed
from results.figures.drawing.style import NothingToDrawError
from results.figures.heat_map import heat_map
from results.run_folder import read
from results.scores.scores import scores


@pytest.fixture
def writer(new_run):
    """Two encoders, two heads and three image steps; one step is harder."""
    writer = new_run(n_patients=20)
    for image, noise in (("grayscale", 0.5), ("clahe", 1), ("sobel", 4)):
        for encoder in ("net", "pixels"):
            for head in ("svc", "knn"):
                score = writer.signal + noise * writer.random.normal(size=len(writer.y))
                writer.add(score, images=image, encoders=encoder, heads=head)
    return writer


def _means(run, images):
    """By pandas, over some image steps."""
    table = scores(run)
    some = table[table["images"].isin(images)]
    return pd.pivot_table(some.astype({"auc": float}), index="encoders", columns="heads", values="auc")


def _fail(writer, **steps):
    cells = [c for c in writer.cells if all(c["axes"][axis] == step for axis, step in steps.items())]
    assert cells
    for cell in cells:
        cell |= {"status": "failed", "reason": "out of memory"}


def test_a_whole_grid_is_the_mean_of_its_cells(writer):
    run = read(writer.finish())
    found = crossed(chosen(run, "narrowing"))
    wanted = _means(run, ["grayscale", "clahe", "sobel"]).loc[list(found.rows), list(found.columns)]
    assert_allclose(found.means, wanted)
    assert set(found.over) == {"images=grayscale", "images=clahe", "images=sobel"}
    assert (found.without, found.absent, found.lacking) == ((), (), ())


def test_a_setting_that_one_pair_lacks_is_left_out_of_all_means_and_named(writer):
    _fail(writer, images="sobel", encoders="net", heads="svc")
    run = read(writer.finish())
    found = crossed(chosen(run, "narrowing"))
    wanted = _means(run, ["grayscale", "clahe"]).loc[list(found.rows), list(found.columns)]
    assert_allclose(found.means, wanted)
    assert found.without == ("images=sobel",)
    caption = heat_map(run, "narrowing").caption
    assert "mean over the same 2 settings, which are done for every pair shown: images=" in caption
    assert "Settings that are not done for every pair shown are left out of all numbers: images=sobel." in caption


def test_a_pair_without_finished_cells_is_hatched_and_named(writer):
    _fail(writer, encoders="net", heads="svc")
    run = read(writer.finish())
    figure = heat_map(run, "narrowing")
    assert "since a cell of the mean is not done: net with svc (images=" in figure.caption
    assert figure.caption.count(": failed") == 3
    (hatched,) = [patch for patch in figure.axes[0].patches if patch.get_hatch()]
    rows, columns = ([label.get_text() for label in labels] for labels in _labels(figure))
    assert hatched.get_xy() == (columns.index("svc") - 0.5, rows.index("net") - 0.5)
    assert len([text for text in figure.axes[0].texts if text.get_text()]) == 3


def _labels(figure):
    return figure.axes[0].get_yticklabels(), figure.axes[0].get_xticklabels()


def test_pairs_that_the_grid_leaves_out_are_named(writer):
    writer.cells = [c for c in writer.cells if (c["axes"]["encoders"], c["axes"]["heads"]) != ("net", "svc")]
    assert (
        "since the grid lacks them with these settings: net with svc."
        in heat_map(read(writer.finish()), "narrowing").caption
    )


def test_other_axes_are_drawn_where_encoders_and_heads_share_no_setting(new_run):
    writer = new_run(n_patients=20)
    for encoder in ("net", "pixels"):
        for image in ("grayscale", "clahe"):
            for fusion, head in (("mean", "svc"), ("attention", "own")):
                score = writer.signal + writer.random.normal(size=len(writer.y))
                writer.add(score, images=image, encoders=encoder, fusion=fusion, heads=head)
    choice = chosen(read(writer.finish()), "narrowing")
    assert np.isnan(cross(choice, "encoders", "heads").means).sum() == 2
    found = crossed(choice)
    assert {found.down, found.across} == {"images", "encoders"}
    assert set(found.over) == {"fusion=mean, heads=svc", "fusion=attention, heads=own"}
    table = scores(choice.run).astype({"auc": float})
    wanted = pd.pivot_table(table, index=found.down, columns=found.across, values="auc")
    assert_allclose(found.means, wanted.loc[list(found.rows), list(found.columns)])


def test_axes_that_never_cross_are_not_drawn(new_run):
    writer = new_run(n_patients=20)
    for encoder, head in (("net", "svc"), ("pixels", "knn")):
        writer.add(writer.signal + writer.random.normal(size=len(writer.y)), encoders=encoder, heads=head)
    with pytest.raises(NothingToDrawError, match="no two axes of the grid have two steps each"):
        heat_map(read(writer.finish()), "narrowing")
