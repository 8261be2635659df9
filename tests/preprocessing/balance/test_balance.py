"""What is particular to the balance steps of the project."""

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist

from preprocessing.balance.class_weight import ClassWeight
from preprocessing.balance.none import NoBalance
from preprocessing.balance.smote import Smote
from preprocessing.balance.svm_smote import SvmSmote
from preprocessing.balance.undersample import Undersample
from preprocessing.balance.undersample_smote import UndersampleSmote


def rows(*sizes, apart=1.0):
    """Gaussian classes of given sizes; on each of 4 features they lie `apart` standard deviations from each other."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    X = np.random.default_rng(0).normal(size=(len(y), 4)) + apart * y[:, None]
    return X.astype(np.float32), y


def sizes_after(balance, X, y, seed=0):
    return Counter(balance.build(seed=seed).fit_resample(X, y)[1].tolist())


def test_none_and_class_weight_leave_the_rows():
    assert NoBalance().build(seed=0) is None and ClassWeight().build(seed=0) is None
    assert not NoBalance.weights and ClassWeight.weights


@pytest.mark.parametrize("balance", [Smote(), SvmSmote()])
@pytest.mark.parametrize("apart", [0.0, 1.0, 50.0])
def test_oversampling_makes_classes_equal(balance, apart):
    assert sizes_after(balance, *rows(60, 9, 20, apart=apart)) == {0: 60, 1: 60, 2: 60}


@pytest.mark.parametrize("balance", [Smote(), SvmSmote()])
def test_real_rows_come_first(balance):
    X, y = rows(60, 9)
    after, labels = balance.build(seed=0).fit_resample(X, y)
    assert_array_equal(after[: len(X)], X)
    assert_array_equal(labels[: len(y)], y)
    assert (labels[len(y) :] == 1).all()


def test_smote_rows_lie_between_two_rows_of_their_class():
    """The distances of a synthetic row to the two it lies between add up to theirs."""
    X, y = rows(40, 8)
    made = Smote().build(seed=0).fit_resample(X, y)[0][len(X) :]
    real = X[y == 1].astype(np.float64)
    to_real = cdist(made, real)
    detour = to_real[:, :, None] + to_real[:, None, :] - cdist(real, real)[None]
    assert np.abs(detour).reshape(len(made), -1).min(axis=1).max() < 1e-5


def test_svm_smote_copes_with_a_class_that_is_all_noise():
    """Each minority row sits alone in a cloud of the other class, where imbalanced-learn's SVMSMOTE refuses."""
    rng = np.random.default_rng(0)
    middles = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    cloud = np.concatenate([m + rng.normal(size=(20, 2)) for m in middles])
    X = np.concatenate([cloud, middles]).astype(np.float32)
    y = np.repeat([0, 1], [60, 3])
    assert sizes_after(SvmSmote(), X, y) == {0: 60, 1: 60}


@pytest.mark.parametrize("balance", [Smote(), SvmSmote(), UndersampleSmote(fraction=0.5)])
def test_two_rows_of_a_class_are_enough(balance):
    after = sizes_after(balance, *rows(20, 2))
    assert after[0] == after[1]


@pytest.mark.parametrize("balance", [Smote(), SvmSmote(), UndersampleSmote()])
def test_a_single_row_of_a_class_is_refused(balance):
    with pytest.raises(ValueError, match="class 1 has 1 sample, but SMOTE needs 2"):
        balance.build(seed=0).fit_resample(*rows(20, 1))


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1.0, {0: 10, 1: 10, 2: 10}), (2.5, {0: 25, 1: 10, 2: 20}), (9.0, {0: 60, 1: 10, 2: 20})]
)
def test_undersample_cuts_to_the_ratio(ratio, expected):
    assert sizes_after(Undersample(ratio=ratio), *rows(60, 10, 20)) == expected


def test_undersample_keeps_real_rows_only():
    X, y = rows(60, 10)
    after, labels = Undersample().build(seed=0).fit_resample(X, y)
    known = {(*x, label) for x, label in zip(X.tolist(), y.tolist(), strict=True)}
    drawn = [(*x, label) for x, label in zip(after.tolist(), labels.tolist(), strict=True)]
    assert set(drawn) <= known
    assert len(set(drawn)) == len(drawn)


def test_undersample_smote_meets_at_a_third_of_the_largest():
    assert sizes_after(UndersampleSmote(), *rows(100, 10, 20)) == {0: 33, 1: 33, 2: 33}


def test_undersample_smote_never_makes_up_what_it_dropped():
    X, y = rows(60, 40)
    after, labels = UndersampleSmote().build(seed=0).fit_resample(X, y)
    assert Counter(labels.tolist()) == {0: 40, 1: 40}
    assert set(map(tuple, after.tolist())) <= set(map(tuple, X.tolist()))


@pytest.mark.parametrize("balance", [Smote(), SvmSmote(), Undersample(), UndersampleSmote()])
def test_another_seed_draws_other_rows(balance):
    X, y = rows(60, 15)
    first, second = (balance.build(seed=seed).fit_resample(X, y)[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("balance", [Undersample(ratio=0.5), UndersampleSmote(fraction=0.0)])
def test_refuses_impossible_fields(balance):
    with pytest.raises(ValueError, match=r"\(0\.[05]\)"):
        balance.build(seed=0)
