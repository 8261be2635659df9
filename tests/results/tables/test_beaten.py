"""Tables say which cells beat which floors, and which floor is below chance."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from results.run_folder import read
from results.scores.scores import scores
from results.tables.main import sheets


@pytest.fixture
def writer(new_run):
    """A cell as good as the signal, one that knows the level alone, and the floors; pixels lie between them."""
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    writer.add(writer.level + 0.5 * writer.random.normal(size=len(writer.y)), heads="logistic")
    writer.add_floors()
    noise = writer.random.normal(size=len(writer.y))
    writer.add(writer.signal + 1.3 * noise, heads="pixels", floor=True, encoders="raw_pixels(size=16, slices=middle)")
    return writer


def notes(writer):
    (sheet, *_) = sheets(read(writer.finish()), resamples=300)
    return " ".join(sheet.notes)


def test_a_cell_must_beat_each_floor(writer):
    text = notes(writer)
    assert "1 of 2 cells" in text and "shown to beat every floor by AUC: svc." in text
    assert "corrected for the number of cells (step-down max-|t|)" in text
    assert "below .5" not in text
    table = scores(read(writer.folder), ["auc"], resamples=300).set_index("heads")
    assert table.loc["svc", "floors_beaten"] == "prior, location, pixels"
    assert table.loc["logistic", "floors_beaten"] == "prior"


def test_what_shown_means_is_said_only_where_something_is_shown_or_not(writer, new_run):
    meaning = "Shown to beat a floor"
    assert meaning in notes(writer)
    (means, *_) = sheets(read(writer.folder), rows=["encoders"], metrics=["auc"], resamples=50)
    few = new_run("few", n_patients=15)
    few.add(few.signal, heads="svc")
    few.add_floors()
    text = notes(few)
    assert "EXPLORATORY" in text and meaning not in text and meaning not in " ".join(means.notes)


def test_the_gain_over_pixels_is_the_difference_of_the_aucs(writer):
    table = scores(read(writer.finish()), ["auc"], resamples=300).set_index("heads")
    assert_allclose(table.loc["svc", "gain_pixels"], table.loc["svc", "auc"] - table.loc["pixels", "auc"])
    assert (
        0 < table.loc["svc", "gain_pixels_low"] < table.loc["svc", "gain_pixels"] < table.loc["svc", "gain_pixels_high"]
    )
    assert table.loc["logistic", "gain_pixels"] < 0


def test_a_floor_has_no_gain_over_itself_and_no_steps_of_its_own(writer):
    (sheet, *_) = sheets(read(writer.finish()), resamples=0)
    floors = {row.labels[sheet.labels.index("heads")]: row for row in sheet.floors}
    assert list(floors) == ["prior", "location", "pixels"]
    for head, own in (("location", "gain"), ("pixels", "gain_pixels")):
        empty = [name for name, score in zip(sheet.metrics, floors[head].scores, strict=True) if score is None]
        assert empty == [own]
    assert not any("raw_pixels" in label for row in sheet.floors for label in row.labels)


def test_pixels_of_the_same_region_are_the_floor(new_run):
    writer = new_run()
    for region, strength in (("whole", 0.2), ("mask", 2.0)):
        writer.add(writer.signal, regions=region, heads="svc")
        noise = writer.random.normal(size=len(writer.y))
        writer.add(strength * writer.signal + noise, regions=region, heads="pixels", floor=True)
    table = scores(read(writer.finish()), ["auc"], resamples=0).set_index(["heads", "regions"])
    for region in ("whole", "mask"):
        gain = table.loc[("svc", region), "auc"] - table.loc[("pixels", region), "auc"]
        assert_allclose(table.loc[("svc", region), "gain_pixels"], gain)
    assert table.loc[("svc", "whole"), "gain_pixels"] != table.loc[("svc", "mask"), "gain_pixels"]


def test_a_floor_below_chance_is_said(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    writer.add(np.zeros(len(writer.y)), heads="prior", floor=True)
    writer.add(-1.0 * writer.level, heads="location", floor=True)
    text = notes(writer)
    auc = scores(read(writer.folder), ["auc"], resamples=300).set_index("heads").loc["location", "auc"]
    assert auc < 0.4
    assert f"The AUC of location is {auc:.2f}, below 0.5: a gain over it alone shows nothing." in text


def test_floors_of_several_sequences_show_theirs(new_run):
    writer = new_run()
    for sequences in ("t1", "t2"):
        writer.add(writer.signal, sequences=sequences, heads="svc")
        writer.add_floors(sequences=sequences)
    writer.add(writer.signal, sequences="t1", heads="presence", floor=True)
    (sheet, *_) = sheets(read(writer.finish()), resamples=0)
    at = [sheet.labels.index(axis) for axis in ("sequences", "heads")]
    found = {tuple(row.labels[i] for i in at) for row in sheet.floors}
    both = {(sequences, head) for sequences in ("t1", "t2") for head in ("prior", "location")}
    assert found == both | {("", "presence")}
