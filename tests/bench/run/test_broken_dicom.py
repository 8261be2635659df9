"""A run names each fault in a study of DICOM files and loses nothing else."""

import shutil

import pandas as pd
import pytest

GRID = """
name: rsna
data: {{rsna: {{folder: {folder}}}}}
targets: [{{severity: {{merge: {{Severe: Moderate}}}}}}]
sequences: [sagittal_t1 + axial_t2]
regions: [point: {{size: [30, 30], slices: 3}}]
images: [grayscale]
encoders: [raw_pixels: {{size: 8}}]
heads: [prior, logistic]
protocol: {{folds: 2, seed: 1}}
"""


@pytest.fixture
def damaged(rsna_phantom, tmp_path):
    """A phantom with one broken file, a series of one slice, a marked slice that is absent and a point outside."""
    folder = shutil.copytree(rsna_phantom, tmp_path / "rsna")
    points = pd.read_csv(folder / "train_label_coordinates.csv", dtype=str)
    series = pd.read_csv(folder / "train_series_descriptions.csv", dtype=str)
    sagittal = series[series["series_description"] == "Sagittal T1"].drop_duplicates("study_id")
    folders = [folder / "train_images" / a / b for a, b in sagittal[["study_id", "series_id"]].to_numpy()]
    broken = folders[0] / "1.dcm"
    broken.write_bytes(broken.read_bytes()[:900])
    marked = points[points["series_id"] == folders[1].name].iloc[0]
    absent = folders[1] / f"{marked['instance_number']}.dcm"
    absent.unlink()
    for path in folders[2].iterdir():
        if path.name != "8.dcm":
            path.unlink()
    outside = points.index[(points["series_id"] == folders[3].name)][0]
    points.loc[outside, "y"] = "-40"
    points.to_csv(folder / "train_label_coordinates.csv", index=False)
    return folder, broken, absent, folders[2], folders[3] / f"{points.loc[outside, 'instance_number']}.dcm"


def test_each_fault_is_named_and_nothing_else_is_lost(go, damaged):
    folder, broken, absent, single, outside = damaged
    outcome = go(GRID.format(folder=folder))
    assert set(outcome.counts) == {"done"}
    excluded = outcome.excluded
    of_scans = excluded[(excluded["sample"] == "") & (excluded["file"] != "")]
    reasons = dict(zip(of_scans["file"], of_scans["reason"], strict=True))
    assert reasons[str(broken)].startswith("can't be read, truncated or not a DICOM file")
    assert reasons[str(absent)] == "marked, but it is missing"
    assert reasons[str(single)] == "has a single slice"
    of_points = excluded[(excluded["sample"] != "") & (excluded["file"] == str(outside))]
    assert of_points["reason"].str.contains("y -40 lies outside its").all() and len(of_points) == 2
    in_each = [set(excluded.loc[excluded["sequence"] == name, "sample"]) for name in ("sagittal_t1", "axial_t2")]
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    assert len(samples) == 100
    prediction = pd.concat(map(pd.read_parquet, (outcome.folder / "cells").glob("*.parquet")))
    assert set(samples.index) - set(prediction["sample"]) == set.intersection(*in_each) - {""}
