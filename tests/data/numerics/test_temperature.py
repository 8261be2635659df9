"""Temperatures and sharpnesses against another minimiser."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import log_softmax

from data.numerics.temperature import best_sharpness, best_temperature


def test_temperature_is_the_optimum_that_another_minimiser_finds():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(400, 3))
    y = np.array([rng.choice(3, p=p) for p in np.exp(log_softmax(truth, axis=1))])
    logits = (3 * truth).astype(np.float32)

    def loss(t):
        return -log_softmax(logits / t[0], axis=1)[np.arange(400), y].mean()

    other = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).x[0]
    assert_allclose(best_temperature(logits.astype(np.float64), y, largest=20), other, rtol=1e-4)
    assert 2.4 < other < 3.6  # the logits were made three times too sharp


def test_temperature_stays_finite_if_all_rows_are_right():
    y = np.arange(20) % 2
    logits = np.eye(2, dtype=np.float32)[y]
    assert_allclose(best_temperature(logits.astype(np.float64), y, largest=20), 1 / 20, rtol=1e-3)


def test_sharpness_is_one_divided_by_the_temperature():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(200, 4))
    y = np.array([rng.choice(4, p=p) for p in np.exp(log_softmax(2 * logits, axis=1))])
    assert_allclose(best_sharpness(logits, y) * best_temperature(logits, y, largest=1e4), 1, rtol=1e-4)
