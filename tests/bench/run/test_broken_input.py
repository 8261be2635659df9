"""Broken files in a real run: each is named, counted, and left out; the rest goes on."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813

from bench.plan.errors import PlanError


@pytest.fixture
def grid(small, phantom_copy):
    head, tail = small.split("data:")[0], small.split("}}\n", 1)[1]
    text = head + f"data: {{spider: {{folder: {phantom_copy}}}}}\n" + tail
    return text.replace("images: [grayscale, ", "images: [").replace("[none, smote]", "[none]")


def truncate(folder):
    file = folder / "images" / "1_t2.mha"
    file.write_bytes(file.read_bytes()[:-2000])


def not_finite(folder):
    path = str(folder / "images" / "1_t2.mha")
    image = sitk.Cast(sitk.ReadImage(path), sitk.sitkFloat32)
    image[3, 20, 20] = float("nan")
    sitk.WriteImage(image, path)


def other_shape(folder):
    path = str(folder / "masks" / "1_t2.mha")
    sitk.WriteImage(sitk.ReadImage(path)[:, :-1, :], path)


def empty_mask(folder):
    path = str(folder / "masks" / "1_t2.mha")
    sitk.WriteImage(sitk.ReadImage(path) * 0, path)


def no_mask(folder):
    (folder / "masks" / "1_t2.mha").unlink()


def constant(folder):
    path = str(folder / "images" / "1_t2.mha")
    sitk.WriteImage(sitk.ReadImage(path) * 0 + 7, path)


def not_an_image(folder):
    (folder / "images" / "1_t2.mha").write_text("<html>not found</html>")


@pytest.mark.parametrize(
    "damage", [truncate, not_finite, other_shape, empty_mask, no_mask, constant, not_an_image], ids=lambda f: f.__name__
)
def test_a_broken_file_is_named_and_its_patient_left_out(grid, go, phantom_copy, damage):
    whole = pd.read_csv(phantom_copy / "radiological_gradings.csv")
    damage(phantom_copy)
    outcome = go(grid)
    assert set(outcome.counts) == {"done"}
    listed = pd.read_csv(outcome.folder / "excluded.csv")
    discs = int((whole["Patient"] == 1).sum())
    assert len(listed) == discs
    assert listed["file"].str.contains("1_t2.mha").all()
    assert listed["reason"].str.len().min() > 10
    for file in (outcome.folder / "cells").iterdir():
        predictions = pd.read_parquet(file)
        assert "1" not in set(predictions["patient"])
        assert len(predictions) == len(whole) - discs


def test_only_the_disc_that_a_mask_lacks_is_left_out(grid, go, phantom_copy):
    path = str(phantom_copy / "masks" / "1_t2.mha")
    mask = sitk.ReadImage(path)
    array = sitk.GetArrayFromImage(mask)
    array[array == 201] = 0
    changed = sitk.GetImageFromArray(array)
    changed.CopyInformation(mask)
    sitk.WriteImage(changed, path)
    listed = pd.read_csv(go(grid).folder / "excluded.csv")
    assert listed["sample"].tolist() == ["1_ivd1"]


def test_bad_gradings_are_named(grid, go, phantom_copy):
    file = phantom_copy / "radiological_gradings.csv"
    table = pd.read_csv(file).astype(object)
    table.loc[0, "Disc narrowing"] = 7
    table.loc[1, "Disc narrowing"] = np.nan
    table.loc[2, "IVD label"] = 0
    table = pd.concat([table, table.iloc[[5]]])
    table.to_csv(file, index=False)
    outcome = go(grid)
    listed = pd.read_csv(outcome.folder / "excluded.csv")
    assert len(listed) >= 4
    predictions = pd.read_parquet(next((outcome.folder / "cells").iterdir()))
    assert len(predictions) == len(pd.read_csv(phantom_copy / "radiological_gradings.csv")) - 1 - 3


def test_when_nothing_is_left_the_run_stops_before_computing_with_the_way_out(grid, go, phantom_copy):
    for file in (phantom_copy / "images").glob("*_t2.mha"):
        file.write_text("")
    with pytest.raises(PlanError, match=r"nothing can be run \(.*rows were excluded, .* of them such as .*\.mha"):
        go(grid)
    assert not (go.store / "fits").exists()
