"""The renamed ImageNet weights are those that timm's names stand for."""

import pytest
import torch
from PIL import Image

from encoders.efficientnet_lite0 import EfficientnetLite0
from encoders.networks.lite0 import imagenet_classifier


def test_equals_the_weights_under_timms_names(shared_data):
    from safetensors.torch import load_file

    folder = shared_data / "weights-efficientnet-lite0-imagenet"
    theirs = load_file(folder / "tf_efficientnet_lite0.safetensors")
    ours = imagenet_classifier().state_dict()
    assert ours.keys() == theirs.keys() and len(ours) == 296
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(("photo", "name"), [("china.jpg", "palace"), ("flower.jpg", "daisy")])
def test_recognises_photographs(photo, name):
    from sklearn.datasets import load_sample_image
    from timm.data import ImageNetInfo, create_transform, resolve_model_data_config

    network = imagenet_classifier().eval()
    transform = create_transform(**resolve_model_data_config(network))
    with torch.inference_mode():
        scores = network(transform(Image.fromarray(load_sample_image(photo)))[None])
    assert ImageNetInfo().index_to_description(int(scores.argmax())).startswith(name)


def test_gray_input_equals_three_normalised_channels():
    gray = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = imagenet_classifier().eval()
    whole.reset_classifier(0)
    with torch.inference_mode():
        ours = EfficientnetLite0(stage=8, grid=1).build(seed=0).eval()(gray)
        theirs = whole((gray.expand(-1, 3, -1, -1) - 0.5) / 0.5)
    assert ours.shape == (2, 1280)
    assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("stage", range(1, 8))
def test_a_stage_is_timms_own_feature_map_averaged_in_parts(stage):
    gray = torch.rand(2, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    whole, maps = imagenet_classifier().eval(), []
    whole.blocks[stage - 1].register_forward_hook(lambda module, inputs, output: maps.append(output))
    with torch.inference_mode():
        ours = EfficientnetLite0(stage=stage, grid=2).build(seed=0).eval()(gray)
        whole((gray.expand(-1, 3, -1, -1) - 0.5) / 0.5)
    side = maps[0].shape[-1] // 2
    parts = [maps[0][..., i : i + side, j : j + side].mean(dim=(2, 3)) for i in (0, side) for j in (0, side)]
    assert ours.shape == (2, 4 * [16, 24, 40, 80, 112, 192, 320][stage - 1])
    assert torch.allclose(ours, torch.stack(parts, dim=2).flatten(1), atol=1e-4)


@pytest.mark.parametrize("fields", [{"stage": 0}, {"stage": 9}, {"grid": 0}, {"grid": 33}])
def test_impossible_fields_are_an_error(fields):
    with pytest.raises(ValueError, match=f"{next(iter(fields))} .* must be 1 to"):
        EfficientnetLite0(**fields)


def test_digest_is_that_of_the_packages_file():
    published = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    assert EfficientnetLite0().weights_digest() == published
    assert EfficientnetLite0(weights="random").weights_digest() == ""
