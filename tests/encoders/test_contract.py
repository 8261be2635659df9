"""Every encoder keeps its contract; those that are slow at their default size are made smaller."""

from inspect import getmembers, isfunction

import numpy as np
import pytest

from bench.contracts import encoders as contract
from bench.plugins import find, load, plugin_class
from data.phantom import example_discs

CHECKS = [
    check
    for name, check in getmembers(contract, isfunction)
    if check.__module__ == contract.__name__ and name[0] != "_"
]
SMALLER = {
    "cae_2d": {"channels": (4, 8), "size": 16, "steps": 3, "latent": 6},
    "cae_3d": {"channels": (4, 8), "size": (4, 16, 16), "steps": 3, "latent": 6},
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


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_tokens_for_each_part_of_the_depth_keep_the_contract(check):
    check(load("encoders", "medicalnet", depth=10, size=(16, 32, 32), tokens="depth"))


@pytest.mark.parametrize("name", [name for name in find("encoders") if plugin_class("encoders", name).classifies])
def test_an_encoder_that_classifies_gives_log_probabilities_of_its_tokens(name):
    plugin = contract._offline(load("encoders", name, **SMALLER.get(name, {})))
    discs, y, groups = example_discs(12)
    images = [contract._scaled(image) for image in discs]
    assert plugin.learns == "labels"
    fitted = plugin.fit(images, y, groups=groups, seed=0, device="cpu")
    means = np.stack([tokens.mean(axis=0) for tokens in fitted.encode(images)])
    found = fitted.log_probabilities(means)
    assert found.shape == (12, y.max() + 1) and found.dtype == np.float32
    np.testing.assert_allclose(np.exp(found.astype(np.float64)).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(fitted.log_probabilities(means[:1]), found[:1], rtol=1e-4)
    with pytest.raises(ValueError, match="labels"):
        plugin.fit(images, None, groups=groups, seed=0, device="cpu")
