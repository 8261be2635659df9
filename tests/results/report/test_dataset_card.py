"""The card of the dataset, from a table of scans that is written by hand."""

import numpy as np
import pandas as pd

from results import run_folder
from results.report.dataset_card import dataset_card


def test_the_card_has_medians_over_scans_and_says_of_how_many(grid_run):
    sizes = {"slices": 1, "height": [90, 95, 96, 96], "width": 96, "slice_mm": None, "width_mm": 0.5}
    grey = {"p1": [0, 2, 4, 40], "median": [60, 60, 60, 70], "p99": [90, 100, 102, 250]}
    scans = {"study": list("abcd"), "sequence": "photo", "height_mm": [0.5, 0.7, None, 0.6]} | sizes | grey
    pd.DataFrame(scans).to_csv(grid_run.folder / "fingerprint.csv", index=False)
    (row,) = dataset_card(run_folder.read(grid_run.finish())).tables[-1].rows
    lengths = ("not in the files", "0.6 (0.5 to 0.7), in 3 of 4 scans", "0.5")
    assert row[2:] == ("4", "1", "95.5 (90 to 96)", "96", *lengths, "60 (3 to 101)")


def test_the_card_says_where_files_have_no_spacing_and_has_levels_in_their_order(grid_run):
    rows = [
        {"study": f"p{i:02d}", "sequence": name, "slices": 1, "height": 96, "width": 96}
        | {f"{side}_mm": mm for side in ("slice", "height", "width")}
        | {"p1": 0, "median": 5 + i, "p99": 9}
        for name, mm in (("photo", None), ("old", 1.0), ("scan", 0.5))
        for i in range(3)
    ]
    pd.DataFrame(rows).to_csv(grid_run.folder / "fingerprint.csv", index=False)
    path = grid_run.folder / "samples.parquet"
    samples = pd.read_parquet(path)
    levels = np.tile(["L1/L2", "T12/L1", "T9/T10"], 40)
    samples.assign(study=samples.index, level=levels).to_parquet(path)  # each sample is its own study
    card = dataset_card(run_folder.read(grid_run.finish()))
    assert (card.patients, card.studies, card.samples) == (40, 0, 120)
    assert [row[0] for row in card.tables[1].rows] == ["T9/T10", "T12/L1", "L1/L2"]
    lengths = {row[0]: row[6:9] for row in card.tables[-1].rows}
    assert lengths == {"photo": ("not in the files",) * 3, "old": ("not in the files",) * 3, "scan": ("0.5",) * 3}
    assert [one.title for one in card.histograms if "mm" in one.title] == ["scan: height of a pixel (mm)"]
