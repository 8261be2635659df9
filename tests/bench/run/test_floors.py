"""The floors of a real run, against a second computation from the images and columns themselves."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import SimpleITK
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from bench.grid.file import read_grid
from bench.grid.grid import floors
from bench.run.progress import Progress
from bench.run.run import Options, run
from heads.pixels import Pixels

GRID = """
name: floors
data: {{image_table: {{table: {table}, labels: [grade], locations: [side, level], clinical: [age]}}}}
targets: [grade]
sequences: [a, a + b]
encoders: [raw_pixels: {{size: 4}}]
heads: [logistic]
protocol: {{folds: 3, seed: 2}}
"""


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """30 patients with four places each; the grade is 1 where exactly one of side and level is the second (XOR).

    Sequence a is a volume of 3 slices whose central slice is brighter for grade 1; a third of the samples lack b.
    """
    folder, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(0)
    rows = []
    for patient in range(30):
        for place in range(4):
            side, level = place % 2, place // 2
            grade = int(side != level) if rng.random() < 0.9 else int(side == level)
            for sequence in "ab":
                if sequence == "b" and rng.random() < 1 / 3:
                    continue
                pixels = rng.normal(100, 10, size=(3, 40, 48)).astype(np.float32)
                pixels[1, 10:20, 10:30] += 12 * grade
                file = f"{patient}_{place}_{sequence}.mha"
                SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels), folder / file)
                rows.append(
                    {
                        "patient": f"p{patient:02d}",
                        "side": "lr"[side],
                        "level": f"L{level}",
                        "image": file,
                        "sequence": sequence,
                        "grade": grade,
                        "age": 40 + patient + (5 * grade if place == 0 else 0),
                    }
                )
    table = folder / "scans.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    return table


@pytest.fixture(scope="module")
def outcome(scans):
    file = scans.parent / "grid.yaml"
    file.write_text(GRID.format(table=scans))
    folders = {"runs": scans.parent / "runs", "store": scans.parent / "store"}
    return run(read_grid(file, []), file, [], Options(**folders, jobs=1, device="cpu"), Progress(live=False))


def cells(outcome):
    return json.loads((outcome.folder / "cells.json").read_text())


def predictions(outcome, head, sequences):
    (found,) = [c for c in cells(outcome) if c["axes"]["heads"] == head and c["axes"]["sequences"] == sequences]
    assert found["status"] == "done", found["reason"]
    assert found["floor"]
    return pd.read_parquet(outcome.folder / "cells" / f"{found['key']}.parquet").set_index("sample")


def thumbnails(scans, samples):
    """The central slices `(N, 2, 256)` in the grid's grey values; NaN where a sample lacks a sequence."""
    table = pd.read_csv(scans)
    names = [f"{row.patient}_{row.side}_{row.level}" for row in table.itertuples()]
    found = np.full((len(samples), 2, 256), np.nan)
    for name, row in zip(names, table.itertuples(), strict=True):
        place = [i for i, one in enumerate(samples) if one == name]
        pixels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(scans.parent / row.image))
        low, high = np.percentile(pixels, [1, 99])
        grey = np.clip((pixels - low) / (high - low), 0, 1).astype(np.float32)
        found[place, "ab".index(row.sequence)] = cv2.resize(grey[1], (16, 16), interpolation=cv2.INTER_AREA).ravel()
    return found


def test_pixels_is_logistic_regression_on_standardised_thumbnails(scans, outcome):
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    predicted = predictions(outcome, "pixels", "a + b")
    X, y = thumbnails(scans, samples.index), samples["grade"].to_numpy().astype(int)
    assert np.isnan(X[:, 1, 0]).any()
    assert not np.isnan(X[:, 0]).any()
    tried = []
    for fold, part in predicted.groupby("fold"):
        test = samples.index.isin(part.index)
        mean = np.nanmean(X[~test], axis=0)
        rows = np.where(np.isnan(X), mean, X).reshape(len(X), -1)
        rows = np.hstack([rows, ~np.isnan(X[:, :, 0])])
        scale = rows[~test].std(axis=0)
        rows = (rows - rows[~test].mean(axis=0)) / np.where(scale == 0, 1, scale)
        expected = {
            C: LogisticRegression(C=C, max_iter=1000).fit(rows[~test], y[~test]).predict_proba(rows[test])[:, 1]
            for C in Pixels().tune["C"]
        }
        got = predicted.loc[samples.index[test], "p_1"]
        near = {C: np.abs(p - got).max() for C, p in expected.items()}
        tried.append(min(near, key=near.get))
        assert near[tried[-1]] < 2e-3, (fold, near)
    chosen = [json.loads(path.read_text()) for path in scans.parent.glob("store/fits/**/chosen.json")]
    assert {one["C"] for one in chosen if "C" in one} >= set(tried)


def test_location_knows_a_rate_for_each_place(outcome):
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    predicted = predictions(outcome, "location", "a")
    places = pd.DataFrame({"side": samples["side"], "level": samples["level"]})
    places["both"] = places["side"] + places["level"]
    X, y = pd.get_dummies(places).to_numpy(dtype=float), samples["grade"].to_numpy().astype(int)
    for _, part in predicted.groupby("fold"):
        test = samples.index.isin(part.index)
        expected = LogisticRegression().fit(X[~test], y[~test]).predict_proba(X[test])[:, 1]
        assert_allclose(predicted.loc[samples.index[test], "p_1"], expected, atol=1e-3)
    # An exclusive or shows nothing to a model that adds up side and level.
    assert ((predicted["p_1"] > 0.5) == predicted["y"]).mean() > 0.8


def test_clinical_is_logistic_regression_on_the_clinical_columns(outcome):
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    predicted = predictions(outcome, "clinical", "a")
    for _, part in predicted.groupby("fold"):
        test = samples.index.isin(part.index)
        age = samples["age"].to_numpy(dtype=float)
        age = ((age - age[~test].mean()) / age[~test].std())[:, None]
        y = samples["grade"].to_numpy().astype(int)
        expected = LogisticRegression().fit(age[~test], y[~test]).predict_proba(age[test])[:, 1]
        assert_allclose(predicted.loc[samples.index[test], "p_1"], expected, atol=1e-4)


def test_every_floor_is_there_for_every_choice_of_sequences(outcome):
    found = {(c["axes"]["heads"], c["axes"]["sequences"]) for c in cells(outcome) if c["floor"]}
    always = {(head, sequences) for head in floors() for sequences in ("a", "a + b")}
    assert found == always - {("presence", "a")}


def test_floors_that_lack_their_columns_are_left_out(scans, go):
    text = GRID.format(table=scans).replace("locations: [side, level], clinical: [age]", "locations: [side, level]")
    assert {c["axes"]["heads"] for c in cells(go(text, ["sequences=[a]"]))} == {
        "prior",
        "location",
        "pixels",
        "logistic",
    }


def test_pixels_reads_each_region_under_the_first_image_chain(scans, tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text(GRID.format(table=scans) + "images: [grayscale, grayscale + clahe]\nregions: [whole, mask]\n")
    found = [cell for cell in read_grid(file).cells() if cell["heads"].name == "pixels"]
    places = {(cell["sequences"].label(), cell["regions"].label(), cell["images"].label()) for cell in found}
    assert places == {(s, r, "grayscale") for s in ("a", "a + b") for r in ("whole", "mask")}
    assert len(found) == len(places)
