"""The networks that label voxels: MONAI's, in 2D and 3D."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from preprocessing.regions.segmentation.classes import CLASSES

if TYPE_CHECKING:
    from torch import nn

Network = Literal["segresnet", "unet", "swin_unetr"]
MULTIPLE = {"segresnet": 8, "unet": 16, "swin_unetr": 32}
_GENERATOR = Lock()


def check_patch(name: Network, patch: tuple[int, ...]) -> None:
    """Refuses a patch that the network can't halve.

    Raises:
        ValueError: It is neither of 2 nor 3 sides, or a side is not a multiple of the network's.
    """
    if name not in MULTIPLE:
        raise ValueError(f"network '{name}' is none of {', '.join(MULTIPLE)}")
    multiple = MULTIPLE[name]
    if len(patch) not in (2, 3) or any(side < multiple or side % multiple for side in patch):
        raise ValueError(
            f"patch {patch} must be (H, W) or (D, H, W) in multiples of {multiple}, as {name} halves it: "
            f"use {tuple(max(1, round(side / multiple)) * multiple for side in patch)}"
        )


def build(name: Network, *, dims: int, width: int, seed: int) -> nn.Module:
    """A network from `(B, 1, ...)` to one score a class, `(B, 4, ...)`.

    Args:
        name: `"segresnet"`, `"unet"` (4 halvings, residual) or `"swin_unetr"` (needs einops).
        dims: 2 for slices, 3 for volumes.
        width: Channels at full size.
        seed: Of the first weights; torch's own generator is left as it was.

    Raises:
        ValueError: The network can't have this width, or a library that it needs is not installed.

    References:
        SegResNet: A. Myronenko, 3D MRI brain tumor segmentation using autoencoder regularization, BrainLes 2018,
        arXiv:1810.11654. UNet: E. Kerfoot et al., Left-ventricle quantification using residual U-Net, STACOM 2018,
        doi:10.1007/978-3-030-12029-0_40. Swin UNETR: A. Hatamizadeh et al., BrainLes 2021, arXiv:2201.01266.
    """
    step = {"segresnet": 8, "unet": 1, "swin_unetr": 12}[name]
    if width < step or width % step:
        raise ValueError(
            f"width ({width}) of {name} must be a multiple of {step}: use {max(1, round(width / step)) * step}"
        )
    if name == "swin_unetr" and find_spec("einops") is None:
        raise ValueError("swin_unetr needs the library einops: install it, or use network=segresnet")
    import monai.networks.nets

    nets: Any = monai.networks.nets

    with _seeded(seed):
        if name == "segresnet":
            network: nn.Module = nets.SegResNet(dims, init_filters=width, in_channels=1, out_channels=len(CLASSES))
        elif name == "unet":
            widths = [width * 2**i for i in range(5)]
            network = nets.UNet(dims, 1, len(CLASSES), widths, (2, 2, 2, 2), num_res_units=2)
        else:
            network = nets.SwinUNETR(1, len(CLASSES), feature_size=width, spatial_dims=dims)
    return network


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    import torch

    with _GENERATOR, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
