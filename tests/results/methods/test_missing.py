"""Which samples lack a sequence or a clinical value, in the methods, the checklist and Table 1."""

import json

import numpy as np
import pandas as pd
import pytest

from heads.pixels import Pixels
from results.methods import methods
from results.methods.checklist import checklist
from results.methods.missing import FLOOR
from results.tables.table_one import table_one
from tests.results.methods.test_checklist import answer
from tests.results.methods.test_methods import complete

WORDS = "Of the 80 samples that cells of narrowing with t1 + t2 use, 63 have both sequences, 9 lack t2 and 8 lack t1."


@pytest.fixture
def writer(new_run):
    """Cells of two sequences, which some samples lack, and clinical columns with gaps."""
    made = new_run(clinical=["age", "sex"])
    key = made.add(made.signal, sequences="t1 + t2", fusion="mean", heads="svc")
    made.add(made.signal, heads="clinical", floor=True, sequences="t1 + t2")
    path = made.folder / "samples.parquet"
    age = np.where(np.arange(120) < 7, np.nan, 50.0)
    pd.read_parquet(path).assign(age=age, sex=["f", None] + ["m"] * 118).to_parquet(path)
    present = [(["t1", "t2"], 63), (["t1"], 9), (["t2"], 8)]
    step = {"step": "dataset", "samples": 120, "patients": 40}
    group = {"cells": [key], "target": "narrowing", "steps": [step]}
    group["present"] = [{"sequences": names, "samples": n} for names, n in present]
    (made.folder / "flow.json").write_text(json.dumps([group]))
    return made


def test_samples_that_lack_a_sequence_are_counted_everywhere(writer):
    run = complete(writer)
    stood_in = "In the cells, nothing stood in for an absent sequence: the fusion used the sequences that a sample has."
    for text in (methods(run), answer(checklist(run), "missing data")):
        assert WORDS in text and stood_in in text
    assert WORDS in table_one(run).notes


def test_a_folder_without_these_numbers_asks_the_authors_for_them(writer):
    (writer.folder / "flow.json").unlink()
    assert "[AUTHORS: say how many samples lack which sequence" in methods(complete(writer))


def test_gaps_of_clinical_columns_are_counted_with_what_filled_them(writer):
    run = complete(writer)
    for text in (methods(run), answer(checklist(run), "missing data")):
        assert "Of 120 samples, 7 lack age and 1 lacks sex." in text


def test_the_floor_of_pixels_is_filled_by_the_step_that_methods_name():
    assert Pixels.features_by["missing"][0] == FLOOR
