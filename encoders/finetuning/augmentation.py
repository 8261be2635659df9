"""Random changes of training crops that keep left and right apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor

ROTATION_DEGREES = 10.0
SHIFT = 0.05  # of the side
SCALE = 0.1  # of the logarithm
CONTRAST = 0.2  # of the logarithm
BRIGHTNESS = 0.2  # standard deviations of the slice
NOISE = 0.1  # standard deviations of the slice


def augment(pixels: Tensor, crop: Tensor, strength: float, generator: Generator) -> Tensor:
    """Slices turned, shifted, scaled, brighter or darker, and noisier; never mirrored.

    All slices of a crop are changed in the same way, except for the noise of each pixel. Pixels from outside the crop
    repeat its border.

    Args:
        pixels: `(B, 1, H, W)` float32 slices on the generator's device, H = W.
        crop: `(B,)` int64 number of each slice's crop, from 0.
        strength: 1 changes by up to 10 degrees, 5 % of the side (shift), 10 % (scale), 20 % (contrast), .2 standard
            deviations (brightness) and .1 (noise); 0 changes nothing.
        generator: Everything is drawn from it.

    Returns:
        `(B, 1, H, W)` float32.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    if strength == 0:
        return pixels
    crops = int(crop.max()) + 1
    grid = affine_grid(placings(crops, strength, generator)[crop], list(pixels.shape), align_corners=False)
    moved = grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    contrast, brightness, noise = (_even(crops, generator)[crop, None, None, None] * strength for _ in range(3))
    mean, deviation = moved.mean(dim=(2, 3), keepdim=True), moved.std(dim=(2, 3), keepdim=True)
    grain = torch.randn(moved.shape, generator=generator, device=generator.device)
    added = deviation * (BRIGHTNESS * brightness + NOISE * noise * grain)
    changed: Tensor = mean + (moved - mean) * (CONTRAST * contrast).exp() + added
    return changed


def placings(crops: int, strength: float, generator: Generator) -> Tensor:
    """Random rotations, scales and shifts `(crops, 2, 3)` for `affine_grid`; their determinants are positive."""
    import torch

    angle, scale, right, down = (_even(crops, generator) * strength for _ in range(4))
    angle, scale = angle * math.radians(ROTATION_DEGREES), (scale * SCALE).exp()
    cos, sin = scale * angle.cos(), scale * angle.sin()
    side = 2.0  # of the picture in the grid's coordinates
    rows = (torch.stack([cos, -sin, right * SHIFT * side], 1), torch.stack([sin, cos, down * SHIFT * side], 1))
    return torch.stack(rows, dim=1)


def _even(n: int, generator: Generator) -> Any:
    """`(n,)` random numbers, uniform from -1 to 1."""
    import torch

    return torch.rand(n, generator=generator, device=generator.device) * 2 - 1
