"""The mean of the training samples that have the sequence."""

import numpy as np
from numpy.testing import assert_allclose

from encoders.missing.mean import TrainingMean
from encoders.missing.zeros import Zeros


def each(present):
    """Every sample is from another patient."""
    return np.arange(len(present)).astype(str)


VALUES = np.array([[[1, 2], [10, 20]], [[3, 6], [0, 0]], [[0, 0], [30, 40]]], dtype=np.float32)
PRESENT = np.array([[True, True], [True, False], [False, True]])


def test_an_absent_sequence_gets_its_training_mean():
    filled = TrainingMean().fit(VALUES, PRESENT, groups=each(PRESENT), seed=0)(VALUES, PRESENT)
    assert_allclose(filled[1, 1], [20, 30])
    assert_allclose(filled[2, 0], [2, 4])


def test_test_samples_do_not_move_the_mean():
    filler = TrainingMean().fit(VALUES, PRESENT, groups=each(PRESENT), seed=0)
    assert_allclose(filler(VALUES[:1] + 100, np.array([[True, False]]))[0, 1], [20, 30])


def test_a_sequence_never_seen_is_zeros():
    never = np.array([[True, False]] * 3)
    assert_allclose(TrainingMean().fit(VALUES, never, groups=each(never), seed=0)(VALUES, never)[:, 1], 0)


def test_zeros():
    assert_allclose(
        Zeros().fit(VALUES, PRESENT, groups=each(PRESENT), seed=0)(VALUES + 1, PRESENT)[2], [[0, 0], [31, 41]]
    )
