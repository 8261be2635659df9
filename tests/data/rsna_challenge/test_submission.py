"""Kaggle's submission of RSNA 2024: 25 rows per study, each of which sums to 1."""

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from data.base import DataError
from data.medmnist import MedMnist
from data.rsna import Rsna

CLASSES = ("Normal/Mild", "Moderate", "Severe")
LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")


def every_place():
    conditions = {"spinal_canal_stenosis": ("middle",)}
    conditions |= dict.fromkeys(("neural_foraminal_narrowing", "subarticular_stenosis"), ("left", "right"))
    return [(c, s, level) for c, sides in conditions.items() for s in sides for level in LEVELS]


def test_it_has_25_rows_for_each_study_in_order():
    """The order of `sample_submission.csv`: by study, then by the name of the place."""
    graded = {
        place: (number / 100, 0.5, 0.5 - number / 100)
        for number, place in enumerate(every_place())
        if place[0] != "subarticular_stenosis" and place[1:] != ("right", "L5/S1")
    }
    rates = {"subarticular_stenosis": (7, 2, 1), "neural_foraminal_narrowing": (0.8, 0.15, 0.05)}
    rows = Rsna.submission({"44036939": graded, "7": graded}, classes=CLASSES, base_rates=rates)
    assert rows.columns.tolist() == ["row_id", "normal_mild", "moderate", "severe"]
    assert rows["row_id"].is_unique and len(rows) == 50
    first, second = rows["row_id"].iloc[:25].tolist(), rows["row_id"].iloc[25:].tolist()
    assert first == sorted(first) and second == sorted(second)
    assert first[0] == "44036939_left_neural_foraminal_narrowing_l1_l2"
    assert first[-1] == "44036939_spinal_canal_stenosis_l5_s1" and second[0].startswith("7_")
    values = rows.set_index("row_id")
    assert_allclose(values.sum(axis=1), 1)
    assert_allclose(values.loc["7_spinal_canal_stenosis_l4_l5"], [0.03, 0.5, 0.47])
    assert_allclose(values.loc["7_right_neural_foraminal_narrowing_l1_l2"], [0.1, 0.5, 0.4])
    assert_allclose(values.loc["7_right_neural_foraminal_narrowing_l5_s1"], [0.8, 0.15, 0.05])
    assert_allclose(values.loc["7_left_subarticular_stenosis_l3_l4"], [0.7, 0.2, 0.1])


def test_the_phantoms_sample_submission_has_the_same_rows(tmp_path):
    from data.phantom import write_rsna_phantom

    write_rsna_phantom(tmp_path, patients=1, test_patients=1, seed=1, spacing=(9.0, 4.0), slices=3, axial_slices=1)
    sample = pd.read_csv(tmp_path / "sample_submission.csv")
    study = sample["row_id"].iloc[0].split("_")[0]
    rates = dict.fromkeys(("subarticular_stenosis", "neural_foraminal_narrowing", "spinal_canal_stenosis"), (1, 1, 1))
    made = Rsna.submission({study: {}}, classes=CLASSES, base_rates=rates)
    pd.testing.assert_frame_equal(made, sample)


def test_it_needs_base_rates_and_rsnas_classes():
    with pytest.raises(DataError, match="neural_foraminal_narrowing is missing and has no base rates"):
        Rsna.submission({"1": {}}, classes=CLASSES, base_rates={})
    with pytest.raises(DataError, match="the model no, yes"):
        Rsna.submission({}, classes=("no", "yes"), base_rates={})


def test_another_dataset_has_no_submission():
    with pytest.raises(DataError, match="no challenge with the dataset medmnist asks for a submission"):
        MedMnist.submission({}, classes=CLASSES, base_rates={})
