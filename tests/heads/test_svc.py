"""Support vector machines on shared Gram matrices are those of scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

from heads.svc import Svc
from preprocessing.balance.class_weight import ClassWeight


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("weighted", [False, True])
def test_two_classes(problem, kernel, weighted):
    training, test, _ = problem(rates=[0.7, 0.3], balance=ClassWeight() if weighted else None)
    expected = SVC(kernel=kernel, C=0.5, class_weight="balanced" if weighted else None).fit(training.X, training.y)
    fitted = Svc(kernel=kernel, C=0.5).fit(training, seed=0)
    assert_allclose(fitted.classifier.decision_function(test), expected.decision_function(test), atol=5e-3)


def test_several_classes_are_classified_one_against_the_rest(problem):
    training, test, _ = problem(classes=4)
    gamma = 1 / (30 * training.X.var())
    expected = OneVsRestClassifier(SVC(gamma=gamma)).fit(training.X, training.y).decision_function(test)
    fitted = Svc().fit(training, seed=0)
    assert_allclose(fitted.classifier.decision_function(test), expected, atol=5e-3)


def test_keeps_only_support_vectors(problem):
    training, _, _ = problem(apart=6.0)
    assert len(Svc().fit(training, seed=0).classifier.vectors) < len(training.y)


def test_the_classifier_works_without_a_training_set(problem):
    training, test, y = problem(apart=6.0)
    machine = Svc().build(seed=0, threads=1, device="cpu").fit(training.X, training.y)
    assert np.mean((machine.decision_function(test) > 0) == y) > 0.9
