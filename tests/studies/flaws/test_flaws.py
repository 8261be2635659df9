"""What each mistake does where the truth is known by construction."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import f1_score

from data.base import Image
from encoders.base import Tokens
from tests.studies.flaws import flaws
from tests.studies.flaws.cohort import Cohort, predict, read

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
SAMPLES = 10


def cohort(y, tokens):
    """Ten samples per patient, two sides of five levels; tokens are `(n, F)` or `(n, T, F)`."""
    place = [(f"{p:03}", side, level) for p in range(len(y) // SAMPLES) for level in LEVELS for side in "lr"]
    samples = pd.DataFrame(place, columns=["study", "side", "level"])
    samples = samples.assign(patient=samples["study"], y=y).set_index(samples.index.map("s{:04}".format))
    tokens = np.asarray(tokens, dtype=np.float32)
    tokens = tokens[:, None] if tokens.ndim == 2 else tokens
    return Cohort(samples, Tokens(tokens, np.ones(tokens.shape[:2], dtype=bool), np.arange(len(y))), int(max(y)) + 1)


def both(flaw, made):
    return flaw(made, wrong=False), flaw(made, wrong=True)


def test_dropping_a_class_lifts_accuracy_on_noise_to_the_larger_majority():
    random = np.random.default_rng(0)
    y = random.permutation(np.repeat([0, 1, 2], (420, 120, 60)))
    without, with_it = both(flaws.class_dropped, cohort(y, random.normal(size=(600, 4))))
    assert_allclose([without.accuracy, without.majority], 420 / 600)
    assert_allclose([with_it.accuracy, with_it.majority], 420 / 540)
    assert with_it.n == 540


def test_folds_by_row_find_the_patient_in_noise():
    found = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        y = np.repeat(random.permutation(np.arange(60) % 2), SAMPLES)
        of_patient = np.repeat(random.normal(size=(60, 60)), SAMPLES, axis=0)
        found.append([scores.auc for scores in both(flaws.folds_by_row, cohort(y, of_patient))])
    without, with_it = np.mean(found, axis=0)
    assert abs(without - 0.5) < 0.08  # three standard errors of ten runs with 60 patients
    assert with_it > 0.95


def test_smote_before_the_split_finds_its_own_points_in_noise():
    found = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        y = random.permutation(np.repeat([0, 1], (540, 60)))
        found.append(
            [scores.auc for scores in both(flaws.smote_before_split, cohort(y, random.normal(size=(600, 20))))]
        )
    without, with_it = np.mean(found, axis=0)
    assert abs(without - 0.5) < 0.06  # three standard errors of four runs with 60 positives
    assert with_it > 0.65


def test_merging_on_study_loses_the_signal_of_a_sample():
    # Half the labels of every study are positive, so that a label drawn from the study is independent of the sample.
    y = np.tile(np.arange(SAMPLES) % 2, 40)
    without, with_it = both(flaws.merged_on_study, cohort(y, np.eye(2)[y]))
    assert without.auc == 1
    assert with_it.n == 40 * SAMPLES**2
    assert abs(with_it.auc - 0.5) < 0.03


def test_merging_on_study_predicts_from_the_study_without_a_signal():
    random = np.random.default_rng(1)
    y = np.repeat(random.permutation(np.arange(60) % 2), SAMPLES)
    with_it = flaws.merged_on_study(cohort(y, np.repeat(np.eye(60), SAMPLES, axis=0)), wrong=True)
    assert with_it.auc > 0.99


def test_labels_by_row_order_leave_nothing():
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 600)
    without, with_it = both(flaws.labels_by_row_order, cohort(y, np.eye(2)[y]))
    assert without.auc == 1
    assert abs(with_it.auc - 0.5) < 0.07  # three standard errors of 600 labels


def test_the_best_epoch_of_the_test_rows_is_never_less_accurate():
    random = np.random.default_rng(0)
    without, with_it = both(flaws.best_epoch_of_test, cohort(random.integers(0, 2, 300), random.normal(size=(300, 8))))
    assert with_it.accuracy > max(without.accuracy, 0.5)


def test_micro_f1_is_accuracy():
    random = np.random.default_rng(0)
    y = random.permutation(np.repeat([0, 1, 2], (300, 200, 100)))
    made = cohort(y, np.eye(3)[y] + random.normal(size=(600, 3)))
    without, with_it = both(flaws.micro_f1, made)
    predicted = predict(made.rows()).argmax(axis=1)
    assert_allclose(without.f1, f1_score(y, predicted, average="macro"))
    assert_allclose(with_it.f1, f1_score(y, predicted, average="micro"))


def test_a_scaler_before_the_split_hardly_matters():
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 600)
    without, with_it = both(flaws.scaler_before_split, cohort(y, y[:, None] + random.normal(size=(600, 5))))
    assert abs(without.auc - with_it.auc) < 0.01


def test_untrained_attention_does_not_find_the_slice_that_carries_the_label():
    random = np.random.default_rng(0)
    y, tokens = random.integers(0, 2, 600), random.normal(size=(600, 5, 6))
    where = np.arange(600), random.integers(0, 5, 600)
    tokens[(*where, 0)] = 6  # which slice it is
    tokens[(*where, 1)] = 4 * y - 2
    without, with_it = both(flaws.untrained_attention, cohort(y, tokens))
    assert without.auc > 0.95
    assert with_it.auc < without.auc - 0.1


def test_8_bits_cut_off_what_is_bright():
    image = Image(np.linspace(0, 4095, 27, dtype=np.float32).reshape(3, 3, 3), np.eye(4))
    clipped = flaws._Clip()(image).pixels
    assert clipped.max() == 255
    assert (clipped == 255).sum() == 25


@pytest.fixture(scope="module")
def phantom_cohort(tmp_path_factory):
    from data.phantom import write_rsna_phantom

    folder = tmp_path_factory.mktemp("flaws")
    write_rsna_phantom(folder, patients=24, test_patients=0, seed=0, effect=1.0, spacing=(5.0, 1.6), axial_slices=1)
    return read(folder)


@pytest.mark.long
def test_every_mistake_can_be_made_on_a_phantom(phantom_cohort):
    from tests.studies.flaws.__main__ import table

    lines = table(phantom_cohort).splitlines()[2:]
    assert [line.split("|")[1].strip() for line in lines] == [f.__name__.replace("_", " ") for f in flaws.FLAWS]
    # A phantom's T1 lies above 255 in places, so that clipping must change something.
    clipped = next(line for line in lines if "8 bit" in line)
    assert "->" in clipped
