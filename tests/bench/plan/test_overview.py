"""The summary of a plan: cells by state, time, memory and disk; each cell once, with its number."""

import json
import re

import cv2
import numpy as np
import pytest

from bench import api

GRID = """
name: summed
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t2, t1 + t2]
regions: [mask]
encoders: [raw_pixels: {{size: 12}}]
fusion: [mean, concat, {{per_sequence: {{pool: mean}}}}]
heads: [logistic, knn]
protocol: {{folds: 2}}
"""


@pytest.fixture(scope="module")
def planned(phantom, tmp_path_factory):
    """A grid of which half was run: its file, its store, and the plans before and after."""
    base = tmp_path_factory.mktemp("summed")
    file = base / "grid.yaml"
    file.write_text(GRID.format(folder=phantom))
    where = {"store": base / "store"}
    before = api.plan(file, **where, cells=True)
    api.run(file, only=["heads=logistic"], device="cpu", runs=base / "runs", quiet=True, **where)
    return file, base, before, api.plan(file, **where, cells=True)


def test_before_any_run_the_time_is_unknown_and_the_counts_are_there(planned):
    lines = str(planned[2]).splitlines()
    assert re.fullmatch(r"\d+ cells: \d+ to compute", lines[0])
    assert "time: unknown, since nothing like these steps was measured in this store yet" in lines
    assert any(line.startswith("disk: unknown") for line in lines)
    assert any(line.startswith("memory: at least about") for line in lines)


def test_the_summary_comes_first_and_the_cells_only_when_they_are_asked_for(planned):
    file, base, _, plan = planned
    short = str(api.plan(file, store=base / "store")).splitlines()
    assert re.fullmatch(r"\d+ cells: \d+ done, \d+ partly cached", short[0])
    assert str(plan).splitlines()[: len(short)] == short
    assert len(str(plan).splitlines()) > len(short) + 10
    at = {start: next(i for i, line in enumerate(short) if line.startswith(start)) for start in ("time:", "target")}
    assert at["time:"] < at["target"]


def test_the_seconds_are_those_that_the_store_notes(planned):
    file, base, _, _ = planned
    api.run(
        file, only=["heads=knn", "sequences=t2"], device="cpu", runs=base / "runs", store=base / "store", quiet=True
    )
    notes = [json.loads(path.read_text()) for path in (base / "store" / "fits").glob("*/made_by.json")]
    knn = [one["seconds"] for one in notes if one["of"]["heads"] == "knn"]
    text = str(api.plan(file, store=base / "store"))
    row = re.search(r"^  fitting heads +(\d+)  ~(\d+) s$", text, re.MULTILINE)
    assert int(row[1]) == 6  # 3 fusions of two sequences, in 2 folds
    assert abs(int(row[2]) - 6 * sum(knn) / len(knn)) <= 1


def test_cells_have_the_numbers_of_the_run(planned):
    _, base, _, plan = planned
    run = json.loads((base / "runs" / "summed" / "cells.json").read_text())
    assert plan.cells["key"].tolist() == [cell["key"] for cell in run]
    assert plan.cells["number"].tolist() == list(range(1, len(run) + 1))


def test_fusions_of_one_sequence_that_make_the_same_are_one_line(planned):
    _, base, _, plan = planned
    single = plan.cells[(plan.cells["sequences"] == "t2") & (plan.cells["heads"] == "logistic")]
    first = single["number"].iloc[0]
    assert single["same_as"].tolist() == [0, first, first]
    assert (plan.cells.loc[plan.cells["sequences"] == "t1 + t2", "same_as"] == 0).all()
    listed = [line for line in str(plan).splitlines() if f"the same as {first + 2} (concat, done)" in line]
    assert len(listed) == 1 and listed[0].split()[0] == str(first)
    import pandas as pd

    kept = [pd.read_parquet(base / "runs" / "summed" / "cells" / f"{key}.parquet") for key in single["key"]]
    for other in kept[1:]:
        pd.testing.assert_frame_equal(other, kept[0])


def test_a_plan_names_the_external_test(planned, phantom):
    file, base, _, _ = planned
    text = file.read_text() + f"external: {{spider: {{folder: {phantom}}}}}\n"
    (base / "outside.yaml").write_text(text)
    plan = str(api.plan(base / "outside.yaml", store=base / "store", settings=["protocol.external_ids=own"]))
    line = next(line for line in plan.splitlines() if line.startswith("external test: "))
    assert "fitted once on all patients and scored once on spider" in line
    assert re.search(r"^  external test: fitting heads +\d+", plan, re.MULTILINE)


def test_a_plan_says_who_of_the_external_dataset_is_in_the_first_by_id(tmp_path):
    for name, patients in (("first", range(12)), ("second", range(11, 15)), ("third", range(10, 12))):
        lines = ["patient,image,grade", *(f"{p:03},{p}.png,{p % 2}" for p in patients)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))

    def planned(other, *settings):
        data = {one: {"image_table": {"table": str(tmp_path / f"{one}.csv")}} for one in ("first", other)}
        data["first"]["image_table"]["labels"] = ["grade"]
        grid = {"name": "twice", "data": data["first"], "external": data[other], "targets": ["grade"]}
        grid |= {"sequences": ["image"], "encoders": ["raw_pixels"], "heads": ["knn"], "protocol": {"folds": 2}}
        text = str(api.plan(grid, settings=settings, store=tmp_path / "store"))
        return [line for line in text.splitlines() if line.startswith("external test: ")]

    (refused, _) = planned("second")
    assert "1 of the 4 patients of image_table" in refused and "has the id of a patient of `data`" in refused
    assert "`run` will refuse to start: set protocol.external_known: exclude" in refused
    scored, left_out, _ = planned("second", "protocol.external_known=exclude")
    assert "(3 samples of 3 patients)" in scored and "`run` will leave out such patients" in left_out
    scored, _ = planned("second", "protocol.external_ids=own")
    assert "(4 samples of 4 patients)" in scored
    (refused, _) = planned("third", "protocol.external_known=exclude")
    assert "2 of the 2 patients" in refused and "refuse to start, since no other patient is left" in refused


def test_the_fits_are_a_range_while_a_broken_image_may_part_the_samples_of_sequences(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["patient,sequence,image,grade"]
    for patient in range(12):
        for sequence in ("a", "b"):
            file = tmp_path / f"{patient}{sequence}.png"
            cv2.imwrite(str(file), rng.integers(0, 255, (8, 8), dtype=np.uint8))
            lines.append(f"p{patient},{sequence},{file.name},{patient % 2}")
    (tmp_path / "0b.png").write_bytes((tmp_path / "0b.png").read_bytes()[:-20])
    (tmp_path / "t.csv").write_text("\n".join(lines))
    grid = {
        "name": "ranged",
        "data": {"image_table": {"table": str(tmp_path / "t.csv"), "labels": ["grade"]}},
        "targets": ["grade"],
        "sequences": ["a", "b"],
        "encoders": [{"raw_pixels": {"size": 4}}],
        "heads": ["logistic"],
        "protocol": {"folds": 2, "repeats": 1},
    }
    where = {"store": tmp_path / "store"}
    text = str(api.plan(grid, **where))
    fewest, most = map(int, re.search(r"(\d+) to (\d+) fits of heads: more if some", text).groups())
    found = api.run(grid, device="cpu", runs=tmp_path / "runs", quiet=True, **where)
    assert fewest < most == found.outcome.computed


def test_the_counts_name_merged_classes(planned, tmp_path):
    file = tmp_path / "grid.yaml"
    text = (
        planned[0].read_text().replace("targets: [narrowing]", "targets: [pfirrmann: {merge: {1: 2, 5: 4}}, narrowing]")
    )
    file.write_text(text)
    lines = str(api.plan(file, store=planned[1] / "store")).splitlines()
    said = [
        lines[i - 1].split(":")[0] for i, line in enumerate(lines) if line == "  merged: 1 counts as 2, 5 counts as 4"
    ]
    assert said == ["target pfirrmann"]
