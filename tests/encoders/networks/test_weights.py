"""Weights are matched in full or refused."""

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from encoders.networks.weights import WeightsError, file_digest, load_weights, read_weights
from encoders.timm_backbone import TimmBackbone


def network():
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))


def test_a_checkpoint_is_unwrapped(tmp_path):
    state = network().state_dict()
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, tmp_path / "a.pth")
    save_file(state, tmp_path / "b.safetensors")
    for file in ("a.pth", "b.safetensors"):
        tensors = read_weights(tmp_path / file)
        assert tensors.keys() == state.keys()
        assert all(torch.equal(tensors[k], state[k]) for k in state)


def test_a_full_match_is_loaded():
    target, source = network(), network()
    load_weights(target, source.state_dict(), source="x")
    assert all(torch.equal(a, b) for a, b in zip(target.parameters(), source.parameters(), strict=True))


def test_batch_counters_may_be_missing():
    tensors = {k: v for k, v in network().state_dict().items() if not k.endswith("num_batches_tracked")}
    target = network()
    load_weights(target, tensors, source="x")
    loaded = target.state_dict()
    assert len(tensors) < len(loaded) and all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())


def test_a_checkpoint_without_any_match_is_refused():
    target = network()
    before = [p.clone() for p in target.parameters()]
    with pytest.raises(WeightsError, match=r"'x': 0 of 6 tensors match; the first of 13 .* 0.weight"):
        load_weights(target, {f"encoder.{k}_v": v for k, v in network().state_dict().items()}, source="x")
    assert all(torch.equal(a, b) for a, b in zip(before, target.parameters(), strict=True))


def test_one_wrong_shape_is_refused():
    tensors = network().state_dict() | {"0.weight": torch.zeros(2, 3, 3, 3)}
    with pytest.raises(WeightsError, match=r"5 of 6 .* 0.weight \(2, 1, 3, 3\): \(2, 3, 3, 3\)"):
        load_weights(network(), tensors, source="x")


def test_only_named_tensors_may_be_left_over():
    tensors = network().state_dict() | {"top.weight": torch.zeros(3)}
    load_weights(network(), tensors, source="x", ignore=("top.",))
    with pytest.raises(WeightsError, match=r"top\.weight"):
        load_weights(network(), tensors, source="x")


def test_a_missing_file_is_named(tmp_path):
    for function in (read_weights, file_digest):
        with pytest.raises(WeightsError, match="is not a file"):
            function(tmp_path / "none.pth")


def test_the_digest_is_that_of_the_file_and_follows_it(tmp_path):
    file = tmp_path / "w.bin"
    for content in (b"one", b"other"):
        file.write_bytes(content)
        assert file_digest(file) == hashlib.sha256(content).hexdigest()


def test_timm_takes_a_file_with_its_classifier(shared_data):
    file = shared_data / "weights-efficientnet-lite0-imagenet" / "tf_efficientnet_lite0.safetensors"
    encoder = TimmBackbone(model="tf_efficientnet_lite0", weights=str(file))
    built = encoder.build(seed=0)[1]
    tensors = read_weights(file)
    assert all(torch.equal(tensors[k], v) for k, v in built.state_dict().items())
    listed = dict(line.split()[::-1] for line in file.with_name("SHA256SUMS").read_text().splitlines())
    assert encoder.weights_digest() == next(v for k, v in listed.items() if k.endswith(".safetensors"))


def test_timm_refuses_the_file_of_another_network(shared_data):
    file = shared_data / "weights-efficientnet-lite0-imagenet" / "tf_efficientnet_lite0.safetensors"
    with pytest.raises(WeightsError, match="0 of 100 tensors match"):
        TimmBackbone(model="resnet18", weights=str(file)).build(seed=0)


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch, tmp_path):
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"timm/resnet18.a1_in1k .* set weights=FILE"):
        TimmBackbone().build(seed=0)


def test_an_unknown_network_gets_the_nearest():
    with pytest.raises(ValueError, match="no network 'resnet188': did you mean 'resnet18'"):
        TimmBackbone(model="resnet188", weights="random").build(seed=0)


def test_the_name_on_the_hub_distinguishes_weights():
    digests = {TimmBackbone(model=m).weights_digest() for m in ("resnet18", "resnet34", "resnet18.tv_in1k")}
    assert len(digests) == 3
    assert TimmBackbone(weights="random").weights_digest() == ""


def test_transformers_take_the_size_asked_for():
    encoder = TimmBackbone(model="vit_tiny_patch16_224", weights="random", size=64)
    assert encoder.build(seed=0)(torch.rand(2, 1, 64, 64)).shape == (2, 192)
