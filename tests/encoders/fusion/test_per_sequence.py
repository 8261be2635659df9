"""The fusion with a branch for each sequence."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bench.contracts import checks
from encoders.base import Tokens
from encoders.fusion.per_sequence import PerSequence

VALUES = np.random.default_rng(0).normal(size=(60, 3, 8)).astype(np.float32)
PRESENT = np.ones((60, 3), dtype=bool)
NOTHING = np.zeros((60, 2, 0), dtype=np.float32)
Y = np.arange(60) % 2
WHERE = {"classes": 2, "groups": np.array([f"p{i}" for i in range(60)]), "seed": 0, "device": "cpu"}


def with_rows(rows):
    return Tokens(VALUES, PRESENT, np.array(rows))


@pytest.mark.parametrize("check", checks("fusion"), ids=lambda check: check.__name__)
def test_the_mean_keeps_the_contract(check):
    check(PerSequence(pool="mean"))


def test_the_mean_is_over_the_slices_of_each_sequence():
    tokens = [with_rows(np.arange(60)), with_rows([-1, *range(59)])]
    fused = PerSequence(pool="mean").fit(tokens, NOTHING, None, **WHERE)(tokens, NOTHING)
    assert_allclose(fused.vectors[0], VALUES.mean(axis=1), rtol=1e-5, atol=1e-6)
    assert_allclose(fused.vectors[1, 1:], VALUES[:59].mean(axis=1), rtol=1e-5, atol=1e-6)
    assert fused.present.sum(axis=1).tolist() == [60, 59]


def test_probabilities_are_the_mean_over_the_branches_present():
    """Each branch gives what a fusion of only that sequence gives."""
    tokens = [with_rows(np.arange(60)), with_rows(np.roll(np.arange(60), 3))]
    fusion = PerSequence(epochs=2)
    both = fusion.fit(tokens, NOTHING, Y, **WHERE)
    single = [fusion.fit([one], NOTHING[:, :1], Y, **WHERE)([one], NOTHING[:, :1]).probabilities for one in tokens]
    assert_allclose(both(tokens, NOTHING).probabilities, np.mean(single, axis=0))
    first = [tokens[0], with_rows(np.full(60, -1))]
    assert_allclose(both(first, NOTHING).probabilities, single[0])


def test_a_sequence_that_no_training_sample_has_is_an_absent_branch(tmp_path):
    tokens = [with_rows(np.full(60, -1)), with_rows(np.arange(60))]
    fusion = PerSequence(epochs=1)
    fuser = fusion.fit(tokens, NOTHING, Y, **WHERE)
    fuser.save(tmp_path)
    have_all = [with_rows(np.arange(60))] * 2
    for one in (fuser, fusion.load(tmp_path, device="cpu")):
        assert one(have_all, NOTHING).present.sum(axis=1).tolist() == [0, 60]
        assert one.artifacts()["learning_curve"]["sequence"].unique().tolist() == [1]


def test_refuses_an_unknown_pooling():
    with pytest.raises(ValueError, match=r"pool \(max\) must be mean or attention"):
        PerSequence(pool="max")
