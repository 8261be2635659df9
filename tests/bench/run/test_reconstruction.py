"""Autoencoders of a run are rated on patients that they have not seen, and a collapsed one is marked."""

import pandas as pd

from results.run_folder import read
from results.scores.reconstruction import collapsed, ratings
from results.tables.main import draw, sheets


def test_an_autoencoder_is_rated_on_the_test_patients_of_each_fold_and_marked_if_it_learnt_nothing(small, go):
    text = small.replace("images: [grayscale, ", "images: [").replace("balance: [none, smote]\n", "")
    folder = go(text.replace("raw_pixels: {size: 12}", "cae_2d: {size: 16, channels: [4], latent: 4, steps: 1}")).folder
    run = read(folder)
    folds = pd.read_csv(folder / "folds.csv", dtype={"patient": str}).query("repeat == 0").set_index("patient")["fold"]
    tested = folds[pd.read_parquet(folder / "samples.parquet")["patient"]].value_counts()
    rates = ratings(run)
    assert {one.fold: one.values["n_inputs"] for one in rates} == tested.to_dict()
    assert all(one.collapsed for one in rates)
    users = {cell.key for cell in run.cells if not cell.floor}
    assert set(collapsed(run)) == users and set(collapsed(run).values()) == {(3, 3)}
    rows = [
        line
        for line in draw(sheets(run, resamples=20)[:1], "md").splitlines()
        if "| logistic" in line or "| knn" in line
    ]
    assert rows and all("\N{DAGGER}" in line for line in rows)
