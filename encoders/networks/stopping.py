"""Early stopping: which patients are held out, and which epoch is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn


def held_out(groups: NDArray[np.str_], share: float, seed: int) -> NDArray[np.bool_]:
    """`(N,)` bool: the samples of the patients who are held out; none where the share is less than one patient."""
    patients = np.unique(groups)
    chosen = np.random.default_rng(seed).permutation(patients)[: int(share * len(patients))]
    return np.isin(groups, chosen)


def held_out_by_label(y: NDArray[np.int64], groups: NDArray[np.str_], share: float, seed: int) -> NDArray[np.bool_]:
    """`(N,)` bool: the samples of the held-out patients, who are spread evenly over the patients' mean labels."""
    patients, patient = np.unique(groups, return_inverse=True)
    if len(patients) < 2 or share == 0:
        return np.zeros(len(y), dtype=bool)
    rng = np.random.default_rng(seed)
    label = np.bincount(patient, weights=y) / np.bincount(patient)
    order = np.lexsort((rng.permutation(len(patients)), label))
    step = max(2, round(1 / share))
    return np.isin(patient, order[rng.integers(min(step, len(patients))) :: step])


class BestEpoch:
    """Keeps the weights of the epoch with the lowest loss on held-out rows.

    Args:
        network: The network that is trained.
        patience: Training stops after so many epochs without a lower loss.
    """

    def __init__(self, network: nn.Module, patience: int) -> None:
        self._network, self._patience = network, patience
        self._lowest, self._waited = float("inf"), 0
        self._weights: dict[str, Tensor] = {}

    def ends(self, loss: float) -> bool:
        """Whether to stop after an epoch with this loss; NaN, for no held-out rows, never stops."""
        if loss < self._lowest:
            self._lowest, self._waited = loss, 0
            self._weights = {name: tensor.detach().clone() for name, tensor in self._network.state_dict().items()}
        elif self._weights:
            self._waited += 1
        return bool(self._weights) and self._waited >= self._patience

    def restore(self) -> None:
        """Puts the kept weights back; where no rows were held out, those of the last epoch stay."""
        if self._weights:
            self._network.load_state_dict(self._weights)
