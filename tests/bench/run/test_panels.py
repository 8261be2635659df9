"""A run keeps the pictures of the cell that is the best one in tables."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from bench.run.panels import best_cells


def _predictions(noise, seed):
    """40 samples in as many repeats as there are noises, all in one fold."""
    random = np.random.default_rng(seed)
    y = np.arange(40) % 2
    parts = []
    for repeat, sd in enumerate(noise):
        p = 1 / (1 + np.exp(-(y - 0.5 + sd * random.normal(size=40))))
        parts.append(pd.DataFrame({"repeat": repeat, "fold": 0, "y": y, "p_0": 1 - p, "p_1": p}))
    return pd.concat(parts, ignore_index=True)


def _by_repeat(table):
    return [roc_auc_score(part["y"], part["p_1"]) for _, part in table.groupby("repeat")]


def test_the_best_cell_is_best_over_all_repeats_not_in_the_first(tmp_path):
    tables = {"lucky": _predictions((0.2, 5, 5), 0), "steady": _predictions((1, 1, 1), 1)}
    for key, table in tables.items():
        table.to_parquet(tmp_path / f"{key}.parquet")
    lucky, steady = (_by_repeat(tables[key]) for key in ("lucky", "steady"))
    assert lucky[0] > steady[0] and np.mean(lucky) < np.mean(steady)
    assert best_cells({key: tmp_path / f"{key}.parquet" for key in tables})[0] == "steady"
