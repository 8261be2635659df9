"""A multimodal variational autoencoder that predicts the sequences that a sample lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.numerics.seeds import spawned
from encoders.networks.stopping import BestEpoch, held_out
from encoders.networks.torch_base import seeded
from encoders.scaling.sequences import SequenceScales

if TYPE_CHECKING:
    from torch import Tensor, nn

HIDDEN, LATENT, BATCH, ROWS = 256, 32, 64, 1024
EPOCHS, PATIENCE, VALIDATION = 100, 10, 0.15
LEARNING_RATE, DECAY, DIVERGENCE = 1e-3, 1e-2, 0.1


@dataclass(frozen=True, eq=False)
class VaeFiller:
    """A `Filler` that decodes an absent sequence from the latent mean given those present.

    Args:
        layers: Trained encoders and decoders.
        scales: Of the training samples.
    """

    layers: nn.ModuleDict
    scales: SequenceScales

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        """As in `Filler`."""
        import torch

        filled = np.where(present[:, :, None], values, self.scales.mean)
        rows = np.flatnonzero(present.any(axis=1) & ~present.all(axis=1))
        inverse = np.where(self.scales.inverse > 0, 1 / np.maximum(self.scales.inverse, 1e-30), 0)
        with torch.inference_mode():
            for part in np.split(rows, range(ROWS, len(rows), ROWS)):
                x, there = tensors(values[part], present[part], self.scales)
                decoded = decode(self.layers, latent(self.layers, x, there)[0]).numpy()
                restored = np.asarray(decoded * inverse + self.scales.mean, dtype=np.float32)
                filled[part] = np.where(there.numpy()[:, :, None], values[part], restored)
        return filled


def train(
    values: Float32, present: NDArray[np.bool_], scales: SequenceScales, groups: NDArray[np.str_], seed: int
) -> VaeFiller:
    """Trains on the samples with at least two sequences; some of their patients are held out to stop early.

    With too few patients to hold one out, all epochs run and the last is kept. The network reconstructs the sequences
    of a sample from a random part of them, so that it learns to predict the others.
    """
    import torch

    rows = np.flatnonzero(present.sum(axis=1) >= 2)
    apart = held_out(groups[rows], VALIDATION, seed)
    held, rows = rows[apart], rows[~apart]
    with seeded(seed):
        layers = build(*values.shape[1:])
    adam = torch.optim.AdamW(layers.parameters(), lr=LEARNING_RATE, weight_decay=DECAY, fused=True)
    generator = torch.Generator().manual_seed(spawned(seed, 1))
    best = BestEpoch(layers, PATIENCE)
    for _ in range(EPOCHS):
        order = rows[torch.randperm(len(rows), generator=generator).numpy()]
        for part in np.split(order, range(BATCH, len(order), BATCH)):
            adam.zero_grad()
            _loss(layers, *tensors(values[part], present[part], scales), generator).backward()
            adam.step()
        if not len(held):
            continue
        if best.ends(_error(layers, *tensors(values[held], present[held], scales))):
            break
    best.restore()
    return VaeFiller(layers, scales)


def build(sequences: int, features: int) -> nn.ModuleDict:
    """For each sequence an encoder to mean and log variance, and a decoder."""
    from torch import nn

    def layers(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))

    return nn.ModuleDict(
        {
            "encoders": nn.ModuleList(layers(features, 2 * LATENT) for _ in range(sequences)),
            "decoders": nn.ModuleList(layers(LATENT, features) for _ in range(sequences)),
        }
    )


def latent(layers: Any, x: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance `(n, LATENT)` of the product of the sequences' normal distributions and a standard one."""
    import torch

    encoded = torch.stack([encode(x[:, s]) for s, encode in enumerate(layers["encoders"])], dim=1)
    means, logs = encoded.chunk(2, dim=2)
    precisions = torch.exp(-logs.clamp(-10, 10)) * there[:, :, None]
    variance = 1 / (1 + precisions.sum(dim=1))
    return variance * (means * precisions).sum(dim=1), variance


def decode(layers: Any, z: Tensor) -> Tensor:
    """`(n, LATENT)` to the standardised values of all sequences `(n, S, F)`."""
    import torch

    return torch.stack([decode(z) for decode in layers["decoders"]], dim=1)


def tensors(values: Float32, present: NDArray[np.bool_], scales: SequenceScales) -> tuple[Tensor, Tensor]:
    """Standardised values `(n, S, F)`, zeros where absent, and which sequences are present `(n, S)`."""
    import torch

    x = np.stack([scales(values[:, s], s) for s in range(values.shape[1])], axis=1)
    return torch.from_numpy(x * present[:, :, None]), torch.from_numpy(present)


def _loss(layers: Any, x: Tensor, there: Tensor, generator: Any) -> Any:
    """Squared error of all sequences present, given a part of them, plus the divergence from the prior."""
    import torch

    draws = torch.rand(there.shape, generator=generator).masked_fill(~there, 2)
    given = there & ((draws < 0.5) | (draws == draws.min(dim=1, keepdim=True).values))
    mean, variance = latent(layers, x, given)
    z = mean + variance.sqrt() * torch.randn(mean.shape, generator=generator)
    squares = ((decode(layers, z) - x) ** 2).mean(dim=2) * there
    divergence = 0.5 * (mean**2 + variance - variance.log() - 1).sum(dim=1) / x.shape[2]
    return (squares.sum(dim=1) + DIVERGENCE * divergence).mean()


def _error(layers: Any, x: Tensor, there: Tensor) -> float:
    """Mean squared error of the prediction when each sequence in turn is hidden; infinite without samples."""
    import torch

    if not len(x):
        return float("inf")
    total = 0.0
    with torch.inference_mode():
        for s in range(x.shape[1]):
            rows = there[:, s]
            given = there[rows].clone()
            given[:, s] = False
            total += float(((decode(layers, latent(layers, x[rows], given)[0])[:, s] - x[rows, s]) ** 2).sum())
    return total / (int(there.sum()) * x.shape[2])
