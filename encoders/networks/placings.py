"""Random rotations, scales and shifts that keep left and right apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor

ROTATION_DEGREES = 10.0
SHIFT = 0.05  # of the side
SCALE = 0.1  # of the logarithm


def placings(crops: int, strength: float, generator: Generator) -> Tensor:
    """Random rotations, scales and shifts `(crops, 2, 3)` for `affine_grid`; their determinants are positive."""
    import torch

    angle, scale, right, down = (even(crops, generator) * strength for _ in range(4))
    angle, scale = angle * math.radians(ROTATION_DEGREES), (scale * SCALE).exp()
    cos, sin = scale * angle.cos(), scale * angle.sin()
    side = 2.0  # of the picture in the grid's coordinates
    rows = (torch.stack([cos, -sin, right * SHIFT * side], 1), torch.stack([sin, cos, down * SHIFT * side], 1))
    return torch.stack(rows, dim=1)


def even(n: int, generator: Generator) -> Any:
    """`(n,)` random numbers, uniform from -1 to 1."""
    import torch

    return torch.rand(n, generator=generator, device=generator.device) * 2 - 1


def moved(inputs: Tensor, strength: float, generator: Generator) -> Tensor:
    """Inputs turned in plane, scaled and shifted, each by draws of its own; what comes from outside repeats the border.

    Args:
        inputs: `(B, C, H, W)`, or `(B, C, D, H, W)`, which are also scaled and shifted along D.
        strength: 1 changes by up to 10 degrees, 10 % (scale) and 5 % of the side (shift).
        generator: Everything is drawn from it, on its device.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample, pad

    matrices = placings(len(inputs), strength, generator)
    if inputs.ndim == 5:
        scale, shift = (even(len(inputs), generator) * strength for _ in range(2))
        scale, shift = (scale * SCALE).exp(), shift * SHIFT * 2.0
        flat = torch.cat([matrices[..., :2], torch.zeros(len(inputs), 2, 1), matrices[..., 2:]], dim=2)
        depth = pad(torch.stack([scale, shift], dim=1)[:, None], (2, 0))
        matrices = torch.cat([flat, depth], dim=1)
    grid = affine_grid(matrices.to(inputs), list(inputs.shape), align_corners=False)
    return grid_sample(inputs, grid, padding_mode="border", align_corners=False)
