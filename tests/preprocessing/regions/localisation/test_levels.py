"""Levels of a spine are numbered together: counted from the lowest up, each a learnt distance above the other."""

from itertools import pairwise, product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from preprocessing.regions.localisation.levels import LevelChain, best_path, chains_of, counted
from preprocessing.regions.localisation.peaks import Peaks, likeliest_slices, peaks_of

LEVELS = ("L5/S1", "L4/L5", "L3/L4", "L2/L3", "L1/L2")
DISTANCE = 36.0


def marks(*sides):
    return sorted((("condition", "canal"), ("level", level), ("side", side)) for level in LEVELS for side in sides)


def spine(rng, foot=0.0):
    """`(5, 3)` places of the discs from the lowest up, LPS mm."""
    height = foot + DISTANCE * np.arange(5) + rng.normal(0, 2, 5)
    return np.stack([rng.normal(0, 1, 5), rng.normal(0, 3, 5), height], axis=1)


@pytest.fixture
def chain():
    rng = np.random.default_rng(0)
    places = [spine(rng, foot=rng.uniform(-80, 80))[::-1] for _ in range(40)]  # marks are sorted: L1/L2 comes first
    (one,) = chains_of(marks("middle"), places)
    return one


def seen(likely):
    """Peaks of maps that are sharp, with a probability for each level (row) at each disc (column)."""
    likely = np.asarray(likely, dtype=float)
    slices = np.zeros(likely.shape[1], dtype=np.int64)
    return Peaks(slices, likely, likely, np.zeros((*likely.shape, 2)))


def test_a_chain_is_learnt_from_below_for_each_side(chain):
    assert_array_equal(chain.marks, [4, 3, 2, 1, 0])
    assert_allclose(chain.step[:, 2], DISTANCE, atol=2)
    rng = np.random.default_rng(1)
    both = [np.repeat(spine(rng)[::-1], 2, axis=0) for _ in range(10)]
    both[0][3] = np.nan
    left, right = chains_of(marks("left", "right"), both)
    assert_array_equal(left.marks, [8, 6, 4, 2, 0])
    assert_array_equal(right.marks, [9, 7, 5, 3, 1])


def test_there_is_no_chain_without_levels_or_with_too_few_patients():
    rng = np.random.default_rng(0)
    places = [spine(rng)[::-1] for _ in range(2)]
    assert chains_of(marks("middle"), places) == []
    unlevelled = [(("condition", f"c{i}"),) for i in range(5)]
    assert chains_of(unlevelled, [spine(rng) for _ in range(9)]) == []


def test_a_kept_chain_is_the_same(chain):
    again = LevelChain.of(chain.plain())
    for name in ("marks", "step", "spread"):
        assert_array_equal(getattr(again, name), getattr(chain, name))


def test_the_best_path_is_that_of_all_paths():
    rng = np.random.default_rng(3)
    for _ in range(20):
        places, log_p = rng.normal(0, 30, (6, 3)), rng.normal(0, 3, (4, 6))
        a = rng.normal(0, 5, (3, 3, 3))
        chain = LevelChain(np.arange(4), rng.normal(0, 20, (3, 3)), a @ a.transpose(0, 2, 1) + 25 * np.eye(3))

        def score(path, chain=chain, places=places, log_p=log_p):
            total = sum(log_p[k, c] for k, c in enumerate(path))
            for k, (low, high) in enumerate(pairwise(path)):
                off = places[high] - places[low] - chain.step[k]
                total -= 0.5 * off @ np.linalg.solve(chain.spread[k], off)
            return total

        every = [p for p in product(range(6), repeat=4) if all(a != b for a, b in pairwise(p))]
        assert_array_equal(best_path(chain, log_p, places), max(every, key=score))


def test_four_levels_that_lie_one_disc_too_high_are_counted_from_the_sacrum(chain):
    """The networks find L5/S1 and call each other disc by the level below it, as on two real studies."""
    discs = spine(np.random.default_rng(5), foot=-60)
    discs = np.concatenate([discs, discs[-1:] + np.array([0, 0, DISTANCE])])  # T12/L1 is seen too
    likely = np.full((5, 6), 0.01)
    likely[0, 0] = 0.9
    for level in range(1, 5):
        likely[level, level + 1] = 0.9
    assert list(likely.argmax(axis=1)) == [0, 2, 3, 4, 5]
    assert_array_equal(counted(chain, seen(likely), discs), [0, 1, 2, 3, 4])


def test_two_levels_never_share_a_disc(chain):
    discs = spine(np.random.default_rng(6))
    likely = np.eye(5) * 0.9 + 0.02
    likely[3] = likely[2]
    assert_array_equal(counted(chain, seen(likely), discs), [0, 1, 2, 3, 4])


def test_flat_maps_are_not_counted(chain):
    discs = spine(np.random.default_rng(6))
    assert counted(chain, seen(np.eye(5) * 0.2), discs) is None
    assert counted(chain, seen(np.zeros((5, 0))), discs[:0]) is None


def test_an_anchor_names_the_lowest_disc_that_is_seen(chain):
    """A scan without L5/S1, whose lowest disc the networks call L5/S1: with the anchor it is L4/L5."""
    discs = spine(np.random.default_rng(7))
    likely = np.eye(5) * 0.9 + 0.01
    assert_array_equal(counted(chain, seen(likely), discs), [0, 1, 2, 3, 4])
    assert_array_equal(counted(chain, seen(likely), discs, lowest=1), [-1, 0, 1, 2, 3])
    assert_array_equal(counted(chain, seen(likely * 0.3), discs, lowest=0), [0, 1, 2, 3, 4])


def test_peaks_are_found_between_the_cells_and_weighed_by_their_slice():
    h, w = np.meshgrid(np.arange(16), np.arange(16), indexing="ij")

    def blob(row, column):
        return np.exp(-((h - row) ** 2 + (w - column) ** 2) / 0.98)

    maps = np.stack([[0.75 * blob(4.3, 8) / blob(4.3, 8).sum() + 0.25 * blob(11, 8) / blob(11, 8).sum()]])
    scores = np.log(np.array([[0.2], [0.8], [0.0]]) + 1e-300)
    slices = likeliest_slices(np.array([[0.0], [-1.0], [-np.inf]]))
    assert_array_equal(slices, [0, 1])
    found = peaks_of(scores, maps, np.array([1]), np.array([9.0, 9.0]))
    assert_allclose(found.there, [[0.75, 0.25]], atol=0.02)
    assert_allclose(found.likely, found.there * 0.8)
    assert_allclose(found.points[0] * 16 - 0.5, [[4.3, 8], [11, 8]], atol=0.05)
