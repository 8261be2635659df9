"""What heads share: inner folds by patient, balanced sets and Gram matrices that are made once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.utils.class_weight import compute_class_weight

from heads.fitting.training import TrainingSet, patient_folds
from preprocessing.balance.class_weight import ClassWeight
from preprocessing.balance.smote import Smote


@pytest.mark.parametrize("gamma", [None, 0.01, 1 / 30])
def test_gram_matrix_is_that_of_scikit_learn(problem, gamma):
    training, _, _ = problem()
    X = training.X.astype(np.float64)
    expected = linear_kernel(X) if gamma is None else rbf_kernel(X, gamma=gamma)
    assert training.gram(gamma).dtype == np.float32
    assert_allclose(training.gram(gamma), expected, rtol=1e-5, atol=2e-5)


def test_gram_matrix_of_a_part_is_that_of_its_rows(problem):
    training, _, _ = problem()
    part, held_out = training.folds()[0]
    assert_allclose(part.gram(0.02), rbf_kernel(training.X[part.rows], gamma=0.02), atol=2e-5)
    cross = rbf_kernel(training.X[held_out], training.X[part.rows], gamma=0.02)
    assert_allclose(part.cross_gram(0.02, held_out), cross, atol=2e-5)


def test_gram_matrix_of_a_resampled_part_holds_the_synthetic_rows(problem):
    training, _, _ = problem(rates=[0.8, 0.2], balance=Smote())
    part, held_out = training.folds()[0]
    X, y = part.balanced()
    assert (y == 0).sum() == (y == 1).sum()
    assert_allclose(part.gram(0.02), rbf_kernel(X, gamma=0.02), atol=2e-5)
    assert_allclose(part.cross_gram(0.02, held_out), rbf_kernel(training.X[held_out], X, gamma=0.02), atol=2e-5)


def test_everything_shared_is_made_once_for_all_threads(problem, recording_sampler):
    training, _, _ = problem(balance=recording_sampler)
    with ThreadPoolExecutor(8) as pool:
        sets = list(pool.map(lambda _: training.resampled()[0], range(32)))
        grams = list(pool.map(lambda _: training.gram(0.1), range(32)))
    assert len(recording_sampler.seen) == 1
    assert all(X is sets[0] for X in sets) and all(K is grams[0] for K in grams)


def test_an_error_while_sharing_reaches_everyone_who_asks(problem):
    class Broken:
        weights = False

        def build(self, *, seed):
            return self

        def fit_resample(self, X, y):
            raise ValueError("no neighbours")

    training, _, _ = problem(balance=Broken())
    for _ in range(2):
        with pytest.raises(ValueError, match="no neighbours"):
            training.resampled()


def test_class_weights_are_scikit_learns_balanced_ones(problem):
    training, _, _ = problem(classes=3, rates=[0.6, 0.3, 0.1], balance=ClassWeight())
    expected = compute_class_weight("balanced", classes=np.arange(3), y=training.y)
    assert_allclose(training.whole().class_weights(training.y), expected)


@pytest.mark.parametrize("seed", range(5))
def test_folds_keep_patients_whole_and_spread_every_class(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(60).astype(str), 7)
    risk = np.repeat(rng.uniform(0, 0.6, 60), 7)
    y = (rng.random(420) < risk).astype(np.int64)
    fold_of = patient_folds(y, groups, folds=3, seed=seed)
    assert all(len(np.unique(fold_of[groups == p])) == 1 for p in np.unique(groups))
    assert_allclose(np.bincount(fold_of), 140, atol=7)
    assert_allclose(np.bincount(fold_of[y == 1]), y.sum() / 3, atol=3)


def test_every_fold_has_the_rarest_class_if_as_many_patients_have_it():
    y = np.zeros(200, dtype=np.int64)
    y[[3, 4, 5, 90, 150]] = 2  # of patients 0, 9 and 15
    y[20:80] = 1
    groups = (np.arange(200) // 10).astype(str)
    for seed in range(20):
        assert set(patient_folds(y, groups, folds=3, seed=seed)[y == 2]) == {0, 1, 2}


def test_inner_folds_hold_out_every_row_once_and_are_shared(problem):
    training, _, _ = problem(classes=3)
    assert_array_equal(np.sort(np.concatenate([held for _, held in training.folds()])), np.arange(150))
    again, _, _ = problem(classes=3)
    for (part, _), (other, _) in zip(training.folds(), again.folds(), strict=True):
        assert_array_equal(part.rows, other.rows)


def few(patients_of_class_1):
    y = np.zeros(60, dtype=np.int64)
    y[: 3 * patients_of_class_1] = 1
    groups = (np.arange(60) // 3).astype(str)
    return TrainingSet(np.zeros((60, 2), dtype=np.float32), y, groups, 2)


def test_few_patients_of_a_class_give_fewer_folds():
    assert [len(few(n).folds()) for n in (2, 3, 4)] == [2, 3, 3]


def test_one_patient_of_a_class_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="class 1 has 1 training patients: merge classes"):
        few(1).folds()


def test_early_stopping_holds_out_other_patients_and_never_a_whole_class():
    training = few(1)
    part, held_out = training.whole().stopping()
    assert not set(training.groups[part.rows]) & set(training.groups[held_out])
    assert len(part.rows) + len(held_out) == 60 and 6 <= len(held_out) <= 18
    assert set(training.y[part.rows]) == {0, 1}


def test_validation_rows_that_the_dataset_names_are_the_inner_split():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)).astype(np.float32), np.arange(60) % 2
    groups, named = np.arange(60).astype(str), np.arange(60) >= 45
    training = TrainingSet(X, y, groups, 2, validation=named)
    [(part, held)] = training.folds()
    np.testing.assert_array_equal(part.rows, np.arange(45))
    np.testing.assert_array_equal(held, np.arange(45, 60))
    stopping, stops_by = training.whole().stopping()
    np.testing.assert_array_equal(stopping.rows, np.arange(45))
    np.testing.assert_array_equal(stops_by, held)


def test_calibration_on_named_validation_rows_equals_a_prefit_sigmoid():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    from heads.logistic import Logistic

    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 5)).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=200) > 0).astype(np.int64)
    named = np.arange(200) >= 140
    training = TrainingSet(X, y, np.arange(200).astype(str), 2, validation=named)
    head = Logistic(C=1.0, calibration="sigmoid").fit(training, seed=0)
    inner = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(X[~named], y[~named])
    theirs = CalibratedClassifierCV(FrozenEstimator(inner)).fit(X[named], y[named])
    sigmoid = theirs.calibrated_classifiers_[0].calibrators[0]
    whole = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(X, y)
    expected = sigmoid.predict(whole.decision_function(X))
    np.testing.assert_allclose(head.predict_proba(X)[:, 1], expected, atol=1e-3)
