"""The scale of features, constant ones included."""

import numpy as np
from numpy.testing import assert_allclose

from data.numerics.scaling import inverse_deviation


def test_a_deviation_that_is_rounding_of_the_mean_counts_as_none():
    mean, deviation = np.array([0.0, 1e6, 1e6, 5.0]), np.array([2.0, 0.01, 4.0, 0.0])
    assert_allclose(inverse_deviation(mean, deviation), [0.5, 0, 0.25, 0])
