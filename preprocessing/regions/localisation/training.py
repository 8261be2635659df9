"""Trains a network of either stage on the training patients of a fold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data.describing.training import tell_progress
from data.numerics.seeds import spawned
from encoders.networks.stopping import BestEpoch
from encoders.networks.torch_base import seeded
from preprocessing.regions.localisation.stack import Stack
from preprocessing.regions.networks.training import Curve

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Stage(Protocol):
    """What training needs to know about a stage."""

    network: nn.Module

    def batches(self, stacks: Sequence[Stack], rng: np.random.Generator) -> list[Any]:
        """The batches of an epoch."""
        ...

    def loss(self, stacks: Sequence[Stack], batch: Any, generator: Generator) -> Tensor:
        """The mean loss of a batch."""
        ...

    def error(self, stacks: Sequence[Stack]) -> float:
        """The mean error on stacks that were not learnt from; NaN if none has a point."""
        ...


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How both stages are trained; the fields are those of the region `predicted`."""

    epochs: int
    least_steps: int
    learning_rate: float
    patience: int

    def run(self, stage: Stage, train: Sequence[Stack], inner: Sequence[Stack], *, seed: int, device: str) -> Curve:
        """Trains in place; the epoch with the least error on inner patients is kept, or the last if there are none.

        Returns:
            One entry per epoch: `epoch`, `train_loss`, `validation_error` (NaN if nobody is held out).
        """
        with one_thread(device), seeded(seed):
            return self._run(stage, train, inner, seed, device)

    def _run(self, stage: Stage, train: Sequence[Stack], inner: Sequence[Stack], seed: int, device: str) -> Curve:
        import torch

        network = stage.network
        rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(spawned(seed, 1))
        steps = len(stage.batches(train, np.random.default_rng(seed)))
        stretch = max(1.0, self.least_steps / (self.epochs * steps))
        epochs, patience = (math.ceil(n * stretch) for n in (self.epochs, self.patience))
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, total_steps=epochs * steps)
        curve: Curve = []
        best = BestEpoch(network, patience)
        for epoch in range(1, epochs + 1):
            network.train()
            losses = []
            for batch in stage.batches(train, rng):
                with autocast(device):
                    loss = stage.loss(train, batch, generator)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
            network.eval()
            with torch.inference_mode():
                error = stage.error(inner)
            curve.append({"epoch": epoch, "train_loss": float(np.mean(losses)), "validation_error": error})
            tell_progress("epoch", epoch, epochs)
            if best.ends(error):
                break
        best.restore()
        network.eval()
        return curve


@contextmanager
def one_thread(device: str) -> Iterator[None]:
    """Uses one thread on a CPU: in networks this small, threads wait for each other, above all on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def autocast(device: str) -> Any:
    """Mixed precision on a GPU; nothing on a CPU."""
    import torch

    return torch.autocast(device, dtype=torch.bfloat16, enabled=device.startswith("cuda"))


def shuffled(items: NDArray[Any], batch: int, rng: np.random.Generator) -> list[NDArray[Any]]:
    """Items in a random order, in batches of `batch` or a few more: batch normalisation can't learn from one alone."""
    return np.array_split(rng.permutation(items), max(len(items) // batch, 1))
