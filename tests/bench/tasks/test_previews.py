"""A preview shows the crops that a run cuts, and its outline lies where the crop was taken."""

import cv2
import numpy as np
import pandas as pd
import pytest

from bench import api
from bench.grid.file import read_grid
from bench.plan.plan import Plan
from bench.tasks.looks import LookingDataset
from bench.tasks.previews import preview_samples, previewed
from bench.tasks.store import Store


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preview") / "scans"
    api.phantom(folder, patients=4, sequences=("t2",))
    return {
        "name": "shown",
        "data": {"spider": {"folder": str(folder)}},
        "targets": ["narrowing"],
        "sequences": ["t2"],
        "regions": [{"mask": {"slices": 1}}, "segmented"],
        "encoders": ["efficientnet_lite0", "raw_pixels"],
        "heads": ["logistic"],
        "protocol": {"folds": 2},
    }


def test_the_outline_holds_the_pixels_of_the_crop(grid, tmp_path):
    plan = Plan(read_grid(grid, []), Store(tmp_path))
    chosen = preview_samples(plan, 2)
    assert sorted(plan.view.labels["narrowing"].y[chosen].tolist()) == [0, 0, 1, 1]
    masked, learnt = previewed(plan, chosen)
    for one in masked.samples:
        (top, left), (bottom, right) = one.outline[0] + 0.5, one.outline[2] + 0.5
        rows, columns = (slice(round(a), round(b)) for a, b in ((top, bottom), (left, right)))
        assert one.scan[rows, columns].shape == one.crop.shape
        assert np.corrcoef(one.scan[rows, columns].ravel(), one.crop.ravel())[0, 1] > 0.95  # grayscale clips the ends
        assert one.crop.shape[0] > 5 and "mm" in one.facts
        assert [(each.name, each.pixels.shape) for each in one.inputs] == [
            ("efficientnet_lite0 128x128", (128, 128)),
            ("raw_pixels 32x32", (32, 32)),
        ]
    assert "learnt in each fold" in learnt.note
    assert all(one.crop is None and np.ptp(one.scan) > 0 for one in learnt.samples)


def test_what_the_grid_excludes_is_not_drawn(grid, tmp_path):
    crossed = {"regions": ["whole", {"mask": {"slices": 1}}], "images": ["grayscale", "clahe"]}
    no = [{"regions": "whole", "images": "clahe"}, {"regions": "mask", "encoders": "efficientnet_lite0"}]
    plan = Plan(read_grid(grid | crossed | {"exclude": no}, []), Store(tmp_path))
    sheets = list(previewed(plan, preview_samples(plan, 1)))
    assert [(s.region, s.images) for s in sheets] == [
        ("whole", "grayscale"),
        ("mask(slices=1)", "grayscale"),
        ("mask(slices=1)", "clahe"),
    ]
    assert [[each.name.split()[0] for each in s.samples[0].inputs] for s in sheets[:2]] == [
        ["efficientnet_lite0", "raw_pixels"],
        ["raw_pixels"],
    ]


def test_pictures_without_a_spacing_have_pixels_and_no_mm(tmp_path):
    random, rows = np.random.default_rng(0), []
    for i in range(8):
        cv2.imwrite(str(tmp_path / f"{i}.png"), random.integers(0, 256, (20, 24)).astype(np.uint8))
        rows.append({"image": f"{i}.png", "patient": f"p{i}", "lesion": i % 2})
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    grid = {
        "name": "photos",
        "data": {"image_table": {"table": str(tmp_path / "table.csv"), "labels": ["lesion"]}},
        "targets": ["lesion"],
        "sequences": ["image"],
        "encoders": ["raw_pixels"],
        "heads": ["logistic"],
        "protocol": {"folds": 2},
    }
    plan = Plan(read_grid(grid, []), Store(tmp_path / "store"))
    (sheet,) = previewed(plan, preview_samples(plan, 1))
    wanted = "scan 1x20x24 pixels, no spacing in the file\ncrop 1x20x24 pixels"
    assert {one.facts for one in sheet.samples} == {wanted}
    looking = LookingDataset(plan.dataset)
    looking.load(plan.samples["study"].astype(str).iloc[0], "image")
    (noted,) = looking.scans.values()
    assert [noted[f"{side}_mm"] for side in ("slice", "height", "width")] == [None] * 3 and noted["width"] == 24


def test_samples_that_have_all_sequences_are_shown_first(tmp_path):
    rows = []
    for i in range(12):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.random.default_rng(i).integers(0, 256, (20, 24)).astype(np.uint8))
        for sequence in ("t1", "t2") if i in (7, 9, 10) else ("t2",):
            file = "gone.png" if (i, sequence) == (7, "t1") else f"{i}.png"
            rows.append({"image": file, "patient": f"p{i}", "sequence": sequence, "lesion": i % 2})
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    grid = {
        "name": "shown",
        "data": {"image_table": {"table": str(tmp_path / "table.csv"), "labels": ["lesion"]}},
        "targets": ["lesion"],
        "sequences": ["t1", "t2", "t1 + t2"],
        "encoders": ["raw_pixels"],
        "heads": ["logistic"],
        "protocol": {"folds": 2},
    }
    plan = Plan(read_grid(grid, []), Store(tmp_path / "store"))
    chosen = preview_samples(plan, 2)
    assert plan.ids[chosen].tolist() == ["p10", "p0", "p9", "p1"]
    t1 = next(sheet for sheet in previewed(plan, chosen) if sheet.sequence == "t1")
    assert [one.why for one in t1.samples] == ["", "this sample has no t1"] * 2


def test_files_are_a_pdf_and_a_picture_for_each_page(grid, tmp_path):
    found = api.preview(grid, samples=1, out=tmp_path / "out", store=tmp_path / "store")
    assert [path.name for path in found.files] == ["preview.pdf", "preview.png", "preview_2.png"]
    assert all(path.stat().st_size > 1000 for path in found.files) and len(found.notes) == 1
    assert not (tmp_path / "store" / "crops").exists()


def test_a_run_starts_where_its_preview_lies(grid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = grid | {"regions": [{"mask": {"slices": 1}}], "encoders": ["raw_pixels"]}
    (shown, _) = api.preview(small, samples=1).files
    assert shown.resolve().parent == tmp_path / "runs" / "shown"
    found = api.run(small, device="cpu", jobs=1, quiet=True)
    assert found.folder.resolve() == shown.resolve().parent and shown.exists()
    assert not found.outcome.failures
