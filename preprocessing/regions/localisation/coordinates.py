"""Stage 2: where in its slice each mark lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float64
from preprocessing.regions.localisation.augment import draw, moved, moved_points, recoloured
from preprocessing.regions.localisation.networks import soft_argmax
from preprocessing.regions.localisation.stack import Stack
from preprocessing.regions.localisation.training import autocast, shuffled

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

SPREAD = 0.7  # standard deviation of a wanted heat map, in its pixels
DISTANCE = 100.0  # weight of the distance (as a share of the slice) relative to the heat maps' cross-entropy
BESIDE = 1  # a slice is also trained on the marks of so many slices on either side: stage 1 may be off by as much


@dataclass(frozen=True, eq=False)
class PointStage:
    """A network that points at marks in a slice.

    Args:
        network: `heatmap_network` or `point_network`.
        heatmaps: Whether it is the former.
        pictures: The most marked slices of a stack in an epoch.
        batch: The slices in a training step.
        device: Where the network runs.
    """

    network: nn.Module
    heatmaps: bool
    pictures: int
    batch: int
    device: str

    def batches(self, stacks: Sequence[Stack], rng: np.random.Generator) -> list[Any]:
        """Pairs of a stack and one of its marked slices, drawn at random."""
        pairs = [
            (i, slice_)
            for i, stack in enumerate(stacks)
            for slice_ in rng.permutation(np.unique(stack.slices[stack.slices >= 0]))[: self.pictures]
        ]
        return [np.asarray(pairs)[chosen] for chosen in shuffled(np.arange(len(pairs)), self.batch, rng)]

    def loss(self, stacks: Sequence[Stack], batch: Any, generator: Generator) -> Tensor:
        """The distance of the marks of each slice; for heat maps also their cross-entropy with a Gaussian."""
        import torch

        shown = np.stack([stacks[i].pixels[slice_] for i, slice_ in batch]).astype(np.float32)
        points = [
            np.where((abs(stacks[i].slices - slice_) <= BESIDE)[:, None], stacks[i].points, np.nan)
            for i, slice_ in batch
        ]
        scale, shift = draw(len(batch), generator)
        pixels = moved(torch.from_numpy(shown)[:, None], scale, shift)
        wanted = moved_points(torch.from_numpy(np.stack(points).astype(np.float32)), scale, shift).to(self.device)
        found, maps = self._points(recoloured(pixels, generator))
        known = ((wanted > 0) & (wanted < 1)).all(dim=2)
        distance = (found[known] - wanted[known]).square().sum(dim=1).add(1e-8).sqrt()
        if maps is None:
            return distance.sum() / max(len(distance), 1)
        cross = -(gaussians(wanted[known], maps.shape[2]) * maps[known]).sum(dim=(1, 2))
        return (cross + DISTANCE * distance).sum() / max(len(distance), 1)

    def error(self, stacks: Sequence[Stack]) -> float:
        """The mean distance in the marked slices, mm."""
        away = []
        for stack in stacks:
            known = stack.slices >= 0
            share = (self.predict(stack, stack.slices) - stack.points)[known]
            away.append(np.linalg.norm(share * stack.frame.size * stack.spacing, axis=1))
        every = np.concatenate([*away, np.empty(0)])
        return float(every.mean()) if every.size else float("nan")

    def predict(self, stack: Stack, slices: NDArray[np.int64]) -> Float64:
        """Each mark's place `(M, 2)` in its given slice, as shares of height and width; NaN without a slice."""
        import torch

        shown, position = np.unique(slices, return_inverse=True)
        pixels = torch.from_numpy(stack.pixels[shown].astype(np.float32))[:, None]
        with torch.inference_mode(), autocast(self.device):
            points = self._points(pixels)[0].cpu().numpy()
        return np.where((slices >= 0)[:, None], points[position, np.arange(len(slices))], np.nan).astype(np.float64)

    def maps(self, stack: Stack, slices: NDArray[np.int64]) -> Float64:
        """The heat maps of given slices, `(S, M, h, w)`, each of sum 1."""
        import torch

        pixels = torch.from_numpy(stack.pixels[slices].astype(np.float32))[:, None]
        with torch.inference_mode(), autocast(self.device):
            maps = self.network(pixels.to(self.device)).exp()
        return np.asarray(maps.cpu().numpy(), dtype=np.float64)

    def _points(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        """The points `(B, M, 2)`, and the heat maps if there are any."""
        found = self.network(pixels.to(self.device))
        return (soft_argmax(found), found) if self.heatmaps else (found, None)


def gaussians(points: Tensor, side: int) -> Tensor:
    """Heat maps `(n, side, side)` of sum 1 around points `(n, 2)`, which are shares of height and width."""
    import torch

    at = torch.arange(side, device=points.device) + 0.5
    rows, columns = ((-0.5 * ((at[None] - p[:, None] * side) / SPREAD) ** 2).softmax(dim=1) for p in points.unbind(1))
    return rows[:, :, None] * columns[:, None, :]
