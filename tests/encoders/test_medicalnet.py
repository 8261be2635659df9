"""MedicalNet's files are loaded in full."""

import pytest
import torch

from encoders.medicalnet import Medicalnet
from encoders.networks.torch_base import seeded
from encoders.networks.weights import WeightsError


def built(encoder, seed=0):
    with seeded(seed):
        return encoder.build(seed=seed).eval()


@pytest.mark.parametrize(("depth", "features"), [(10, 512), (18, 512)])
def test_a_file_in_medicalnets_format_is_loaded(depth, features, tmp_path):
    source = built(Medicalnet(depth=depth, weights="random"), seed=1)
    file = tmp_path / f"resnet_{depth}_23dataset.pth"
    torch.save({"state_dict": {f"module.{k}": v for k, v in source.state_dict().items()}}, file)
    volume = torch.rand(1, 1, 8, 32, 32)
    with torch.inference_mode():
        expected, got = source(volume), built(Medicalnet(depth=depth, weights=str(file)))(volume)
    assert got.shape == (1, features)
    assert torch.equal(expected, got)


def test_the_file_of_another_depth_is_refused(tmp_path):
    """Depth 18 has 17 convolutions with 4 tensors of normalisation each, depth 10 the first 9 of them."""
    file = tmp_path / "resnet_10.pth"
    torch.save({"state_dict": built(Medicalnet(depth=10, weights="random")).state_dict()}, file)
    with pytest.raises(WeightsError, match="45 of 85 tensors match"):
        built(Medicalnet(depth=18, weights=str(file)))


def test_an_unknown_depth_is_refused():
    with pytest.raises(ValueError, match="no depth 20: use one of 10, 18, 34, 50, 101, 152, 200"):
        built(Medicalnet(depth=20))


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch, tmp_path):
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"resnet_18_23dataset\.pth of TencentMedicalNet/MedicalNet-Resnet18"):
        built(Medicalnet())


def test_is_medicalnets_architecture():
    """The features of MONAI's own `ResNetFeatures`, pooled: the same strides and shortcuts."""
    from monai.networks.nets import ResNetFeatures

    ours = built(Medicalnet(depth=18, weights="random"))
    theirs = ResNetFeatures("resnet18", pretrained=False, in_channels=1).eval()
    theirs.load_state_dict(ours.state_dict())
    volume = torch.rand(1, 1, 16, 48, 48)
    with torch.inference_mode():
        assert torch.allclose(ours(volume), theirs(volume)[-1].mean(dim=(2, 3, 4)), atol=1e-5)
