"""Trains an autoencoder until the loss on held-out patients stops falling."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from data.base import Float32
from encoders.autoencoder.recipe import AutoencoderRecipe
from encoders.networks.stopping import BestEpoch

Curve = list[dict[str, float]]


def train(
    network: Any,
    inputs: Any,
    validation: Any,
    recipe: AutoencoderRecipe,
    *,
    patience: int,
    shown: Any,
    show_epochs: Collection[int],
    seed: int,
    device: str,
) -> tuple[Curve, dict[int, Float32]]:
    """Trains in place; the network ends as in the epoch with the lowest validation loss.

    Args:
        network: The network from `build`, on the device.
        inputs: `(n, C, *shape)` tensor.
        validation: The same of held-out patients; where there are none, all epochs run and the last is kept.
        recipe: How the network is trained.
        patience: Training stops after so many epochs without a fall of the validation loss.
        shown: Inputs that are reconstructed after each of `show_epochs`.
        show_epochs: Counted from 1.
        seed: For the order of the inputs, and for the draws of a variational autoencoder.
        device: Where the network computes.

    Returns:
        For each epoch `epoch`, `train_loss` and `validation_loss` (NaN without held-out inputs); and the
        reconstructions by epoch.
    """
    import torch

    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs) if recipe.annealed else None
    generator = torch.Generator().manual_seed(seed)
    curve: Curve = []
    evolution: dict[int, Float32] = {}
    best = BestEpoch(network, patience)
    for epoch in range(1, recipe.epochs + 1):
        network.train()
        order: Any = torch.randperm(len(inputs), generator=generator)
        total = 0.0
        for rows in order.split(recipe.batch_size):
            noise = torch.randn(len(rows), recipe.latent, generator=generator) if recipe.variational else None
            loss = objective(network, inputs[rows].to(device), recipe, noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows) / len(inputs)
        if scheduler is not None:
            scheduler.step()
        network.eval()
        error = _error(network, validation, recipe, device)
        curve.append({"epoch": epoch, "train_loss": total, "validation_loss": error})
        if epoch in show_epochs:
            evolution[epoch] = reconstruct(network, shown, recipe, device)
        if best.ends(error):
            break
    best.restore()
    return curve, evolution


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
