"""A fold fills features that could not be measured."""

import numpy as np
from numpy.testing import assert_array_equal

from bench.stages.features import Measured
from encoders.base import Tokens

NAN = float("nan")


def tokens(values, rows):
    values = np.asarray(values, dtype=np.float32)[:, None]
    return Tokens(values, np.ones(values.shape[:2], dtype=bool), np.asarray(rows))


def test_unmeasured_features_become_the_training_mean_and_have_an_indicator():
    one = tokens([[1, NAN, 7], [3, 4, 7], [NAN, 8, NAN], [100, 100, 100]], [0, 1, 2, 3])
    (found,) = Measured.of([one], np.array([0, 1]))([one])
    # In training, features 0 and 2 are always measured and 1 is not, which column 3 shows. Sample 2 is a test sample.
    assert_array_equal(found.values[:, 0], [[1, 4, 7, 1], [3, 4, 7, 0], [2, 8, 7, 0], [100, 100, 100, 0]])


def test_a_feature_that_no_training_sample_has_becomes_0():
    one = tokens([[NAN], [NAN], [5]], [0, 1, 2])
    (found,) = Measured.of([one], np.array([0, 1]))([one])
    assert_array_equal(found.values[:, 0], [[0, 1], [0, 1], [5, 0]])


def test_sequences_keep_one_width_and_absent_samples_teach_nothing():
    t1, t2 = tokens([[1.0], [NAN]], [0, 1, -1]), tokens([[3.0], [5.0]], [0, -1, 1])
    found = Measured.of([t1, t2], np.array([0, 1]))([t1, t2])
    assert_array_equal(found[0].values[:, 0], [[1, 0], [1, 1]])
    assert_array_equal(found[1].values[:, 0], [[3, 0], [5, 0]])
