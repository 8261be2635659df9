"""The network that is trained: its presets, its first weights, and the sizes that it takes."""

import pytest
import torch
from numpy.testing import assert_allclose

from encoders.finetuned import Finetuned
from encoders.finetuning.network import build, means
from encoders.networks.weights import WeightsError


def test_crops_of_different_depth_are_averaged_each_by_itself():
    features = torch.arange(12.0).reshape(6, 2)
    found = means(features, torch.tensor([0, 1, 1, 1, 2, 2]))
    assert_allclose(found, [[0, 1], [4, 5], [9, 10]])


@pytest.mark.parametrize("preset", ["convnext", "densenet121", "efficientnetv2", "efficientnet_lite0"])
def test_presets_give_features_and_classes(preset):
    encoder = Finetuned(preset=preset, weights="random", size=32)
    network = build(encoder.model, "random", 32, 3)
    features = {"convnext": 768, "densenet121": 1024, "efficientnetv2": 1280, "efficientnet_lite0": 1280}[preset]
    assert network["classifier"].weight.shape == (3, features)


def test_training_starts_from_the_weights_of_a_file(tmp_path):
    from safetensors.torch import save_file

    from encoders.networks.timm_network import create

    start = create("test_resnet", "random", 32).state_dict()
    save_file(start, tmp_path / "start.safetensors")
    network = build("test_resnet", str(tmp_path / "start.safetensors"), 32, 2)
    assert all(torch.equal(tensor, start[name]) for name, tensor in network["features"][1].state_dict().items())
    start.pop(next(iter(start)))
    save_file(start, tmp_path / "cut.safetensors")
    with pytest.raises(WeightsError, match=r"tensors match"):
        build("test_resnet", str(tmp_path / "cut.safetensors"), 32, 2)


def test_lite0_starts_from_its_packages_weights():
    from encoders.efficientnet_lite0 import EfficientnetLite0
    from encoders.networks.lite0 import imagenet_classifier

    encoder, frozen = Finetuned(preset="efficientnet_lite0"), EfficientnetLite0()
    assert encoder.weights_digest() == frozen.weights_digest() != ""
    ours = build(encoder.model, "pretrained", 32, 2)["features"].state_dict()
    theirs = imagenet_classifier().state_dict()
    (stem,) = (key.removesuffix("conv_stem.weight") for key in ours if key.endswith("conv_stem.weight"))
    found = {key.removeprefix(stem): value for key, value in ours.items() if key.removeprefix(stem) in theirs}
    assert len(found) == len(theirs) - 2  # all but the classifier of photographs
    assert all(torch.equal(value, theirs[name]) for name, value in found.items())


def test_unknown_networks_and_unfit_sizes_are_refused():
    with pytest.raises(ValueError, match="did you mean 'test_resnet'"):
        build("test_resnt", "random", 32, 2)
    with pytest.raises(ValueError, match=r"densenet121 can't take size=8 .*use size=224"):
        build("densenet121", "random", 8, 2)
    with pytest.raises(ValueError, match=r"convnext_tiny can't take size=16 "):
        build("convnext_tiny", "random", 16, 2)
