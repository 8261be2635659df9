"""Segmentation networks: the sizes of their output, and the correction for weighted classes."""

import numpy as np
import pytest

from preprocessing.regions.segmentation.classes import CLASSES
from preprocessing.regions.segmentation.network import build, check_patch, weigh
from preprocessing.regions.segmentation.training import Case, class_weights


def test_scores_lose_the_logarithm_of_the_weights_in_evaluation_alone():
    """Softmax of log(w p) less log(w) is p again."""
    import torch

    network = build("unet", dims=2, width=4, seed=0)
    weights = np.array([0.5, 1.0, 0.0, 2.5], dtype=np.float32)
    weigh(network, weights)
    pixels = torch.linspace(0, 1, 32 * 32).reshape(1, 1, 32, 32)
    with torch.inference_mode():
        weighted = network.train()(pixels).softmax(dim=1)
        found = network.eval()(pixels).softmax(dim=1)
    corrected = weighted[:, [0, 1, 3]] / torch.tensor([0.5, 1.0, 2.5]).view(1, 3, 1, 1)
    assert torch.allclose(found[:, [0, 1, 3]], corrected / corrected.sum(dim=1, keepdim=True), atol=1e-5)
    assert not found[:, 2].any()


@pytest.mark.parametrize(
    ("name", "width", "patch"), [("segresnet", 8, (8, 8)), ("unet", 2, (16, 16, 32)), ("swin_unetr", 12, (32, 64))]
)
def test_every_voxel_has_a_score_for_each_class(name, width, patch):
    import torch

    check_patch(name, patch)
    network = build(name, dims=len(patch), width=width, seed=0)
    assert network(torch.zeros(2, 1, *patch)).shape == (2, len(CLASSES), *patch)


def test_the_first_weights_depend_only_on_the_seed():
    import torch

    state = torch.random.get_rng_state()
    one, same, other = (next(build("unet", dims=2, width=2, seed=seed).parameters()) for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_classes_weigh_by_the_root_of_their_share():
    """Shares of 16, 4 and 1 part: roots 4, 2 and 1; a class that is absent weighs nothing."""
    classes = np.repeat(np.array([0, 1, 3], dtype=np.uint8), [16, 4, 1]).reshape(1, 3, 7)
    weights = class_weights([Case("a", classes.astype(np.float16), classes)])
    assert weights == pytest.approx(np.array([1, 2, 0, 4]) / (7 / 4))
