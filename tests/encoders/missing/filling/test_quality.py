"""The quality of filling, against values computed by hand."""

import numpy as np
from numpy.testing import assert_allclose

from encoders.missing.filling.quality import filling_quality

VALUES = np.array([[[3, 4], [1, 0]], [[0, 2], [5, 5]], [[9, 9], [0, 0]]], dtype=np.float32)
PRESENT = np.array([[True, True], [True, True], [True, False]])
MEANS = np.array([[0, 4], [1, 5]], dtype=np.float32)


def swap(values, present):
    """Fills a sequence with the other one."""
    return np.where(present[:, :, None], values, values[:, ::-1])


def test_by_hand():
    """[1, 0] is filled by [3, 4] and [5, 5] by [0, 2]: errors of 20 + 34, with the mean 9 + 4 and 25 + 16."""
    quality = filling_quality(swap, VALUES, PRESENT, means=MEANS)
    assert quality["n"].tolist() == [2, 2] and quality["sequence"].tolist() == [0, 1]
    cosine = (3 / 5 + 10 / (2 * 50**0.5)) / 2
    assert_allclose(quality["cosine"], [cosine, cosine])
    assert_allclose(quality["explained_variance"], [1 - 54 / 13, 1 - 54 / 41])


def test_what_is_hidden_is_not_seen():
    seen = []

    def note(values, present):
        seen.append((values.copy(), present.copy()))
        return values

    before = VALUES.copy()
    filling_quality(note, VALUES, PRESENT, means=MEANS)
    assert [p.tolist() for _, p in seen] == [[[False, True]] * 2, [[True, False]] * 2]
    assert not any(v[~p].any() for v, p in seen)
    assert np.array_equal(VALUES, before)


def test_without_a_sample_of_two_sequences_quality_is_nan():
    quality = filling_quality(swap, VALUES, np.array([[True, False]] * 3), means=MEANS)
    assert quality["n"].tolist() == [0, 0]
    assert np.isnan(quality["cosine"]).all() and np.isnan(quality["explained_variance"]).all()
