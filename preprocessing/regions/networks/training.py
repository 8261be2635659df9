"""What the trainings of regions share: who is held out, the epoch that is kept, seeds, and fields that can't be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

Curve = list[dict[str, float]]
_GENERATOR = Lock()


class BestEpoch:
    """The weights of the epoch with the lowest loss on rows held out.

    Args:
        network: What is trained.
        patience: Epochs without a lower loss before training stops.
    """

    def __init__(self, network: nn.Module, patience: int) -> None:
        self._network, self._patience = network, patience
        self._lowest, self._waited = float("inf"), 0
        self._weights: dict[str, Tensor] = {}

    def ends(self, loss: float) -> bool:
        """Whether to stop after an epoch with this loss; NaN says that nobody is held out, and never does."""
        if loss < self._lowest:
            self._lowest, self._waited = loss, 0
            self._weights = {name: tensor.detach().clone() for name, tensor in self._network.state_dict().items()}
        elif self._weights:
            self._waited += 1
        return bool(self._weights) and self._waited >= self._patience

    def restore(self) -> None:
        """Puts them back; those of the last epoch stay where nobody was held out."""
        if self._weights:
            self._network.load_state_dict(self._weights)


def held_out(patients: Sequence[str], share: float, seed: int) -> NDArray[np.bool_]:
    """Which scans `(n,)` belong to the patients held out to stop early; none where the share is less than one."""
    names = np.unique(np.asarray(patients, dtype=np.str_))
    chosen = np.random.default_rng(seed).permutation(names)[: int(share * len(names))]
    return np.isin(patients, chosen)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch draws by the seed within; its generator is then as it was."""
    import torch

    with _GENERATOR, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def check_training(settings: Any, counts: Sequence[str]) -> None:
    """Refuses what no training can have: `counts` below 1, and rates and shares that are none.

    Raises:
        ValueError: A field of `settings`, and what it may be.
    """
    for name in counts:
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} ({getattr(settings, name)}) must be 1 or more")
    if settings.learning_rate <= 0:
        raise ValueError(f"learning_rate ({settings.learning_rate}) must be above 0")
    if not 0 <= settings.validation < 1:
        raise ValueError(f"validation ({settings.validation}) must be from 0 to below 1")
