"""Phantom discs in memory."""

import time

import numpy as np
import pytest

from data.phantom import example_discs


@pytest.mark.parametrize("n", [8, 24])
def test_example_discs_are_small_quick_and_of_both_classes(n):
    started = time.perf_counter()
    images, y, groups = example_discs(n, seed=4)
    assert time.perf_counter() - started < 5
    assert len(images) == len(y) == len(groups) == n and set(y) == {0, 1}
    assert all(i.pixels.shape == (3, 48, 48) and i.pixels.dtype == np.float32 for i in images)
    assert all(((i.mask > 200) & (i.mask < 204)).sum() > 100 and i.mask.dtype == np.int16 for i in images)
    assert np.unique(groups, return_counts=True)[1].max() == 3
    again, _, _ = example_discs(n, seed=4)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(images, again, strict=True))
