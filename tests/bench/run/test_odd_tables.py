"""Runs on tables as they really come: columns of other capitals, odd cells, names like NA, ids that run together."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from data.base import DataError

GRID = """
name: odd
data: {{image_table: {{table: {table}, labels: [y]{more}}}}}
targets: [y]
sequences: [{sequences}]
images: [grayscale]
encoders: [raw_pixels: {{size: 4}}]
heads: [prior, logistic]
tables: [{tables}]
protocol: {{folds: 2, repeats: 1, seed: 0}}
"""


@pytest.fixture
def grid(tmp_path):
    """Writes pictures and a table: `grid(header, rows)` gives the text of a grid."""

    def write(header, rows, more="", sequences="image", tables="none"):
        rng = np.random.default_rng(0)
        lines = [f"image,{header}"]
        for i, row in enumerate(rows):
            cv2.imwrite(str(tmp_path / f"{i}.png"), rng.integers(0, 255, (8, 8), np.uint8))
            lines.append(f"{i}.png,{row}")
        (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
        return GRID.format(table=tmp_path / "t.csv", more=more, sequences=sequences, tables=tables)

    return write


def predictions(outcome, head="logistic"):
    cells = json.loads((outcome.folder / "cells.json").read_text())
    key = next(cell["key"] for cell in cells if cell["axes"]["heads"] == head)
    return pd.read_parquet(outcome.folder / "cells" / f"{key}.parquet")


def test_exact_names_of_columns_decide_patients_and_labels(go, grid):
    rows = [f"p{i // 2},{(i // 2) % 2},{i % 2},scan {i},{i % 2}" for i in range(16)]
    outcome = go(grid("patient,y,place,Patient,Y", rows, more=", locations: [place]"))
    found = predictions(outcome)
    assert found["patient"].nunique() == 8 and found["y"].tolist().count(1) == 8
    assert not found.drop_duplicates(["patient", "fold"])["patient"].duplicated().any()


def test_ids_that_run_together_stay_two_patients(go, grid):
    rows = [row for i in range(0, 16, 2) for row in (f"{i}_1,3,{i // 2 % 2},t1", f"{i},1_3,{i // 2 % 2},t2")]
    outcome = go(grid("patient,place,y,sequence", rows, more=", locations: [place]", sequences="t1, t2, t1 + t2"))
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    assert (len(samples), samples["patient"].nunique(), samples["study"].nunique()) == (16, 16, 16)


@pytest.mark.parametrize("odd", ["null", "None", "NA", "n/a"])
def test_a_patient_who_is_called_na_is_predicted(go, grid, odd):
    rows = [f"{odd if i == 3 else f'p{i}'},{i % 2}" for i in range(16)]
    outcome = go(grid("patient,y", rows))
    again = go(grid("patient,y", rows))  # now the folds come from the store
    for one in (outcome, again):
        assert len(predictions(one)) == 16 and odd in predictions(one)["patient"].tolist()
    folds = outcome.folder / "folds.csv"
    given = go(grid("patient,y", rows), settings=[f"protocol.split={folds}"], runs="given")
    assert len(predictions(given)) == 16
    pd.testing.assert_frame_equal(predictions(given), predictions(outcome))


@pytest.mark.parametrize("odd", ["as it is", "missing", "comma"])
def test_ages_stay_numbers(go, grid, odd):
    rng = np.random.default_rng(1)
    ages = [f"{rng.uniform(30, 52) if i % 2 else rng.uniform(56, 75):.1f}" for i in range(40)]
    if odd == "missing":
        ages[7] = "NULL"
    if odd == "comma":
        ages = [f'"{age.replace(".", ",")}"' for age in ages]
    rows = [f"p{i},{i % 2},{age}" for i, age in enumerate(ages)]
    outcome = go(grid("patient,y,age", rows, more=", clinical: [age]", tables="forest_onehot: {trees: 5}"))
    found = predictions(outcome, "clinical")
    assert ((found["p_1"] > 0.5) == (found["y"] == 1)).mean() > 0.9
    assert any("gives y away" in note for note in outcome.notes)
    notes = json.loads((outcome.folder / "run.json").read_text())["notes"]
    assert len(notes["gives_away"]["y"]) == 1
    assert ("decimal commas" in " ".join(notes["tables"])) == (odd == "comma")


def test_an_odd_age_is_named_before_anything_is_computed(go, grid):
    rows = [f"p{i},{i % 2},{'>89' if i == 7 else 40 + i}" for i in range(16)]
    text = grid("patient,y,age", rows, more=", clinical: [age]")
    with pytest.raises(DataError, match=r"t\.csv: column 'age' holds numbers, but line 9 has '>89'"):
        go(text)
    outcome = go(text, settings=["data.image_table.types.age=number"])
    assert outcome.excluded["reason"].tolist() == ["line 9: age is '>89', which is no number: read as missing"]


def test_a_patient_in_two_spellings_is_refused(go, grid):
    rows = [f"{i // 2}{'.0' * (i % 2)},{i // 2 % 2}" for i in range(16)]
    with pytest.raises(DataError, match=r"patient is '0' in line 2 and '0\.0' in line 3; .*\(8 such pairs\)"):
        go(grid("patient,y", rows))
