"""Tokens are named by the slices that they stand for."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bench.stages.positions import positions


def test_a_token_of_each_slice_is_its_slice():
    table = positions(np.array([3, 5, 1]), np.array([3, 5, 1]))
    assert_array_equal(table["slice_from"], [1, 2, 3, 4, 5])
    assert_array_equal(table["slice_to"], [1, 2, 3, 4, 5])
    assert table[["depth_from", "depth_to"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("tokens", "slices", "ranges"),
    [(2, 3, [(1, 2), (2, 3)]), (2, 16, [(1, 8), (9, 16)]), (3, 2, [(1, 1), (1, 2), (2, 2)]), (1, 4, [(1, 4)])],
)
def test_parts_of_the_depth_are_equal_and_name_every_slice_that_they_touch(tokens, slices, ranges):
    table = positions(np.full(4, tokens), np.full(4, slices))
    assert list(table[["slice_from", "slice_to"]].itertuples(index=False, name=None)) == ranges
    edges = np.linspace(0, 1, tokens + 1)
    assert_allclose(table["depth_from"], edges[:-1])
    assert_allclose(table["depth_to"], edges[1:])


def test_slices_are_not_named_where_crops_differ_in_their_number():
    table = positions(np.array([2, 2]), np.array([3, 4]))
    assert table[["slice_from", "slice_to"]].isna().all(axis=None)
    pd.testing.assert_series_equal(table["depth_to"], pd.Series([0.5, 1.0], name="depth_to"))
