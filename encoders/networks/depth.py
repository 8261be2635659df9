"""A 3D ResNet with the strides of MedicalNet's publication, which gives a token for each position along the depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from data.base import Float32, Image
from encoders.networks.torch_base import FrozenNetwork

if TYPE_CHECKING:
    from torch import nn

STRIDE = 8
"""Voxels between neighbouring positions of the last map, along each axis."""

_DILATIONS = {"layer3": 2, "layer4": 4}


def depth_features(network: Any) -> nn.Module:
    """MONAI's ResNet, changed to map volumes `(B, 1, D, H, W)` to `(B, F, ceil(D / 8))`: means over height and width.

    The last two stages have stride 1 and dilation 2 and 4, as in the publication, so that the last map has stride 8 in
    place of 32. The weights are the same.
    """
    from torch import nn

    for name, dilation in _DILATIONS.items():
        stage = getattr(network, name)
        for module in stage.modules():
            if isinstance(module, nn.Conv3d):
                module.stride = (1, 1, 1)
                if module.kernel_size == (3, 3, 3):
                    module.dilation = module.padding = (dilation,) * 3
        first = stage[0]
        if isinstance(first.downsample, partial):  # the shortcut of depths 18 and 34 has no convolution
            first.downsample = partial(first.downsample.func, **{**first.downsample.keywords, "stride": 1})
    stages: tuple[Any, ...] = (network.conv1, network.bn1, network.act, network.maxpool)
    stages += (network.layer1, network.layer2, network.layer3, network.layer4)
    return nn.Sequential(*stages, nn.AdaptiveAvgPool3d((None, 1, 1)), nn.Flatten(2))


class DepthNetwork(FrozenNetwork):
    """A network that gives T tokens for each volume: batches `(B, 1, D, H, W)` to `(B, F, T)`."""

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """See `FittedEncoder`; T is the same for all images."""
        for features in super().encode(images):
            yield features[0].T.copy()
