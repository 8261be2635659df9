"""2D networks from timm, without their classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from data.describing.networks import papers
from data.describing.plug_in import Description
from encoders.networks.projection import Projected
from encoders.networks.timm_network import create, digest, photographic
from encoders.networks.torch_base import Precision, TorchEncoder

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class TimmBackbone(Projected, TorchEncoder):
    """A timm network that turns every slice into one token.

    Gray slices `(B, 1, size, size)` enter as three equal channels and become `(B, F)`; F depends on `model` (512 for
    resnet18). Pixels must be about 0 to 1; they are normalised with the network's own mean and standard deviation.

    Args:
        model: A name in `timm.list_models()`, with or without the tag of its weights (`resnet50.tv_in1k`).
        weights: `"pretrained"` (timm's own, fetched from the hub), a file, or `"random"`.
        size: Side of the square that each slice is resized to, in pixels.
        project: Number of features to project to, such as 512; 0 keeps all.
        project_by: `"pca"`, fitted on the training tokens, or `"random"`, Gaussian directions.
        precision: `"fp32"`, or `"bf16"`, which changes features by up to 10 %.
        rescale: Whether the 1st to 99th percentile of each crop is first stretched to [0, 1].

    References:
        R. Wightman, PyTorch Image Models, 2019, doi:10.5281/zenodo.4414861.
    """

    words = "a 2D network, slice by slice"
    cites = ("wightman2019",)
    packages = ("torch", "timm", "opencv-python-headless")
    licence = "that of the network's card on its hub"

    model: str = "resnet18"
    weights: str = "pretrained"
    size: int = 224
    precision: Precision = "fp32"
    rescale: bool = False

    def build(self, *, seed: int) -> nn.Module:
        """The network for gray slices."""
        return photographic(create(self.model, self.weights, self.size))

    def weights_digest(self) -> str:
        """The digest of the file, or the name of the weights on the hub."""
        return digest(self.model, self.weights)

    def describe(self) -> Description:
        """The description, with the network's name and paper."""
        found = super().describe()
        return replace(found, words=f"{self.model}, {found.words}", cites=(*papers(self.model), *found.cites))
