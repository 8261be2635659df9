"""Every encoder keeps its contract; those that are slow at their default size are made smaller."""

from inspect import getmembers, isfunction

import pytest

from bench.contracts import encoders as contract
from bench.plugins import find, load

CHECKS = [
    check
    for name, check in getmembers(contract, isfunction)
    if check.__module__ == contract.__name__ and name[0] != "_"
]
SMALLER = {
    "cae_2d": {"channels": (4, 8), "size": 16, "epochs": 3, "latent": 6},
    "cae_3d": {"channels": (4, 8), "size": (4, 16, 16), "epochs": 3, "latent": 6},
    "efficientnet_lite0": {"size": 64},
    "finetuned": {"preset": "", "network": "test_resnet", "size": 32, "epochs": 2, "batch_size": 4},
    "medicalnet": {"depth": 10, "size": (8, 32, 32)},
    "resnet50": {"size": 32},
    "timm_backbone": {"size": 64},
}


@pytest.mark.parametrize("name", find("encoders"))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(name, check):
    check(load("encoders", name, **SMALLER.get(name, {})))
