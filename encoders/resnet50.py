"""ResNet50 with ImageNet weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from data.describing.plug_in import Description
from encoders.networks.projection import Projected
from encoders.networks.timm_network import create, digest, photographic
from encoders.networks.torch_base import Precision, TorchEncoder

if TYPE_CHECKING:
    from torch import nn

MODEL = "resnet50.tv_in1k"


@dataclass(frozen=True, kw_only=True)
class Resnet50(Projected, TorchEncoder):
    """ResNet50 with torchvision's first ImageNet weights; every slice is a token of 2048 features.

    Pixels must be about 0 to 1; they enter as three equal channels.

    Args:
        weights: `"pretrained"` (from the hub), a file (torchvision's or timm's), or `"random"`.
        size: Side of the square that each slice is resized to, in pixels.
        project: Number of features to project to, such as 512; 0 keeps all 2048.
        project_by: `"pca"`, fitted on the training tokens, or `"random"`, Gaussian directions.
        precision: `"fp32"`, or `"bf16"`, which changes features by up to 10 %.
        rescale: Whether the 1st to 99th percentile of each crop is first stretched to [0, 1].

    References:
        K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385.
    """

    words = "ResNet50, slice by slice"
    cites = ("he2016", "wightman2019")
    packages = ("torch", "timm", "opencv-python-headless")
    licence = "BSD-3-Clause"

    weights: str = "pretrained"
    size: int = 224
    precision: Precision = "fp32"
    rescale: bool = False

    def build(self, *, seed: int) -> nn.Module:
        """The network for gray slices."""
        return photographic(create(MODEL, self.weights, self.size))

    def weights_digest(self) -> str:
        """The digest of the file, or the name of the weights on the hub."""
        return digest(MODEL, self.weights)

    def describe(self) -> Description:
        """The description, with the photographs that trained weights saw."""
        found = super().describe()
        return replace(found, cites=(*found.cites, "russakovsky2015")) if found.weights == "pretrained" else found
