"""The networks of both stages: shapes, weights from files, and stacks that don't see each other."""

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch.testing import assert_close

from encoders.networks.weights import WeightsError
from preprocessing.regions.localisation.encoder import encoder
from preprocessing.regions.localisation.networks import (
    heatmap_network,
    point_network,
    pyramid,
    slice_network,
    volume_network,
)

NAME = "test_efficientnet"


def test_a_stack_is_read_as_if_it_were_alone():
    network = slice_network(NAME, "", size=32, marks=3).eval()
    slices = torch.rand(7, 3, 32, 32)
    with torch.inference_mode():
        both = network(slices, [2, 5])
        assert both.shape == (2, 5, 3)
        assert both[0, 2:].isinf().all()
        assert_close(both[0, :2], network(slices[:2], [2])[0])
        assert_close(both[1], network(slices[2:], [5])[0])


def test_the_logit_of_a_slice_depends_on_other_slices():
    network = slice_network(NAME, "", size=32, marks=1).eval()
    slices = torch.rand(9, 3, 32, 32)
    other = slices.clone()
    other[8] += 1
    with torch.inference_mode():
        assert (network(slices, [9])[0, 0] - network(other, [9])[0, 0]).abs() > 0


def test_heat_maps_are_probabilities_at_a_quarter_of_the_size():
    maps = heatmap_network(NAME, "", size=64, marks=5)(torch.rand(2, 1, 64, 64))
    assert maps.shape == (2, 5, 16, 16)
    assert_close(maps.exp().sum(dim=(2, 3)), torch.ones(2, 5))


def test_each_mark_has_a_head_that_gives_shares_of_the_slice():
    points = point_network(NAME, "", size=64, marks=5)(torch.rand(2, 1, 64, 64))
    assert points.shape == (2, 5, 2)
    assert points.min() > 0
    assert points.max() < 1


def test_transformers_have_maps_too():
    assert pyramid("test_vit", "", channels=1, size=64, stride=4)(torch.rand(2, 1, 64, 64)).shape == (2, 32, 16, 16)


def test_weights_of_colours_become_weights_of_gray(tmp_path):
    plain = timm.create_model(NAME, pretrained=False)
    save_file(plain.state_dict(), tmp_path / "model.safetensors")
    gray = encoder(NAME, str(tmp_path / "model.safetensors"), channels=1, size=32).eval()
    colours = timm.create_model(NAME, pretrained=False, features_only=True).eval()
    colours.load_state_dict({k: v for k, v in plain.state_dict().items() if k in colours.state_dict()})
    pixels = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        for one, other in zip(gray(pixels), colours(pixels.expand(2, 3, 32, 32)), strict=True):
            assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_a_file_that_lacks_a_tensor_or_holds_another_is_refused(tmp_path):
    state = timm.create_model(NAME, pretrained=False).state_dict()
    lost = next(iter(state))
    file = tmp_path / "model.safetensors"
    save_file({k: v for k, v in state.items() if k != lost}, file)
    with pytest.raises(WeightsError, match=rf"{lost} \(.*\): not in the file"):
        encoder(NAME, str(file), channels=1, size=32)
    save_file({**state, "other": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match=r"other \(1,\): not in the network"):
        encoder(NAME, str(file), channels=1, size=32)
    with pytest.raises(WeightsError, match="is not a file"):
        encoder(NAME, "nowhere.pth", channels=1, size=32)
    with pytest.raises(ValueError, match="did you mean 'test_efficientnet'"):
        encoder("test_eficientnet", "", channels=1, size=32)


def test_the_file_of_medicalnet_is_unwrapped_and_matched_in_full(tmp_path):
    network = volume_network(10, "", marks=2)
    state = {f"module.{k}": v for k, v in network[0].state_dict().items()}
    file = tmp_path / "resnet_10_23dataset.pth"
    torch.save({"state_dict": state}, file)
    again = volume_network(10, str(file), marks=3)
    for name, tensor in again[0].state_dict().items():
        assert_close(tensor, network[0].state_dict()[name])
    assert again(torch.rand(2, 1, 8, 32, 32)).shape == (2, 3)
    torch.save({"state_dict": dict(list(state.items())[1:])}, file)
    with pytest.raises(WeightsError, match=r"conv1\.weight .*: not in the file"):
        volume_network(10, str(file), marks=3)
    with pytest.raises(ValueError, match="no depth 11"):
        volume_network(11, "", marks=1)
