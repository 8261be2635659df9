"""The parts of an autoencoder, its training, and the published ones by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

Input = Literal["", "intensity", "mask", "both"]
Loss = Literal["", "mse", "bce"]
Placing = Literal["", "resize", "pad"]
CHANNELS = {"intensity": ("intensity",), "mask": ("mask",), "both": ("intensity", "mask")}


@dataclass(frozen=True, kw_only=True)
class AutoencoderRecipe:
    """An autoencoder with every choice made.

    Args:
        shape: `(H, W)` or `(D, H, W)` of the input; each convolution must be able to halve every side.
        channels: Channels of each convolution of stride 2.
        kernel: Side of these convolutions; odd. Those of the decoder have side 4.
        latent: Number of features.
        batch_norm: Whether BatchNorm and ReLU follow each convolution; otherwise LeakyReLU .2 does.
        squashed: Whether a sigmoid brings the features between 0 and 1; a variational autoencoder has no sigmoid.
        input: `intensity`, `mask` or `both`.
        loss: `mse`, or `bce` on logits.
        placing: `resize` or `pad`.
        spacing_mm: Size of a voxel of `shape`, for `pad`.
        epochs: Largest number of epochs.
        batch_size: Inputs in each training step.
        learning_rate: Learning rate of Adam.
        momentum: Adam's beta1.
        annealed: Whether the learning rate falls to 0 along half a cosine over all `epochs`.
        variational: Whether the features are the means of normal distributions.
        beta: Weight of their divergence from a standard normal distribution.
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...]
    kernel: int
    latent: int
    batch_norm: bool
    squashed: bool
    input: Input
    loss: Loss
    placing: Placing
    spacing_mm: tuple[float, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    annealed: bool
    variational: bool = False
    beta: float = 1.0


KNEE = AutoencoderRecipe(
    shape=(160, 64, 64),
    channels=(64, 128, 256, 256),
    kernel=5,
    latent=200,
    batch_norm=False,
    squashed=True,
    input="intensity",
    loss="mse",
    placing="resize",
    spacing_mm=(0.7, 2.2, 2.2),
    epochs=500,
    batch_size=4,
    learning_rate=5e-4,
    momentum=0.5,
    annealed=False,
)
DISC = AutoencoderRecipe(
    shape=(64, 64, 64),
    channels=(32, 64, 128, 256, 512),
    kernel=3,
    latent=8,
    batch_norm=True,
    squashed=False,
    input="mask",
    loss="bce",
    placing="pad",
    spacing_mm=(1.0, 1.0, 1.0),
    epochs=100,
    batch_size=16,
    learning_rate=1e-3,
    momentum=0.9,
    annealed=True,
)
DISC_SMALL = replace(
    DISC,
    shape=(32, 32, 32),
    channels=(16, 32, 64, 128),
    latent=4,
    spacing_mm=(2.0, 2.0, 2.0),
    epochs=40,
    batch_size=8,
    learning_rate=3e-3,
)


def build(recipe: AutoencoderRecipe) -> nn.ModuleList:
    """An encoder `(B, C, *shape)` to `(B, latent)` and a decoder back, to logits where the loss is `bce`.

    A variational autoencoder has a third part: a layer from the input of the encoder's last layer to the log variance
    `(B, latent)`. The recipe must have passed `check`.
    """
    from torch import nn

    small = [length // 2 ** len(recipe.channels) for length in recipe.shape]
    dimensions = len(recipe.shape)
    convolution: Any = (nn.Conv2d, nn.Conv3d)[dimensions - 2]
    transposed: Any = (nn.ConvTranspose2d, nn.ConvTranspose3d)[dimensions - 2]
    norm: Any = (nn.BatchNorm2d, nn.BatchNorm3d)[dimensions - 2]

    def active(channels: int) -> list[nn.Module]:
        return [norm(channels), nn.ReLU()] if recipe.batch_norm else [nn.LeakyReLU(0.2)]

    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for thin, wide in pairwise((len(CHANNELS[recipe.input]), *recipe.channels)):
        down += [convolution(thin, wide, recipe.kernel, stride=2, padding=recipe.kernel // 2), *active(wide)]
        up = [*active(wide), transposed(wide, thin, 4, stride=2, padding=1), *up]
    deepest = (recipe.channels[-1], *small)
    flat = 1
    for length in deepest:
        flat *= length
    features: list[nn.Module] = [nn.Linear(flat, recipe.latent)]
    if recipe.squashed and not recipe.variational:
        features.append(nn.Sigmoid())
    encoder = nn.Sequential(*down, nn.Flatten(), *features)
    decoder = nn.Sequential(nn.Linear(recipe.latent, flat), nn.Unflatten(1, deepest), *up)
    spread = [nn.Linear(flat, recipe.latent)] if recipe.variational else []
    return nn.ModuleList([encoder, decoder, *spread])


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
        lengths | {n: (getattr(recipe, n),) for n in ("kernel", "latent", "epochs", "batch_size")}
    ).items():
        if min(values) < 1:
            raise ValueError(f"{name} ({min(values)}) must be 1 or more")
    for name, least in (("learning_rate", recipe.learning_rate), ("spacing_mm", min(recipe.spacing_mm))):
        if least <= 0:
            raise ValueError(f"{name} ({least}) must be above 0")
    if recipe.beta < 0:
        raise ValueError(f"beta ({recipe.beta}) must be 0 or more")
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
