"""The networks of both stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encoders.networks.weights import load_weights, read_weights
from preprocessing.regions.localisation.encoder import encoder

if TYPE_CHECKING:
    from torch import Tensor, nn

DEPTHS = (10, 18, 34, 50, 101, 152, 200)
GRID, TOKEN, HIDDEN, WIDTH = 6, 128, 64, 32


def pyramid(name: str, weights: str, *, channels: int, size: int, stride: int) -> nn.Module:
    """An encoder-decoder from `(B, channels, size, size)` to `(B, 32, size / stride, size / stride)`.

    The decoder adds the encoder's feature maps from coarse to fine, each brought to 32 channels.

    References:
        T.-Y. Lin et al., Feature pyramid networks for object detection, CVPR 2017, arXiv:1612.03144.
    """
    from torch import nn
    from torch.nn import functional

    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder(name, weights, channels=channels, size=size)
            info = self.encoder.feature_info
            coarse = [i for i, reduction in enumerate(info.reduction()) if reduction >= stride]
            self.used = coarse or [len(info.channels()) - 1]
            self.across = nn.ModuleList(nn.Conv2d(info.channels()[i] + 2, WIDTH, 1) for i in self.used)
            self.smooth = nn.ModuleList(
                nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU())
                for _ in self.used
            )

        def forward(self, pixels: Tensor) -> Tensor:
            maps = self.encoder(pixels)
            found: Any = 0
            for i, across, smooth in reversed(list(zip(self.used, self.across, self.smooth, strict=True))):
                here = across(with_places(maps[i]))
                if not isinstance(found, int):
                    found = functional.interpolate(found, here.shape[2:], mode="bilinear", align_corners=False)
                found = smooth(found + here)
            side = size // stride
            if found.shape[2] != side:
                found = functional.interpolate(found, (side, side), mode="bilinear", align_corners=False)
            wanted: Tensor = found
            return wanted

    return Pyramid()


def with_places(maps: Tensor) -> Tensor:
    """Maps `(B, C, h, w)` with two more channels: the row and the column, -1 to 1.

    References:
        R. Liu et al., An intriguing failing of convolutional neural networks and the CoordConv solution, NeurIPS 2018,
        arXiv:1807.03247.
    """
    import torch

    h, w = ((2 * torch.arange(n, device=maps.device, dtype=maps.dtype) + 1) / n - 1 for n in maps.shape[2:])
    places = torch.stack(torch.meshgrid(h, w, indexing="ij"))
    return torch.cat([maps, places.expand(len(maps), -1, -1, -1)], dim=1)


def slice_network(name: str, weights: str, *, size: int, marks: int) -> nn.Module:
    """From stacks of slices to a logit for each slice and mark.

    From slices `(N, 3, size, size)` (each between its neighbours) of B stacks and their `depths` to `(B, D, marks)`,
    with -inf beyond a stack's depth. A slice becomes a token; a GRU in both directions reads a stack's tokens with each
    slice's position.

    References:
        K. Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014, arXiv:1406.1078.
    """
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.nn.utils import rnn

    class Slices(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pyramid = pyramid(name, weights, channels=3, size=size, stride=16)
            self.token = nn.Sequential(nn.Linear(WIDTH * GRID**2, TOKEN), nn.ReLU())
            self.reader = nn.GRU(TOKEN + 1, HIDDEN, batch_first=True, bidirectional=True)
            self.head = nn.Linear(TOKEN + 2 * HIDDEN, marks)

        def forward(self, slices: Tensor, depths: list[int]) -> Tensor:
            maps = functional.adaptive_avg_pool2d(self.pyramid(slices), GRID)
            tokens = self.token(maps.flatten(1))
            at = [(torch.arange(d, device=tokens.device, dtype=tokens.dtype) + 0.5) / d for d in depths]
            given = torch.cat([tokens, torch.cat(at)[:, None]], dim=1)
            packed = rnn.pack_sequence(list(torch.split(given, depths)), enforce_sorted=False)
            read_, _ = rnn.pad_packed_sequence(self.reader(packed)[0], batch_first=True)
            logits = self.head(
                torch.cat([rnn.pad_sequence(list(torch.split(tokens, depths)), batch_first=True), read_], 2)
            )
            beyond = torch.arange(logits.shape[1])[None] >= torch.tensor(depths)[:, None]
            masked: Tensor = logits.float().masked_fill(beyond[:, :, None].to(logits.device), float("-inf"))
            return masked

    return Slices()


def volume_network(depth: int, weights: str, *, marks: int) -> nn.Module:
    """MedicalNet's 3D ResNet: `(B, 1, D, H, W)` to each mark's slice position as a share of the depth, `(B, marks)`.

    Args:
        depth: Layers: 10, 18, 34, 50, 101, 152 or 200.
        weights: A file of MedicalNet, in which every tensor must match; empty for random weights.
        marks: Outputs.

    Raises:
        ValueError: There is no such depth.
        WeightsError: There is no such file, or it doesn't fit.

    References:
        S. Chen, K. Ma, Y. Zheng, Med3D: Transfer learning for 3D medical image analysis, 2019, arXiv:1904.00625.
    """
    from monai.networks import nets
    from torch import nn

    if depth not in DEPTHS:
        raise ValueError(f"MedicalNet has no depth {depth}: use one of {', '.join(map(str, DEPTHS))}")
    slim = depth in (18, 34)
    resnet: Any = getattr(nets, f"resnet{depth}")(
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type="A" if slim else "B",
        bias_downsample=slim,
    )
    if weights:
        load_weights(resnet, read_weights(weights, instead="'' for random weights"), source=weights)
    return nn.Sequential(resnet, nn.Linear(512 if depth < 50 else 2048, marks), nn.Sigmoid())


def heatmap_network(name: str, weights: str, *, size: int, marks: int) -> nn.Module:
    """From slices `(B, 1, size, size)` to the log of a heat map for each mark, `(B, marks, size / 4, size / 4)`."""
    from torch import nn

    class Heatmaps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pyramid = pyramid(name, weights, channels=1, size=size, stride=4)
            self.head = nn.Conv2d(WIDTH, marks, 1)

        def forward(self, slices: Tensor) -> Tensor:
            logits = self.head(self.pyramid(slices)).float()
            maps: Tensor = logits.flatten(2).log_softmax(dim=2).view(logits.shape)
            return maps

    return Heatmaps()


def soft_argmax(maps: Tensor) -> Tensor:
    """The mean places `(B, M, 2)` of heat maps given as logarithms `(B, M, h, w)`, as shares of height and width.

    References:
        A. Nibali et al., Numerical coordinate regression with convolutional neural networks, 2018, arXiv:1801.07372.
    """
    import torch

    heat = maps.exp()
    h, w = ((torch.arange(n, device=maps.device, dtype=maps.dtype) + 0.5) / n for n in maps.shape[2:])
    return torch.stack([(heat.sum(dim=3) * h).sum(dim=2), (heat.sum(dim=2) * w).sum(dim=2)], dim=2)


def point_network(name: str, weights: str, *, size: int, marks: int) -> nn.Module:
    """From slices `(B, 1, size, size)` to a point for each mark, `(B, marks, 2)`, as shares of height and width."""
    from torch import nn
    from torch.nn import functional

    class Points(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pyramid = pyramid(name, weights, channels=1, size=size, stride=4)
            self.heads = nn.Linear(WIDTH * (GRID + 2) ** 2, 2 * marks)

        def forward(self, slices: Tensor) -> Tensor:
            maps = functional.adaptive_avg_pool2d(self.pyramid(slices), GRID + 2)
            points: Tensor = self.heads(maps.flatten(1)).float().sigmoid().view(-1, marks, 2)
            return points

    return Points()
