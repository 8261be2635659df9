"""The networks of an autoencoder."""

from __future__ import annotations

from itertools import pairwise
from math import gcd, prod
from typing import Any

import torch
from torch import Tensor, nn

from encoders.autoencoder.recipe import CHANNELS, AutoencoderRecipe

GROUPS = 8
LEAST, MOST = 1e-3, 1 - 1e-3
"""The range of a mean mask, so that its logit is finite."""


def build(recipe: AutoencoderRecipe) -> nn.ModuleList:
    """An encoder `(B, C, *shape)` to `(B, latent)` and a decoder back, to logits where the loss is `bce`.

    The encoder starts by subtracting a mean input, and the decoder ends by adding it, so that training starts at the
    mean. A variational autoencoder has a third part: a layer from the input of the encoder's last layer to the log
    variance `(B, latent)`. The recipe must have passed `check`.
    """
    flat_input = len(recipe.shape) == 2
    convolution: Any = nn.Conv2d if flat_input else nn.Conv3d
    transposed: Any = nn.ConvTranspose2d if flat_input else nn.ConvTranspose3d
    down: list[nn.Module] = [Centre(recipe)]
    up: list[nn.Module] = [Uncentre(recipe)]
    for thin, wide in pairwise((len(CHANNELS[recipe.input]), *recipe.channels)):
        down += [convolution(thin, wide, recipe.kernel, stride=2, padding=recipe.kernel // 2), *_active(recipe, wide)]
        up = [*_active(recipe, wide), transposed(wide, thin, 4, stride=2, padding=1), *up]
    deepest = (recipe.channels[-1], *(length // 2 ** len(recipe.channels) for length in recipe.shape))
    flat = prod(deepest)
    features: list[nn.Module] = [nn.Linear(flat, recipe.latent)]
    if recipe.squashed and not recipe.variational:
        features.append(nn.Sigmoid())
    encoder = nn.Sequential(*down, nn.Flatten(), *features)
    decoder = nn.Sequential(nn.Linear(recipe.latent, flat), nn.Unflatten(1, deepest), *up)
    spread = [nn.Linear(flat, recipe.latent)] if recipe.variational else []
    return nn.ModuleList([encoder, decoder, *spread])


class Centre(nn.Module):
    """Subtracts the mean input and divides by the standard deviation around it, one for each channel."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, recipe: AutoencoderRecipe) -> None:
        super().__init__()
        shape = (len(CHANNELS[recipe.input]), *recipe.shape)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("deviation", torch.ones(shape[0], *(1 for _ in recipe.shape)))

    def forward(self, inputs: Tensor) -> Tensor:
        """`(B, C, *shape)` to the same."""
        return (inputs - self.mean) / self.deviation


class Uncentre(Centre):
    """The reverse of `Centre`; where the loss is `bce`, adds the logit of the mean input instead."""

    def __init__(self, recipe: AutoencoderRecipe) -> None:
        super().__init__(recipe)
        self.logits = recipe.loss == "bce"

    def forward(self, inputs: Tensor) -> Tensor:
        """`(B, C, *shape)` to the same."""
        if self.logits:
            return inputs + self.mean.clamp(LEAST, MOST).logit()
        return inputs * self.deviation + self.mean


def centre(network: nn.ModuleList, inputs: Tensor) -> None:
    """Sets the mean and the deviation of a network from training inputs `(n, C, *shape)`."""
    mean = inputs.mean(dim=0)
    axes = tuple(axis for axis in range(inputs.ndim) if axis != 1)
    deviation = (inputs - mean).pow(2).mean(dim=axes).sqrt()
    deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    for module in network.modules():
        if isinstance(module, Centre):
            module.mean.copy_(mean)
            module.deviation.copy_(deviation.reshape(module.deviation.shape))


def _active(recipe: AutoencoderRecipe, channels: int) -> list[nn.Module]:
    """Normalisation and activation."""
    if recipe.norm == "batch":
        return [(nn.BatchNorm2d if len(recipe.shape) == 2 else nn.BatchNorm3d)(channels), nn.ReLU()]
    if recipe.norm == "group":
        return [nn.GroupNorm(gcd(GROUPS, channels), channels), nn.SiLU()]
    return [nn.LeakyReLU(0.2)]
