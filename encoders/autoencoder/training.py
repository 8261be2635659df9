"""Trains an autoencoder until the loss on held-out patients stops falling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from data.base import Float32
from data.describing.training import tell_progress
from data.numerics.seeds import spawned
from encoders.autoencoder.recipe import AutoencoderRecipe
from encoders.networks.placings import moved
from encoders.networks.stopping import BestEpoch

Curve = list[dict[str, float]]


CHECKS = 20
"""How often the loss on held-out patients is taken, evenly over all steps."""

SHOWN_AT = (1, 2, 5, 10, 20)
"""The checks after which reconstructions are kept."""

WARM_UP = 100
"""The steps over which the learning rate rises, or a tenth of all steps where that is less."""

DECAY = 0.01
ON_DEVICE = 1 << 32  # bytes of inputs that are moved to the device at once


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """How an autoencoder is trained besides its recipe.

    Args:
        patience: Training stops after so many steps without a fall of the held-out loss.
        seed: For the order of the inputs, their changes, and the draws of a variational autoencoder.
        device: Where the network computes.
    """

    patience: int
    seed: int
    device: str


def train(
    network: Any, inputs: Any, validation: Any, recipe: AutoencoderRecipe, settings: TrainingRun, shown: Any
) -> tuple[Curve, dict[int, Float32]]:
    """Trains in place; the network ends as at the check with the lowest loss on held-out patients.

    Args:
        network: The network from `build`, on the device.
        inputs: `(n, C, *shape)` tensor.
        validation: The same of held-out patients; where there are none, all steps run and the last is kept.
        recipe: How the network is trained.
        settings: How long, from which seed and where.
        shown: Inputs that are reconstructed after some of the checks.

    Returns:
        For each check `step`, `train_loss` (the mean since the check before) and `validation_loss` (NaN without
        held-out inputs); and the reconstructions by step.
    """
    import timm.optim
    import torch

    device = settings.device
    every = max(1, recipe.steps // CHECKS)
    generator = torch.Generator().manual_seed(spawned(settings.seed, 1))
    optim: Any = timm.optim
    groups = optim.param_groups_weight_decay(network, DECAY)
    adam = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: _share(step, recipe.steps))
    if inputs.element_size() * inputs.nelement() <= ON_DEVICE:
        inputs = inputs.to(device)
    curve: Curve = []
    evolution: dict[int, Float32] = {}
    best = BestEpoch(network, -(-settings.patience // every))
    batches = _batches(len(inputs), recipe.batch_size, generator)
    losses: list[Any] = []
    network.train()
    for step in range(1, recipe.steps + 1):
        batch = inputs[next(batches)].to(device)
        batch = moved(batch, recipe.augmentation, generator) if recipe.augmentation else batch
        noise = torch.randn(len(batch), recipe.latent, generator=generator) if recipe.variational else None
        loss = objective(network, batch, recipe, noise)
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
        losses.append(loss.detach())
        tell_progress("step", step, recipe.steps)
        if step % every and step < recipe.steps:
            continue
        network.eval()
        error = _error(network, validation, recipe, device)
        curve.append({"step": step, "train_loss": float(torch.stack(losses).mean()), "validation_loss": error})
        if len(curve) in SHOWN_AT:
            evolution[step] = reconstruct(network, shown, recipe, device)
        if best.ends(error):
            break
        losses.clear()
        network.train()
    best.restore()
    return curve, evolution


def _share(step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0, as a share of the highest."""
    rising = min(1.0, (step + 1) / max(1, min(WARM_UP, steps // 10)))
    return rising * (1 + math.cos(math.pi * step / steps)) / 2


def _batches(n: int, size: int, generator: Any) -> Iterator[Any]:
    """Batches of nearly one size and at most `size`, without end; all n positions come once before any comes again.

    So no last batch is too small for BatchNorm.
    """
    import torch

    while True:
        yield from torch.randperm(n, generator=generator).tensor_split(-(-n // size))


def objective(network: Any, batch: Any, recipe: AutoencoderRecipe, noise: Any = None) -> Any:
    """The mean loss of a voxel: squared error or binary cross-entropy, plus beta times the divergence if variational.

    With `bce` and beta 1 the loss of a variational autoencoder is the negative evidence bound divided by the number of
    voxels.

    Args:
        network: The network from `build`.
        batch: `(B, C, *shape)`.
        recipe: Names the loss.
        noise: `(B, latent)` standard normal draws; None takes the means.
    """
    from torch.nn import functional

    error: Any = functional.mse_loss if recipe.loss == "mse" else functional.binary_cross_entropy_with_logits
    if not recipe.variational:
        return error(network[1](network[0](batch)), batch)
    hidden = network[0][:-1](batch)
    mean, log_variance = network[0][-1](hidden), network[2](hidden).clamp(-10, 10)
    z = mean if noise is None else mean + (log_variance / 2).exp() * noise.to(batch.device)
    divergence = (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1).mean() / 2
    return error(network[1](z), batch) + recipe.beta * divergence / batch[0].numel()


def decode(decoder: Any, latents: Any, recipe: AutoencoderRecipe) -> Float32:
    """`(n, latent)` to `(n, C, *shape)`, in batches; between 0 and 1 where the loss is `bce`."""
    import torch

    with torch.inference_mode():
        parts = [decoder(part) for part in latents.split(recipe.batch_size)]
        whole = torch.cat([part.sigmoid() if recipe.loss == "bce" else part for part in parts])
        decoded: Float32 = whole.float().cpu().numpy()
    return decoded


def reconstruct(network: Any, inputs: Any, recipe: AutoencoderRecipe, device: str) -> Float32:
    """Inputs `(n, C, *shape)`, encoded and decoded by a network in evaluation mode."""
    import torch

    with torch.inference_mode():
        latents = torch.cat([network[0](part.to(device)) for part in inputs.split(recipe.batch_size)])
    return decode(network[1], latents, recipe)


def _error(network: Any, inputs: Any, recipe: AutoencoderRecipe, device: str) -> float:
    """The mean loss without draws; NaN without inputs."""
    import torch

    if not len(inputs):
        return float("nan")
    with torch.inference_mode():
        parts = inputs.split(recipe.batch_size)
        total = sum(objective(network, part.to(device), recipe).item() * len(part) for part in parts)
    return float(total / len(inputs))
