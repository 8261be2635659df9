"""A cell's numbers depend neither on the order of the rows of a table, nor on what else the grid holds."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

GRID = """
name: order
data: {{image_table: {{table: {table}, locations: [level], labels: [narrowed, bulging], clinical: [age, sex]}}}}
targets: {targets}
sequences: {sequences}
tables: [forest_onehot: {{trees: 5}}]
encoders: {encoders}
balance: {balance}
heads: {heads}
protocol: {{folds: 2, repeats: 1, seed: 0, stratify: narrowed}}
"""
SMALL = {
    "targets": "[narrowed]",
    "sequences": "[t2]",
    "encoders": "[raw_pixels: {size: 4}]",
    "balance": "[none]",
    "heads": "[logistic]",
}


@pytest.fixture
def rows(tmp_path):
    """24 patients with two levels and two sequences of noisy pictures."""
    random = np.random.default_rng(0)
    found = []
    for p in range(24):
        for level in ("L4", "L5"):
            narrowed, bulging = (int(random.random() < share) for share in (0.35, 0.5))
            about = {"patient": f"p{p}", "level": level, "narrowed": narrowed, "bulging": bulging}
            about |= {"age": random.integers(30, 80) if p % 5 else None, "sex": "fm"[p % 2]}
            for sequence in ("t1", "t2"):
                if sequence == "t1" and p % 6 == 0:
                    continue
                file = tmp_path / f"{p}_{level}_{sequence}.png"
                cv2.imwrite(str(file), (random.random((8, 8)) * 200 + 40 * narrowed).astype(np.uint8))
                found.append(about | {"sequence": sequence, "image": file.name})
    return pd.DataFrame(found)


@pytest.fixture
def predicted(tmp_path, go):
    """Runs a grid on a table of its own: gives the predictions of each cell, by its steps."""

    def run(table: pd.DataFrame, name: str, **axes: str):
        table.to_csv(tmp_path / "scans.csv", index=False)
        text = GRID.format(table=tmp_path / "scans.csv", **(SMALL | axes))
        outcome = go(text, runs=f"runs {name}", store=tmp_path / f"store {name}")
        assert not outcome.failures
        cells = json.loads((outcome.folder / "cells.json").read_text())
        return {
            (cell["target"], *sorted(cell["axes"].items())): pd.read_parquet(
                next(outcome.folder.glob(f"**/{cell['key']}.parquet"))
            )
            for cell in cells
            if cell["status"] == "done"
        }

    return run


def test_a_shuffled_table_gives_the_same_predictions(rows, predicted):
    axes = {
        "balance": "[none, class_weight, smote, svm_smote, undersample, undersample_smote]",
        "heads": "[logistic]",
    }
    more = {
        "sequences": "[t1 + t2]",
        "encoders": "[raw_pixels: {size: 4}]",
        "heads": "[mlp: {epochs: 3}, svc, lightgbm: {rounds: 5}]",
    }
    shuffled = rows.sample(frac=1, random_state=1)
    for name, chosen in (("balances", axes), ("heads", more)):
        first, second = (predicted(table, f"{name} {i}", **chosen) for i, table in enumerate((rows, shuffled)))
        assert len(first) > 3 and first.keys() == second.keys()
        for steps, table in first.items():
            pd.testing.assert_frame_equal(table, second[steps], check_exact=True, obj=str(steps))


def test_what_else_a_grid_holds_moves_no_prediction(rows, predicted):
    alone = predicted(rows, "alone")
    more = predicted(
        rows,
        "more",
        targets="[narrowed, bulging]",
        sequences="[t2, t1 + t2]",
        encoders="[raw_pixels: {size: 4}, raw_pixels: {size: 2}]",
        balance="[none, smote]",
    )
    assert alone.keys() < more.keys()
    for steps, table in alone.items():
        pd.testing.assert_frame_equal(table, more[steps], check_exact=True, obj=str(steps))
