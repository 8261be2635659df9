"""Stage 1: in which slice of a stack each mark lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float64
from preprocessing.regions.localisation.augment import draw, moved, recoloured
from preprocessing.regions.localisation.stack import Stack
from preprocessing.regions.localisation.training import autocast, shuffled

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

SOFT = 0.5  # standard deviation of the soft label, in slices


@dataclass(frozen=True, eq=False)
class SliceStage:
    """A network that reads a stack slice by slice and gives the likeliest slice.

    Args:
        network: `slice_network`.
        size: The side of its slices.
        batch: The stacks in a training step.
        device: Where the network runs.
    """

    network: nn.Module
    size: int
    batch: int
    device: str

    def batches(self, stacks: Sequence[Stack], rng: np.random.Generator) -> list[Any]:
        """Stacks in a random order."""
        return shuffled(np.arange(len(stacks)), self.batch, rng)

    def loss(self, stacks: Sequence[Stack], batch: Any, generator: Generator) -> Tensor:
        """Cross-entropy over the slices of a stack, with a label that reaches to the neighbours of the marked slice."""
        import torch

        chosen = [stacks[i] for i in batch]
        drawn = [self._drawn(stack, generator) for stack in chosen]
        logits = self.network(torch.cat(drawn).to(self.device), [len(one) for one in drawn])
        scores = logits.log_softmax(dim=1)
        marked = torch.from_numpy(np.stack([stack.slices for stack in chosen])).to(self.device)
        away = torch.arange(logits.shape[1], device=self.device)[None, :, None] - marked[:, None]
        label = (-0.5 * (away / SOFT) ** 2).masked_fill(scores.isinf(), float("-inf")).softmax(dim=1)
        each: Tensor = -(label * scores.masked_fill(scores.isinf(), 0)).sum(dim=1)
        return each[marked >= 0].mean()

    def error(self, stacks: Sequence[Stack]) -> float:
        """The mean distance from the marked slices, in slices."""
        return mean_distance(self, stacks)

    def predict(self, stack: Stack) -> NDArray[np.int64]:
        """The likeliest slice of each mark, `(M,)`."""
        return np.asarray(self.scores(stack).argmax(axis=0), dtype=np.int64)

    def scores(self, stack: Stack) -> Float64:
        """The logarithm of the probability that each mark lies in each slice, `(D, M)`."""
        import torch

        slices = neighboured(resized(stack, self.size)).to(self.device)
        with torch.inference_mode(), autocast(self.device):
            logits = self.network(slices, [len(slices)])
        return np.asarray(logits[0].float().log_softmax(dim=0).cpu().numpy(), dtype=np.float64)

    def _drawn(self, stack: Stack, generator: Generator) -> Tensor:
        pixels = resized(stack, self.size)
        scale, shift = (value.expand(len(pixels), 2) for value in draw(1, generator))
        return neighboured(recoloured(moved(pixels, scale, shift)[None], generator)[0])


@dataclass(frozen=True, eq=False)
class VolumeStage:
    """A 3D network that gives each mark's slice as a share of the stack's depth.

    Args:
        network: `volume_network`.
        size: Voxels (D, H, W) that a stack is resized to.
        batch: The stacks in a training step.
        device: Where the network runs.
    """

    network: nn.Module
    size: tuple[int, int, int]
    batch: int
    device: str

    def batches(self, stacks: Sequence[Stack], rng: np.random.Generator) -> list[Any]:
        """Stacks in a random order."""
        return shuffled(np.arange(len(stacks)), self.batch, rng)

    def loss(self, stacks: Sequence[Stack], batch: Any, generator: Generator) -> Tensor:
        """Smooth L1 of the slice's share of the depth; the slices' edges are 0 and 1."""
        import torch
        from torch.nn import functional

        volumes, shares = [], []
        for i in batch:
            pixels = recoloured(resized(stacks[i], stacks[i].pixels.shape[1])[None], generator)[0]
            scale, shift = (value.expand(len(pixels), 2) for value in draw(1, generator))
            volumes.append(self._volume(moved(pixels, scale, shift)))
            shares.append((stacks[i].slices + 0.5) / len(pixels))
        known = torch.from_numpy(np.stack([stacks[i].slices for i in batch]) >= 0).to(self.device)
        wanted = torch.from_numpy(np.stack(shares).astype(np.float32)).to(self.device)
        found = self.network(torch.stack(volumes).to(self.device)).float()
        return functional.smooth_l1_loss(found[known], wanted[known], beta=0.1)

    def error(self, stacks: Sequence[Stack]) -> float:
        """The mean distance from the marked slices, in slices."""
        return mean_distance(self, stacks)

    def predict(self, stack: Stack) -> NDArray[np.int64]:
        """The slice of each mark, `(M,)`."""
        import torch

        pixels = resized(stack, stack.pixels.shape[1])
        with torch.inference_mode(), autocast(self.device):
            share = self.network(self._volume(pixels)[None].to(self.device))[0].float().cpu().numpy()
        return np.asarray(np.clip(np.rint(share * len(pixels) - 0.5), 0, len(pixels) - 1), dtype=np.int64)

    def scores(self, stack: Stack) -> Float64:
        """`(D, M)`: 0 in the slice of each mark, -inf in all others."""
        slices = self.predict(stack)
        return np.where(np.arange(len(stack.pixels))[:, None] == slices, 0.0, -np.inf)

    def _volume(self, pixels: Tensor) -> Tensor:
        """The pixels `(1, D, H, W)` with mean 0 and standard deviation 1, as MedicalNet was trained."""
        from torch.nn import functional

        volume = functional.interpolate(pixels[None, :, 0][None], self.size, mode="trilinear", align_corners=False)[0]
        return (volume - volume.mean()) / volume.std().clamp(min=1e-6)


def resized(stack: Stack, size: int) -> Tensor:
    """A stack's slices at another size, `(D, 1, size, size)` float32."""
    import torch
    from torch.nn import functional

    pixels = torch.from_numpy(stack.pixels.astype(np.float32))[:, None]
    if pixels.shape[2] == size:
        return pixels
    return functional.interpolate(pixels, (size, size), mode="bilinear", align_corners=False, antialias=True)


def neighboured(pixels: Tensor) -> Tensor:
    """Slices `(D, 1, s, s)` with both neighbours as channels, `(D, 3, s, s)`; at the ends the slice repeats."""
    import torch

    return torch.cat([torch.cat([pixels[:1], pixels[:-1]]), pixels, torch.cat([pixels[1:], pixels[-1:]])], dim=1)


def mean_distance(stage: SliceStage | VolumeStage, stacks: Sequence[Stack]) -> float:
    """The mean distance of a stage's slices from the marked ones; NaN where none is marked."""
    away = [np.abs(stage.predict(stack) - stack.slices)[stack.slices >= 0] for stack in stacks]
    every = np.concatenate([*away, np.empty(0)])
    return float(every.mean()) if every.size else float("nan")
