"""A trained network, which gives tokens and their probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.finetuning.training import Curve
from encoders.networks.torch_base import FrozenNetwork

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

NETWORK, FACTS = "network.safetensors", "finetuned.json"


class FittedFinetuned(FrozenNetwork):
    """A trained network as a `FittedClassifier`; a token is the features `(F,)` of a slice before the classifier.

    Args:
        network: `features` and `classifier`, trained.
        prepare: Maps an image to its inputs.
        temperature: Logits are divided by it.
        curve: The losses of each epoch.
        device: Where the network computes.
        batch: Slices in each batch.
    """

    def __init__(
        self,
        network: nn.ModuleDict,
        prepare: Callable[[Image], Float32],
        temperature: float,
        curve: Curve,
        *,
        device: str,
        batch: int,
    ) -> None:
        super().__init__(network["features"], prepare, device=device, precision="fp32", batch=batch)
        self._whole = network.eval().requires_grad_(False)
        self.temperature, self.curve = temperature, curve

    def log_probabilities(self, tokens: Float32) -> Float32:
        """`(n, K)`: the log-softmax of the linear layer's logits, divided by the temperature.

        Args:
            tokens: `(n, F)`, each the mean over a sample's tokens.
        """
        from scipy.special import log_softmax

        weight, bias = (p.double().cpu().numpy() for p in self._whole["classifier"].parameters())
        logits = tokens.astype(np.float64) @ weight.T + bias
        return np.asarray(log_softmax(logits / self.temperature, axis=1), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """`network.safetensors`, and `finetuned.json` with the classes, the temperature and the learning curve."""
        from safetensors.torch import save_file

        tensors = {name: tensor.cpu().contiguous() for name, tensor in self._whole.state_dict().items()}
        save_file(tensors, folder / NETWORK)
        curve = [{k: None if np.isnan(v) else v for k, v in line.items()} for line in self.curve]
        classes = len(tensors["classifier.bias"])
        facts = {"classes": classes, "temperature": self.temperature, "curve": curve}
        (folder / FACTS).write_text(json.dumps(facts, indent=1))

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """`learning_curve` (epoch, train_loss, validation_loss, validation_auc, learning_rate)."""
        import pandas as pd

        return {"learning_curve": pd.DataFrame(self.curve)}
