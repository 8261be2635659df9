"""The two fusions that learn nothing, against values computed by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from encoders.base import Tokens
from encoders.fusion.concat import Concat
from encoders.fusion.mean import MeanFusion

T1 = Tokens(
    values=np.array([[[2, 4], [4, 8]], [[1, 1], [0, 0]]], dtype=np.float32),
    present=np.array([[True, True], [True, False]]),
    rows=np.array([0, 1, -1, -1]),
)
T2 = Tokens(
    values=np.array([[[7, 0]], [[9, 2]]], dtype=np.float32),
    present=np.array([[True], [True]]),
    rows=np.array([1, -1, 0, -1]),
)
FILLED = np.array([[[3, 6], [9, 2]], [[1, 1], [5, 5]], [[6, 6], [7, 0]], [[6, 6], [5, 5]]], dtype=np.float32)


def fuse(fusion, tokens, filled):
    fuser = fusion.fit(tokens, filled, None, classes=2, groups=np.array(list("abcd")), seed=0, device="cpu")
    fused = fuser(tokens, filled)
    return fused.vectors, fused.present


def test_mean_is_over_the_sequences_present():
    vectors, present = fuse(MeanFusion(), [T1, T2], FILLED)
    assert_allclose(vectors, [[[6, 4], [1, 1], [7, 0], [0, 0]]])
    assert present.tolist() == [[True, True, True, False]]


def test_mean_needs_one_number_of_features():
    wide = Tokens(np.zeros((2, 1, 3), dtype=np.float32), T2.present, T2.rows)
    with pytest.raises(ValueError, match=r"sequences have \[2, 3\] features"):
        fuse(MeanFusion(), [T1, wide], FILLED)


def test_concat_puts_sequences_and_indicators_side_by_side():
    vectors, present = fuse(Concat(), [T1, T2], FILLED)
    expected = [[3, 6, 9, 2, 1, 1], [1, 1, 5, 5, 1, 0], [6, 6, 7, 0, 0, 1], [6, 6, 5, 5, 0, 0]]
    assert_allclose(vectors, [expected])
    assert present.tolist() == [[True, True, True, False]]


def test_concat_of_one_sequence_has_no_indicator():
    vectors, present = fuse(Concat(), [T1], FILLED[:, :1])
    assert_allclose(vectors[0], FILLED[:, 0])
    assert present.tolist() == [[True, True, False, False]]


def test_a_sequence_that_no_sample_has_is_zeros():
    nobody = Tokens(np.zeros((0, 1, 2), dtype=np.float32), np.zeros((0, 1), dtype=bool), np.full(4, -1))
    vectors, _ = fuse(MeanFusion(), [T1, nobody], FILLED)
    assert_allclose(vectors[0, :2], [[3, 6], [1, 1]])
