"""Every choice of an autoencoder and of its training, and the published ones by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

Input = Literal["", "intensity", "mask", "both"]
Loss = Literal["", "mse", "bce"]
Placing = Literal["", "resize", "pad"]
Norm = Literal["none", "batch", "group"]
CHANNELS = {"intensity": ("intensity",), "mask": ("mask",), "both": ("intensity", "mask")}


@dataclass(frozen=True, kw_only=True)
class AutoencoderRecipe:
    """An autoencoder with every choice made.

    Args:
        shape: `(H, W)` or `(D, H, W)` of the input; each convolution must be able to halve every side.
        channels: Channels of each convolution of stride 2.
        kernel: Side of these convolutions; odd. Those of the decoder have side 4.
        latent: Number of features.
        norm: What follows each convolution: `"batch"` (BatchNorm, ReLU), `"group"` (GroupNorm, SiLU) or `"none"`
            (LeakyReLU .2).
        squashed: Whether a sigmoid brings the features between 0 and 1; a variational autoencoder has no sigmoid.
        input: `intensity`, `mask` or `both`.
        loss: `mse`, or `bce` on logits.
        placing: `resize` or `pad`.
        spacing_mm: Size of a voxel of `shape`, for `pad`.
        steps: Largest number of training steps.
        batch_size: Inputs in each training step.
        learning_rate: The highest learning rate of AdamW; it rises over the first steps, then falls to 0 along half a
            cosine.
        momentum: Adam's beta1.
        augmentation: How much inputs are turned, scaled and shifted at random in training; 0 for not at all.
        variational: Whether the features are the means of normal distributions.
        beta: Weight of their divergence from a standard normal distribution.
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...]
    kernel: int
    latent: int
    norm: Norm
    squashed: bool
    input: Input
    loss: Loss
    placing: Placing
    spacing_mm: tuple[float, ...]
    steps: int
    batch_size: int
    learning_rate: float
    momentum: float
    augmentation: float
    variational: bool = False
    beta: float = 1.0


COMPACT = AutoencoderRecipe(
    shape=(64, 64),
    channels=(16, 32, 64, 64),
    kernel=3,
    latent=32,
    norm="group",
    squashed=False,
    input="intensity",
    loss="mse",
    placing="resize",
    spacing_mm=(1.0, 1.0),
    steps=2000,
    batch_size=32,
    learning_rate=3e-3,
    momentum=0.9,
    augmentation=1.0,
)
KNEE = replace(
    COMPACT,
    shape=(160, 64, 64),
    channels=(64, 128, 256, 256),
    kernel=5,
    latent=200,
    norm="none",
    squashed=True,
    spacing_mm=(0.7, 2.2, 2.2),
    batch_size=4,
    learning_rate=5e-4,
    momentum=0.5,
)
DISC = replace(
    COMPACT,
    shape=(64, 64, 64),
    channels=(32, 64, 128, 256, 512),
    latent=8,
    norm="batch",
    input="mask",
    loss="bce",
    placing="pad",
    spacing_mm=(1.0, 1.0, 1.0),
    batch_size=16,
    learning_rate=1e-3,
    augmentation=0.0,
)
DISC_SMALL = replace(
    DISC,
    shape=(32, 32, 32),
    channels=(16, 32, 64, 128),
    latent=4,
    spacing_mm=(2.0, 2.0, 2.0),
    batch_size=8,
    learning_rate=3e-3,
)


def one_of(name: str, value: str, known: Collection[str]) -> str:
    """The value of a field that takes some words.

    Raises:
        ValueError: The value is none of them.
    """
    if value not in known:
        raise ValueError(f"{name} ({value}) must be one of {', '.join(known)}")
    return value


def check(recipe: AutoencoderRecipe) -> None:
    """Refuses a recipe that no autoencoder can have.

    Raises:
        ValueError: A number is out of range, the kernel is even, or a convolution can't halve the shape.
    """
    lengths = {"size": recipe.shape, "channels": recipe.channels}
    for name, values in (
        lengths | {n: (getattr(recipe, n),) for n in ("kernel", "latent", "steps", "batch_size")}
    ).items():
        if min(values) < 1:
            raise ValueError(f"{name} ({min(values)}) must be 1 or more")
    for name, least in (("learning_rate", recipe.learning_rate), ("spacing_mm", min(recipe.spacing_mm))):
        if least <= 0:
            raise ValueError(f"{name} ({least}) must be above 0")
    for name, amount in (("beta", recipe.beta), ("augmentation", recipe.augmentation)):
        if amount < 0:
            raise ValueError(f"{name} ({amount}) must be 0 or more")
    if recipe.kernel % 2 == 0:
        raise ValueError(
            f"kernel ({recipe.kernel}) must be odd, so that a convolution halves its input: use {recipe.kernel + 1}"
        )
    halvings = 2 ** len(recipe.channels)
    if any(length % halvings for length in recipe.shape):
        near = [max(1, round(length / halvings)) * halvings for length in recipe.shape]
        plane = len(recipe.shape) == 2
        given, use = (recipe.shape[0], near[0]) if plane else (list(recipe.shape), near)
        raise ValueError(
            f"size ({given}) must be a multiple of {halvings}, as {len(recipe.channels)} convolutions halve it: "
            f"use size={use}"
        )
