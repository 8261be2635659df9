"""Features trained with labels show the labels of training rows: heads learn how far to trust them from refits.

One feature shows the class. In training rows it is always right; in rows that the step has not seen it is right in
exactly 70 of 100. Then the best log loss is the entropy of 0.7, the prior's is log 2, and a head that trusts training
rows does worse than the prior.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from scipy.stats import entropy
from sklearn.metrics import log_loss
from sklearn.svm import SVC

from heads.base import InnerRefits, TrainingSet
from heads.cascade import Cascade
from heads.knn import Knn
from heads.lightgbm import LightGBM
from heads.logistic import Logistic
from heads.mlp import Mlp
from heads.svc import Svc
from heads.xgboost import XGBoost

N, RIGHT = 600, 0.7
BEST, PRIOR = entropy([RIGHT, 1 - RIGHT]), np.log(2)


def sign(y, right):
    """Two features `(n, 2)` float32: the class as -1 or 1, wrong in `1 - right` of each class; and noise."""
    shown = np.where(y == 1, 1.0, -1.0)
    for k in (0, 1):
        rows = np.flatnonzero(y == k)
        shown[rows[: round((1 - right) * len(rows))]] *= -1
    noise = np.random.default_rng(len(y)).normal(0, 1e-3, len(y))
    return np.column_stack([shown, noise]).astype(np.float32)


def trained_with_labels(n=N, folds=3):
    y = np.arange(n) % 2
    groups = (np.arange(n) // 2).astype(str)
    fold_of = (np.arange(n) // 2) % folds
    seen = sign(y, 1.0)
    refits = []
    for i in range(folds):
        X = seen.copy()
        X[fold_of == i] = sign(y[fold_of == i], RIGHT)
        refits.append(X)
    return TrainingSet(seen, y, groups, 2, refits=InnerRefits(fold_of, tuple(refits)))


def loss(head, training):
    y = np.arange(1000) % 2
    return log_loss(y, head.fit(training, seed=0).predict_proba(sign(y, RIGHT)))


HEADS = [Svc(kernel="linear"), Svc(), LightGBM(), LightGBM(patience=5), XGBoost(), Knn(), Cascade(head="svc")]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: f"{type(head).__name__}-{head.calibration}")
def test_a_head_has_the_best_loss_with_refits_and_is_worse_than_the_prior_without(head):
    training = trained_with_labels()
    assert loss(head, training) == pytest.approx(BEST, abs=0.01)
    assert loss(head, replace(training, refits=None)) > PRIOR


def test_a_network_too_is_calibrated_though_its_scores_grow_with_its_steps():
    """The final fit takes more steps per epoch than the inner ones, so it is somewhat surer than they were."""
    training = trained_with_labels()
    assert BEST - 0.01 < loss(Mlp(), training) < BEST + 0.5 * (PRIOR - BEST)
    assert loss(Mlp(), replace(training, refits=None)) > PRIOR


def test_every_inner_fit_and_score_is_on_the_rows_of_its_refit():
    training = trained_with_labels()
    for i, (part, held) in enumerate(training.folds()):
        assert_array_equal(held, np.flatnonzero(training.refits.fold_of == i))
        assert_array_equal(part.rows, np.flatnonzero(training.refits.fold_of != i))
        assert_array_equal(part.balanced()[0], training.refits.X[i][part.rows])
        K = part.cross_gram(None, held)
        assert_allclose(K, training.refits.X[i][held] @ training.refits.X[i][part.rows].T, atol=1e-5)


def test_margins_are_calibrated_on_those_of_machines_fitted_by_scikit_learn(problem):
    training, test, _ = problem(n=240)
    rng = np.random.default_rng(0)
    fold_of = rng.permutation(np.arange(240) // 5 % 3)
    refits = InnerRefits(
        fold_of, tuple((training.X + rng.normal(0, 1, training.X.shape)).astype("f4") for _ in range(3))
    )
    margins = np.empty(240)
    for i, X in enumerate(refits.X):
        machine = SVC(kernel="linear").fit(X[fold_of != i], training.y[fold_of != i])
        margins[fold_of == i] = machine.decision_function(X[fold_of == i])
    from sklearn.calibration import _SigmoidCalibration

    platt = _SigmoidCalibration().fit(margins, training.y)
    expected = platt.predict(SVC(kernel="linear").fit(training.X, training.y).decision_function(test))
    fitted = Svc(kernel="linear").fit(replace(training, refits=refits), seed=0)
    assert_allclose(fitted.predict_proba(test)[:, 1], expected, atol=2e-3)


def test_no_calibration_becomes_a_sigmoid():
    training = trained_with_labels()
    assert_array_equal(
        Logistic().fit(training, seed=0).predict_proba(training.X),
        Logistic(calibration="sigmoid").fit(training, seed=0).predict_proba(training.X),
    )


def newton_rounds():
    """The best number of rounds, on rows 70 % right, of a boosted stump of rate .1 that is always right in training.

    Each round adds 0.1 g / h = 0.1 / p to the log-odds of the right side, p being its probability so far.
    """
    odds, losses = 0.0, []
    for _ in range(50):
        odds += 0.1 / expit(odds)
        losses.append(RIGHT * np.logaddexp(0, -odds) + (1 - RIGHT) * np.logaddexp(0, odds))
    return int(np.argmin(losses)) + 1


@pytest.mark.parametrize("head", [LightGBM(patience=5), XGBoost(patience=5)], ids=["lightgbm", "xgboost"])
def test_boosting_stops_by_rows_that_the_refits_have_not_seen(head):
    training = trained_with_labels()
    classifier = head.fit(training, seed=0).classifier
    rounds = classifier.n_estimators
    assert rounds == newton_rounds()
    without = head.fit(replace(training, refits=None), seed=0).classifier
    assert head.stopped_at(without)["rounds"] > 2 * rounds


@dataclass(frozen=True, kw_only=True)
class Recorder(Logistic):
    """Keeps what it is trained on and what it may stop by."""

    patience: int = 3
    seen: list = field(default_factory=list)

    @property
    def stops(self):
        return self.patience > 0

    def stopped_at(self, classifier):
        return {"iterations": 100 * len(self.seen), "patience": 0}

    def train(self, classifier, rows, validation):
        self.seen.append((rows, validation))
        classifier.fit(rows.X, rows.y)


def test_a_head_that_stops_takes_the_median_of_its_fits_on_refits_and_then_all_rows():
    training = trained_with_labels()
    head = Recorder()
    fitted = head.fit(training, seed=0)
    assert fitted.classifier.max_iter == 200  # the median of 100, 200 and 300
    stopping, lasting = head.seen[:3], head.seen[3:]
    for (rows, validation), (part, held) in zip(stopping, training.folds(), strict=True):
        assert_array_equal(rows.X, part.training.X[part.rows])
        assert_array_equal(validation.X, part.training.X[held])
    assert [len(rows.y) for rows, _ in lasting] == [400, 400, 400, 600]
    assert all(validation is None for _, validation in lasting)


def test_an_inner_fold_that_holds_a_class_out_whole_is_an_error():
    training = trained_with_labels()
    fold_of = np.where(training.y == 1, 0, 1)
    refits = InnerRefits(fold_of, training.refits.X[:2])
    with pytest.raises(ValueError, match=r"every class on both sides, but class 0 has 300 .* head own"):
        Logistic().fit(replace(training, refits=refits), seed=0)


def test_rows_in_no_inner_fold_are_never_held_out():
    training = trained_with_labels()
    fold_of = np.where(np.arange(N) < 400, -1, 0)
    [(part, held)] = replace(training, refits=InnerRefits(fold_of, training.refits.X[:1])).folds()
    assert_array_equal(part.rows, np.arange(400))
    assert_array_equal(held, np.arange(400, N))
