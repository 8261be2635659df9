"""Images whose axes grow elsewhere in the patient, or whose slices are cut along the wrong axis, are noted."""

import json
from collections import Counter

import nibabel
import numpy as np
import pandas as pd
import pytest

from bench import api
from bench.plan.directions import joined, letters, lying, mixed, unlike


def affine(code):
    """From an index (slice, row, column) to LPS mm, of a volume whose columns, rows and slices grow as in nibabel."""
    turn = nibabel.orientations.inv_ornt_aff(nibabel.orientations.axcodes2ornt(tuple(code)), (4, 5, 6))
    return (np.diag([-1, -1, 1, 1]) @ np.linalg.inv(turn))[:, [2, 1, 0, 3]]


def test_the_directions_are_those_of_nibabel():
    for code in ("RAS", "LAS", "PSR", "ASL", "LPI"):
        found = mixed("t2", Counter(map(letters, [affine(code), affine("LPS"), affine(code)])))
        assert found.startswith("t2: its images lie differently in the patient: columns, rows and slices grow ")
        assert f"towards {code} in 2, LPS in 1, so" in found


def test_images_that_lie_alike_need_no_note():
    leaning = affine("LPS")
    leaning[:3, :3] = np.array([[0.9, 0.1, 0], [-0.1, 0.9, 0], [0, 0, 1]]) @ leaning[:3, :3]
    assert mixed("t2", Counter([letters(affine("LPS")), letters(leaning)])) == ""
    assert mixed("t2", Counter()) == ""


def test_what_a_region_mirrors_lies_as_it_did_before():
    """Three shoulders: two of the left side, flipped by the region, of which one was stored otherwise."""
    crops, sides = [affine("LPS"), affine("RPS"), affine("LPS")], pd.DataFrame({"side": ["right", "left", "left"]})
    assert lying(crops, [0, 1, 2], True, sides) == {"LPS": 2, "RPS": 1}
    assert lying(crops, [0, 1, 2], False, sides) == {"LPS": 2, "RPS": 1}
    assert lying(crops[:2], [0, 1], True, sides[:2]) == {"LPS": 2}
    assert lying(crops[:2], [0, 1], False, sides[:2]) == {"LPS": 1, "RPS": 1}
    assert lying([], [-1], True, sides[:1].drop(columns="side")) == {}


def test_new_images_are_compared_with_those_of_training():
    assert letters(affine("RAS")) == "RAS"
    note = unlike("t2", ["LPS", "PSL"], {"LPS": 4, "RAS": 1, "ASR": 2})
    assert note.startswith("t2: 3 of 7 images lie otherwise in the patient than those of training: ")
    assert "grow towards ASR in 2, RAS in 1, in training towards LPS, PSL." in note
    assert unlike("t2", ["LPS"], {"LPS": 4}) == ""
    assert unlike("t2", [], {"LPS": 4}) == "", "an older model does not say how its images lie"


def table_of_volumes(folder, axes, zooms, n=12, **fields):
    """A grid of NIfTI volumes whose first axis has six thick slices, as nibabel users write arrays of slices."""
    rng = np.random.default_rng(0)
    letters = nibabel.orientations.axcodes2ornt(tuple(axes))
    lines = ["patient,image,grade"]
    for i in range(n):
        placed = nibabel.orientations.inv_ornt_aff(letters, (6, 16, 16))
        affine = np.linalg.inv(placed)
        affine[:3, :3] = affine[:3, :3] * zooms
        pixels = rng.normal(size=(6, 16, 16)).astype(np.float32)
        image = nibabel.Nifti1Image(pixels, affine)
        image.header.set_sform(affine, code=1)
        nibabel.save(image, folder / f"{i}.nii.gz")
        lines.append(f"P{i},{i}.nii.gz,{i % 2}")
    (folder / "t.csv").write_text("\n".join(lines))
    return {
        "name": "thick",
        "data": {"image_table": {"table": str(folder / "t.csv"), "labels": ["grade"], **fields}},
        "targets": ["grade"],
        "sequences": ["image"],
        "encoders": [{"raw_pixels": {"size": 4}}],
        "heads": ["logistic"],
        "protocol": {"folds": 3, "repeats": 1},
    }


@pytest.mark.parametrize(
    ("axes", "plane"),
    [("RAS", "sagittal"), ("LPI", "sagittal"), ("SRA", "axial"), ("ALS", "coronal")],
)
def test_slices_along_another_axis_than_the_thick_one_are_noted_with_the_plane(tmp_path, axes, plane):
    grid = table_of_volumes(tmp_path, axes, (4.0, 2.0, 2.0), n=6)
    text = str(api.plan(grid, store=tmp_path / "store"))
    assert "is read as 16 slices that are 2 mm apart, each of 16 x 6 pixels of 2 x 4 mm" in text
    assert f"set `orientation: {plane}` in the dataset" in text
    turned = table_of_volumes(tmp_path, axes, (4.0, 2.0, 2.0), n=6, orientation=plane)
    assert "wrong axis" not in str(api.plan(turned, store=tmp_path / "store"))


def test_voxels_that_are_not_clearly_longest_along_one_axis_are_not_noted(tmp_path):
    for zooms in ((2.9, 2.0, 2.0), (4.0, 4.0, 2.0)):
        grid = table_of_volumes(tmp_path, "RAS", zooms, n=6)
        assert "wrong axis" not in str(api.plan(grid, store=tmp_path / "store"))


def test_a_run_says_so_before_it_computes_and_keeps_the_note(tmp_path, capsys):
    grid = table_of_volumes(tmp_path, "RAS", (4.0, 2.0, 2.0))
    found = api.run(grid, device="cpu", runs=tmp_path / "runs", store=tmp_path / "store")
    said = capsys.readouterr().err
    assert said.index("12 of 12 images may be cut into slices along the wrong axis") < said.index("finished after")
    (kept,) = json.loads((found.folder / "run.json").read_text())["notes"]["reading"]
    assert kept.startswith("image: 12 of 12 images") and "`orientation: sagittal`" in kept
    assert kept in "\n".join(found.summary())


def test_what_holds_of_several_sequences_is_said_once():
    assert joined({"PD": "odd", "T2": "odd", "T1": ""}) == ["PD, T2: odd"]
