"""Calibration gives scikit-learn's numbers, on scores of rows that the scoring fit has not seen."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from heads.base import Head
from heads.fitting.calibration import calibrate
from heads.lightgbm import LightGBM
from heads.logistic import Logistic
from heads.mlp import Mlp
from heads.svc import Svc
from preprocessing.balance.smote import Smote


def by_scikit_learn(classifier, method, training):
    cv = [(part.rows, held_out) for part, held_out in training.folds()]
    model = CalibratedClassifierCV(classifier, method=method, cv=cv, ensemble=False)
    return model.fit(training.X, training.y)


@pytest.mark.parametrize(("method", "classes"), [("sigmoid", 2), ("temperature", 2), ("temperature", 3)])
def test_logistic_regression_is_calibrated_as_by_scikit_learn(problem, method, classes):
    training, test, _ = problem(classes=classes)
    training = replace(training, X=training.X.astype(np.float64))  # float32 would leave the optimum at 1e-4
    expected = by_scikit_learn(LogisticRegression(max_iter=1000), method, training)
    p = Logistic(C=1.0, calibration=method).fit(training, seed=0).predict_proba(test)
    assert_allclose(p, expected.predict_proba(test), atol=1e-5)


def test_margins_of_several_classes_are_calibrated_as_by_scikit_learn(problem):
    training, test, _ = problem(classes=3)
    expected = by_scikit_learn(OneVsRestClassifier(SVC(C=2.0, gamma=0.03)), "sigmoid", training)
    p = Svc(C=2.0, gamma=0.03).fit(training, seed=0).predict_proba(test)
    assert_allclose(p, expected.predict_proba(test), atol=2e-3)


def test_scores_that_point_the_wrong_way_give_the_smoothed_base_rate():
    labels = np.repeat([0, 1], [30, 10])
    scores = np.where(labels == 1, -1.0, 1.0) + np.linspace(0, 0.1, 40)
    p = calibrate("sigmoid", np.column_stack([-scores, scores]), labels)(np.column_stack([-scores, scores]))
    assert_allclose(p[:, 1], (10 * 11 / 12 + 30 * 1 / 32) / 40, atol=1e-5)


def test_temperature_leaves_calibrated_probabilities_as_they_are():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], size=20_000)
    labels = (rng.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert calibrate("temperature", np.log(p / (1 - p)), labels).sharpness == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("head", [Logistic, Svc, LightGBM, Mlp])
def test_resampling_inside_the_inner_folds_keeps_the_base_rate(problem, head):
    shifts = []
    for seed in (3, 2, 1, 0):
        training, test, y = problem(n=300, rates=[0.8, 0.2], balance=Smote(), seed=seed)
        p = head(calibration="sigmoid").fit(training, seed=0).predict_proba(test)
        shifts.append(p[:, 1].mean() - training.y.mean())
    assert np.mean(shifts) == pytest.approx(0, abs=0.04)
    if head is Logistic:
        plain = head().fit(training, seed=0).predict_proba(test)
        assert plain[:, 1].mean() > training.y.mean() + 0.1
        assert log_loss(y, p) < log_loss(y, plain)


@dataclass(frozen=True, kw_only=True)
class Memory(Head):
    """Remembers every row that it was fitted on, and knows nothing else."""

    def build(self, *, seed, threads, device):
        return KNeighborsClassifier(1)


@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
def test_the_calibrator_never_sees_rows_that_the_head_was_fitted_on(problem, method):
    training, test, _ = problem(n=300, apart=0.0)
    p = Memory(calibration=method).fit(training, seed=0).predict_proba(test)
    assert np.abs(p[:, 1] - 0.5).max() < 0.12  # on its own training rows the head is always right: p would be 0 or 1
