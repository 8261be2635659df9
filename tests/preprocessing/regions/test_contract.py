"""Every region keeps its contract."""

from inspect import getmembers, isfunction

import pytest

from bench.contracts import regions as contract
from bench.plugins import find, load

CHECKS = [
    check
    for name, check in getmembers(contract, isfunction)
    if check.__module__ == contract.__name__ and name[0] != "_"
]


@pytest.mark.parametrize("name", find("regions"))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(name, check):
    check(load("regions", name))
