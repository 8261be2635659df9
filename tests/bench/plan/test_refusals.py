"""Cells and grids that are refused, with the way out."""

import json
import shutil

import pytest

from bench.grid.cells import is_floor
from bench.grid.file import read_grid
from bench.plan.errors import PlanError
from bench.plan.guards import GuardError
from bench.plan.plan import Plan
from bench.plan.refusals import Refusals
from bench.tasks.store import Store


def test_a_target_with_a_rare_class_is_refused_with_the_way_out(small, go):
    outcome = go(small.replace("targets: [narrowing]", "targets: [narrowing, spondylolisthesis]"))
    cells = json.loads((outcome.folder / "cells.json").read_text())
    refused = [c for c in cells if c["status"] == "refused"]
    if refused:  # the phantom's seed decides how many slips there are
        assert all("merge classes or use fewer folds" in c["reason"] for c in refused)


def test_all_cells_refused_stops_before_computing(small, go):
    with pytest.raises(PlanError, match=r"nothing can be run.*folds \(19\)"):
        go(small, ["protocol.folds=19"])
    assert not (go.store / "fits").exists()


def test_the_same_image_under_two_patients_is_refused(small, go, phantom_copy):
    for kind in ("images", "masks"):
        (phantom_copy / kind / "2_t2.mha").write_bytes((phantom_copy / kind / "1_t2.mha").read_bytes())
    text = small.split("data:")[0] + f"data: {{spider: {{folder: {phantom_copy}}}}}\n" + small.split("}}\n", 1)[1]
    with pytest.raises(GuardError, match="belong to two patients each"):
        go(text)
    outcome = go(text, ["protocol.identical_images=exclude"])
    reasons = outcome.excluded["reason"]
    assert reasons.str.fullmatch(r"another patient has the same image: sample 1_\S+ of patient 1").any()


def test_a_fit_that_needs_too_much_memory_is_refused_with_an_alternative(small, tmp_path, monkeypatch):
    file = tmp_path / "grid.yaml"
    file.write_text(small.replace("[prior, location, logistic, knn]", "[svc, nystroem]"))
    # 137 discs: a float64 Gram matrix and its float32 source need 225 kB
    monkeypatch.setattr(Refusals, "_memory", 100_000)
    refused = {c.cell["heads"].name: c.refused for c in Plan(read_grid(file), Store(tmp_path / "store")).cells()}
    assert "such as nystroem" in refused["svc"]
    assert refused["nystroem"] == ""


MEASURED = """
name: masks
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t2]
regions: [whole, mask, segmented]
encoders: [radiomics, disc_geometry, cae_2d: {{input: both}}, cae_2d, raw_pixels + radiomics, raw_pixels]
heads: [logistic]
protocol: {{folds: 2}}
"""


def test_an_encoder_of_a_structure_is_refused_on_a_region_without_one_before_anything_is_read(phantom, tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text(MEASURED.format(folder=phantom))
    planned = [one for one in Plan(read_grid(file), Store(tmp_path / "store")).cells() if not is_floor(one.cell)]
    refused = {(one.cell["regions"].name, one.cell["encoders"].label()) for one in planned if one.refused}
    readers = ("radiomics", "disc_geometry", "cae_2d(input=both)", "raw_pixels + radiomics")
    assert refused == {("whole", name) for name in readers}
    assert {one.refused for one in planned if one.cell["encoders"].label() == "raw_pixels + radiomics"} == {
        "",
        "radiomics reads a structure of the mask, and region whole gives none: use region mask on scans with masks",
    }


def test_what_needs_masks_is_refused_where_there_can_be_none(phantom_copy, tmp_path):
    shutil.rmtree(phantom_copy / "masks")
    file = tmp_path / "grid.yaml"
    file.write_text(MEASURED.format(folder=phantom_copy))
    plan = Plan(read_grid(file), Store(tmp_path / "store"))
    why = {(one.cell["regions"].name, one.cell["encoders"].label()): one.refused for one in plan.cells()}
    assert why["whole", "radiomics"].endswith("region whole gives none: the dataset has no masks")
    assert why["mask", "raw_pixels"] == "region mask needs masks of the scans, and the dataset has none"
    assert why["segmented", "disc_geometry"] == "region segmented needs masks of the scans, and the dataset has none"
    assert why["whole", "raw_pixels"] == why["whole", "cae_2d"] == ""
