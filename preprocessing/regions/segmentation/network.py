"""The networks that label voxels: MONAI's, in 2D and 3D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoders.networks.torch_base import seeded
from preprocessing.regions.segmentation.classes import CLASSES

if TYPE_CHECKING:
    from torch import nn

Network = Literal["segresnet", "unet", "swin_unetr"]
MULTIPLE = {"segresnet": 8, "unet": 16, "swin_unetr": 32}


def check_patch(name: Network, patch: tuple[int, ...]) -> None:
    """Refuses a patch that the network can't halve.

    Raises:
        ValueError: It has neither 2 nor 3 sides, a side is no multiple of what the network needs, or it is too small.
    """
    if name not in MULTIPLE:
        raise ValueError(f"network '{name}' is none of {', '.join(MULTIPLE)}")
    multiple = MULTIPLE[name]
    if len(patch) not in (2, 3) or any(side < multiple or side % multiple for side in patch):
        raise ValueError(
            f"patch {patch} must be (H, W) or (D, H, W) in multiples of {multiple}, as {name} halves it: "
            f"use {tuple(max(1, round(side / multiple)) * multiple for side in patch)}"
        )
    if name != "segresnet" and max(patch) == multiple:
        raise ValueError(f"patch {patch} leaves {name} one voxel to normalise by: use a side of {2 * multiple} or more")


def check_width(name: Network, width: int) -> None:
    """Refuses a width that the network can't have.

    Raises:
        ValueError: It is no multiple of what the network needs.
    """
    step = {"segresnet": 8, "unet": 1, "swin_unetr": 12}[name]
    if width < step or width % step:
        raise ValueError(
            f"width ({width}) of {name} must be a multiple of {step}: use {max(1, round(width / step)) * step}"
        )


def build(name: Network, *, dims: int, width: int, seed: int) -> nn.Module:
    """A network from `(B, 1, ...)` to one score for each class, `(B, 4, ...)`; see `weigh`.

    Args:
        name: `"segresnet"`, `"unet"` (4 halvings, residual) or `"swin_unetr"`.
        dims: 2 for slices, 3 for volumes.
        width: The channels at full size.
        seed: The seed of the first weights; torch's own generator is left as it was.

    Raises:
        ValueError: The network can't have this width, or a library that it needs is not installed.

    References:
        SegResNet: A. Myronenko, 3D MRI brain tumor segmentation using autoencoder regularization, BrainLes 2018,
        arXiv:1810.11654. UNet: E. Kerfoot et al., Left-ventricle quantification using residual U-Net, STACOM 2018,
        doi:10.1007/978-3-030-12029-0_40. Swin UNETR: A. Hatamizadeh et al., BrainLes 2021, arXiv:2201.01266.
    """
    check_width(name, width)
    import monai.networks.nets

    nets: Any = monai.networks.nets

    with seeded(seed):
        if name == "segresnet":
            network: nn.Module = nets.SegResNet(dims, init_filters=width, in_channels=1, out_channels=len(CLASSES))
        elif name == "unet":
            widths = [width * 2**i for i in range(5)]
            network = nets.UNet(dims, 1, len(CLASSES), widths, (2, 2, 2, 2), num_res_units=2)
        else:
            network = nets.SwinUNETR(1, len(CLASSES), feature_size=width, spatial_dims=dims)
    return _weighted(network)


def weigh(network: nn.Module, weights: NDArray[np.float32]) -> None:
    """Gives a network of `build` the weights of the classes `(4,)` in its loss, before it is trained.

    In evaluation, the logarithm of the weights is subtracted from the scores: by just that, a weighted cross-entropy
    overestimates rare classes. A class of weight 0 is never found.
    """
    import torch

    shift = np.where(weights > 0, np.log(np.maximum(weights, 1e-30)), 1e4)
    network.get_buffer("shift").copy_(torch.from_numpy(shift))


def _weighted(network: nn.Module) -> nn.Module:
    import torch
    from torch import nn

    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.register_buffer("shift", torch.zeros(len(CLASSES)))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.network(pixels)
            shift = self.get_buffer("shift").view(1, -1, *[1] * (scores.ndim - 2))
            return scores if self.training else scores - shift

    return Weighted()
