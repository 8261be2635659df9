"""Every plug-in of encoders/fusion keeps its contract."""

from inspect import getmembers, isfunction

import numpy as np
import pytest

from bench.contracts import fusion as contract
from bench.plugins import find, load
from encoders.base import Tokens

CHECKS = [
    check
    for name, check in getmembers(contract, isfunction)
    if check.__module__ == contract.__name__ and name[0] != "_"
]


@pytest.mark.parametrize("name", find("fusion"))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(name, check):
    check(load("fusion", name))


def test_fusions_that_say_the_same_of_one_sequence_make_the_same_vectors():
    rng = np.random.default_rng(0)
    present = np.arange(4) < rng.integers(1, 5, size=30)[:, None]
    rows = np.where(rng.random(40) < 0.8, rng.integers(30, size=40), -1)
    tokens = [Tokens(rng.normal(size=(30, 4, 6)).astype(np.float32) * present[:, :, None], present, rows)]
    filled = tokens[0].means()[0][:, None]
    where = {"classes": 2, "groups": np.arange(40).astype(str), "seed": 0, "device": "cpu"}
    made = {}
    plugins = [load("fusion", name) for name in find("fusion")] + [load("fusion", "per_sequence", pool="mean")]
    for plugin in plugins:
        if alone := plugin.describe().alone:
            fused = plugin.fit(tokens, filled, None, **where)(tokens, filled)
            made.setdefault(alone, []).append((fused.vectors[:, rows >= 0], fused.present))
    assert max(map(len, made.values())) >= 3
    for first, *others in made.values():
        for other in others:
            np.testing.assert_array_equal(other[0], first[0])
            np.testing.assert_array_equal(other[1], first[1])
