"""The nearest training samples, against scikit-learn's imputer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import KNNImputer

from encoders.missing.filling.means import training_means
from encoders.missing.filling.quality import filling_quality
from encoders.missing.neighbours import Neighbours


def each(present):
    """Every sample is from another patient."""
    return np.arange(len(present)).astype(str)


@pytest.mark.parametrize("k", [1, 4])
def test_is_the_imputer_of_scikit_learn(k, related):
    """Distances of whole sequences on standardised features are scikit-learn's over features that are not NaN."""
    (train, have), (test, given) = related
    holes = [np.where(p[:, :, None], v, np.nan).astype(np.float64) for v, p in ((train, have), (test, given))]
    mean, deviation = np.nanmean(holes[0], axis=0), np.nanstd(holes[0], axis=0)
    scaled = [((h - mean) / deviation).reshape(len(h), -1) for h in holes]
    some = given.any(axis=1)
    expected = KNNImputer(n_neighbors=k).fit(scaled[0]).transform(scaled[1][some]).reshape(-1, 3, 64)
    filled = Neighbours(k=k).fit(train, have, groups=each(have), seed=0)(test, given)
    assert_allclose(filled[some], expected * deviation + mean, rtol=1e-3, atol=1e-3)


def test_in_chunks_as_at_once(monkeypatch, related):
    (train, have), (test, given) = related
    filler = Neighbours().fit(train, have, groups=each(have), seed=0)
    at_once = filler(test, given)
    monkeypatch.setattr("encoders.missing.neighbours.DISTANCES", 7 * len(train))
    assert_allclose(filler(test, given), at_once, rtol=1e-5, atol=1e-5)


def test_without_a_shared_sequence_it_is_the_mean():
    values = np.array([[[1, 2], [0, 0]], [[0, 0], [3, 4]], [[0, 0], [5, 8]]], dtype=np.float32)
    present = np.array([[True, False], [False, True], [False, True]])
    filled = Neighbours(k=1).fit(values, present, groups=each(present), seed=0)(values, present)
    assert_array_equal(filled[0, 1], [4, 6])


def test_explains_more_than_the_mean(related):
    train, test = related
    means = training_means(*train)
    quality = filling_quality(Neighbours().fit(*train, groups=each(train[1]), seed=0), *test, means=means)
    assert (quality["explained_variance"] > 0.3).all()


def test_refuses_no_neighbours():
    with pytest.raises(ValueError, match=r"k \(0\) must be at least 1"):
        Neighbours(k=0)
