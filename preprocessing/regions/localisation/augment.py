"""Random changes of training slices that keep left and right apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

SHIFT, SCALE = 0.08, 0.12
GAIN, OFFSET, NOISE = 0.25, 0.1, 0.04


def moved(pixels: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Squares `(B, C, s, s)` magnified about their centre and moved; new pixels repeat the edge.

    Args:
        pixels: The squares.
        scale: `(B, 2)` magnification of rows and columns.
        shift: `(B, 2)` shift of a square's centre, as shares of its height and width.
    """
    import torch
    from torch.nn import functional

    theta = torch.zeros(len(pixels), 2, 3, dtype=pixels.dtype, device=pixels.device)
    theta[:, 0, 0], theta[:, 1, 1] = 1 / scale[:, 1], 1 / scale[:, 0]  # torch wants x before y, from new to old
    theta[:, :, 2] = (-2 * shift / scale).flip(1)
    grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def moved_points(points: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Where points `(B, M, 2)`, as shares of height and width, lie after `moved`."""
    return (points - 0.5) * scale[:, None] + 0.5 + shift[:, None]


def draw(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """`count` random scales and shifts `(count, 2)` for `moved`."""
    import torch

    scale = 1 + SCALE * (2 * torch.rand(count, 1, generator=generator) - 1).expand(count, 2)
    return scale, SHIFT * (2 * torch.rand(count, 2, generator=generator) - 1)


def recoloured(pixels: Tensor, generator: Generator) -> Tensor:
    """Pixels `(B, ...)`, 0 to 1, with another contrast, brightness and noise for each of B."""
    import torch

    one = (len(pixels), *[1] * (pixels.ndim - 1))
    gain = 1 + GAIN * (2 * torch.rand(one, generator=generator) - 1)
    offset = OFFSET * (2 * torch.rand(one, generator=generator) - 1)
    noise = NOISE * torch.rand(one, generator=generator) * torch.randn(pixels.shape, generator=generator)
    return (pixels - 0.5) * gain + 0.5 + offset + noise
