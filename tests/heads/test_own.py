"""The fusion's own probabilities, as they are or calibrated on those of refits for rows that they have not seen."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from heads.base import InnerRefits, TrainingSet
from heads.own import Own

N = 3000
GROUPS = np.arange(N).astype(str)


def test_gives_the_probabilities_back():
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet([1, 1, 1], size=30).astype(np.float32), np.arange(30) % 3
    fitted = Own().fit(TrainingSet(p, y, GROUPS[:30], 3), seed=0)
    assert_allclose(fitted.predict_proba(p), p, atol=1e-6)


def test_a_class_that_training_lacks_gets_0_and_the_others_share_its_probability():
    p = np.tile(np.array([0.5, 0.2, 0.3], dtype=np.float32), (8, 1))
    fitted = Own().fit(TrainingSet(p, np.array([0, 2] * 4), GROUPS[:8], 3), seed=0)
    assert_allclose(fitted.predict_proba(p[:1]), [[0.5 / 0.8, 0, 0.3 / 0.8]], rtol=1e-6)


@pytest.mark.parametrize("calibration", ["sigmoid", "temperature"])
def test_calibration_finds_how_much_too_sure_the_refits_are(calibration):
    """True log-odds are half of those given: both calibrations hold that map, with slope 1/2."""
    rng = np.random.default_rng(1)
    odds = rng.normal(0, 3, size=N)
    y = (rng.random(N) < expit(odds / 2)).astype(np.int64)

    def rows(odds):
        return np.column_stack([expit(-odds), expit(odds)]).astype(np.float32)

    sure = np.where(y == 1, 9.0, -9.0)
    fold_of = np.arange(N) % 3
    refits = InnerRefits(fold_of, tuple(rows(np.where(fold_of == i, odds, sure)) for i in range(3)))
    training = TrainingSet(rows(sure), y, GROUPS, 2, refits=refits)
    test = np.array([-4.0, -1.0, 0.0, 1.0, 4.0])
    p = Own(calibration=calibration).fit(training, seed=0).predict_proba(rows(test))
    assert_allclose(p[:, 1], expit(test / 2), atol=0.03)
    plain = Own().fit(training, seed=0).predict_proba(rows(test))
    assert_allclose(plain[:, 1], expit(test), atol=1e-6)


def test_calibration_without_refits_is_an_error():
    training = TrainingSet(np.full((8, 2), 0.5, dtype=np.float32), np.arange(8) % 2, GROUPS[:8], 2)
    with pytest.raises(ValueError, match=r"own: calibration \(sigmoid\) must be learnt on inner refits"):
        replace(Own(), calibration="sigmoid").fit(training, seed=0)
