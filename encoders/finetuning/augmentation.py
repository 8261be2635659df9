"""Random changes of training crops that keep left and right apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encoders.networks.placings import even, placings

if TYPE_CHECKING:
    from torch import Generator, Tensor

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
    contrast, brightness, noise = (even(crops, generator)[crop, None, None, None] * strength for _ in range(3))
    mean, deviation = moved.mean(dim=(2, 3), keepdim=True), moved.std(dim=(2, 3), keepdim=True)
    grain = torch.randn(moved.shape, generator=generator, device=generator.device)
    added = deviation * (BRIGHTNESS * brightness + NOISE * noise * grain)
    changed: Tensor = mean + (moved - mean) * (CONTRAST * contrast).exp() + added
    return changed
