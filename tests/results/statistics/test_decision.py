"""Net benefit against a confusion matrix at each threshold, and closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import confusion_matrix

from results.statistics.decision import THRESHOLDS, decision_curve


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    event = random.random(150) < 0.3
    return event, np.round(np.clip(0.3 + 0.2 * event + random.normal(0, 0.2, 150), 0, 1), 2)


def test_net_benefit_is_that_of_the_confusion_matrix(rows):
    event, p = rows
    found = decision_curve(event, p)
    for t, benefit in zip(found.thresholds, found.model, strict=True):
        _, false, _, true = confusion_matrix(event, p >= t).ravel()
        assert_allclose(benefit, true / 150 - false / 150 * t / (1 - t), atol=1e-12)


def test_treating_all_is_a_model_that_is_always_sure_and_treating_none_one_that_never_is(rows):
    event, _ = rows
    assert_allclose(decision_curve(event, np.ones(150)).model, decision_curve(event, np.ones(150)).treat_all)
    never = decision_curve(event, np.zeros(150))
    assert_allclose(never.model, never.treat_none)


def test_treating_all_gains_the_rate_at_0_and_nothing_at_the_rate():
    event = np.arange(10) < 3
    found = decision_curve(event, np.linspace(0, 1, 10), np.array([0.0, 0.3]))
    assert_allclose(found.treat_all, [0.3, 0], atol=1e-12)


def test_a_perfect_model_gains_the_rate_everywhere(rows):
    event, _ = rows
    assert_allclose(decision_curve(event, event.astype(float)).model, np.full(len(THRESHOLDS), event.mean()))


@pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
def test_a_threshold_out_of_range_is_an_error(rows, threshold):
    with pytest.raises(ValueError, match="below 1"):
        decision_curve(*rows, np.array([0.5, threshold]))
