"""Cells and grids that are refused, with the way out."""

import json

import pytest

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
    assert (outcome.excluded["reason"] == "another patient has the same image").any()


def test_a_fit_that_needs_too_much_memory_is_refused_with_an_alternative(small, tmp_path, monkeypatch):
    file = tmp_path / "grid.yaml"
    file.write_text(small.replace("[prior, location, logistic, knn]", "[svc, nystroem]"))
    # 137 discs: a float64 Gram matrix and its float32 source need 225 kB
    monkeypatch.setattr(Refusals, "_memory", 100_000)
    refused = {c.cell["heads"].name: c.refused for c in Plan(read_grid(file), Store(tmp_path / "store")).cells()}
    assert "such as nystroem" in refused["svc"]
    assert refused["nystroem"] == ""
