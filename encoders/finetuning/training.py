"""Trains a network on labelled crops, and stops when held-out patients gain nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64, Image
from encoders.finetuning.augmentation import augment
from encoders.finetuning.network import means
from encoders.networks.stopping import BestEpoch
from encoders.networks.torch_base import exact

if TYPE_CHECKING:
    from torch import Tensor, nn

    from encoders.finetuned import Finetuned

Curve = list[dict[str, float]]
Rows = NDArray[np.int64]
KEPT = 4 << 30  # bytes of prepared crops that stay in memory; the others are read in every epoch


@dataclass(eq=False)
class Crops:
    """The prepared inputs of crops with different numbers of slices."""

    images: Sequence[Image]
    prepare: Callable[[Image], Float32]
    device: str
    _kept: dict[int, Float32] = field(default_factory=dict)
    _bytes: int = 0

    def __call__(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """All slices `(B, 1, size, size)` of some crops, and `(B,)` the position in `rows` of each one's crop."""
        import torch

        parts = [self._read(int(row)) for row in rows]
        of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        pixels = torch.from_numpy(np.concatenate(parts)).to(self.device, memory_format=torch.channels_last)
        return pixels, torch.from_numpy(of).to(self.device)

    def _read(self, row: int) -> Float32:
        if row in self._kept:
            return self._kept[row]
        inputs = self.prepare(self.images[row])
        if self._bytes + inputs.nbytes <= KEPT:
            self._kept[row] = inputs
            self._bytes += inputs.nbytes
        return inputs


@dataclass(frozen=True, eq=False)
class Trainer:
    """Trains a network in place.

    Args:
        settings: How.
        network: What `build` gives, on the device.
        crops: Of all rows.
        y: `(n,)` their classes.
        weights: `(K,)` of the classes in the loss.
        device: Where the network computes.
    """

    settings: Finetuned
    network: nn.ModuleDict
    crops: Crops
    y: NDArray[np.int64]
    weights: Float64
    device: str

    def train(self, rows: Rows, held: Rows, seed: int) -> Curve:
        """Trains; afterwards the network is that of the epoch with the lowest loss on `held`, the last without any.

        Returns:
            A line an epoch: `epoch`, `train_loss`, `validation_loss` and `validation_auc` (macro one-vs-rest; NaN
            where a class is missing), and the `learning_rate` of its last step.
        """
        import timm.optim
        import torch

        settings = self.settings
        steps = -(-len(rows) // settings.batch_size)
        optim: Any = timm.optim
        groups = optim.param_groups_weight_decay(self.network, settings.decay)
        adam = torch.optim.AdamW(groups, lr=settings.learning_rate)
        cycle = torch.optim.lr_scheduler.OneCycleLR(adam, settings.learning_rate, total_steps=settings.epochs * steps)
        order = np.random.default_rng(seed)
        generator = torch.Generator(self.device).manual_seed(seed)
        curve: Curve = []
        best = BestEpoch(self.network, settings.patience)
        for epoch in range(1, settings.epochs + 1):
            self.network.train()
            total = 0.0
            # Batches of nearly one size, since the last one of a cut could be a single slice: too few for BatchNorm.
            for batch in np.array_split(order.permutation(rows), steps):
                loss = self._step(batch, generator)
                adam.zero_grad()
                loss.backward()
                adam.step()
                rate = float(cycle.get_last_lr()[0])
                cycle.step()
                total += loss.item() * len(batch) / len(rows)
            curve.append({"epoch": epoch, "train_loss": total, **self._validate(held), "learning_rate": rate})
            if best.ends(curve[-1]["validation_loss"]):
                break
        best.restore()
        return curve

    def logits(self, rows: Rows) -> Float32:
        """What the network says of some rows, `(n, K)`; it is in evaluation mode, and computes in float32."""
        import torch

        self.network.eval()
        parts: list[Float32] = []
        with torch.inference_mode(), exact(self.device):
            for start in range(0, len(rows), self.settings.batch_size):
                pixels, of = self.crops(rows[start : start + self.settings.batch_size])
                vectors = means(self.network["features"](pixels), of)
                parts.append(self.network["classifier"](vectors).cpu().numpy())
        return np.concatenate(parts)

    def _step(self, rows: Rows, generator: Any) -> Any:
        """The loss of a batch, with augmentation and dropout."""
        import torch

        pixels, of = self.crops(rows)
        half = self.settings.precision == "auto" and self.device.startswith("cuda")
        with exact(self.device):
            pixels = augment(pixels, of, self.settings.augmentation, generator)
            with torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16, enabled=half):
                features = self.network["features"](pixels)
            vectors = dropout(means(features.float(), of), self.settings.dropout, generator)
            return self.loss(self.network["classifier"](vectors), rows)

    def _validate(self, held: Rows) -> dict[str, float]:
        import torch
        from sklearn.metrics import roc_auc_score

        told = {"validation_loss": float("nan"), "validation_auc": float("nan")}
        if len(held):
            logits = torch.from_numpy(self.logits(held)).to(self.device)
            told["validation_loss"] = float(self.loss(logits, held))
            y, p = self.y[held], logits.double().softmax(dim=1).cpu().numpy()
            if len(np.unique(y)) == len(self.weights):
                told["validation_auc"] = float(roc_auc_score(y, p[:, 1] if len(p[0]) == 2 else p, multi_class="ovr"))
        return told

    def loss(self, logits: Tensor, rows: Rows) -> Any:
        """The cross-entropy of logits `(n, K)`: the mean over rows, weighted by their classes."""
        import torch
        from torch.nn.functional import cross_entropy

        y = torch.from_numpy(self.y[rows]).to(logits.device)
        return cross_entropy(logits, y, torch.from_numpy(self.weights.astype(np.float32)).to(logits.device))


def dropout(x: Tensor, share: float, generator: Any) -> Tensor:
    """A share of the features dropped, by a generator of its own, so that the seed alone decides."""
    import torch

    kept = torch.rand(x.shape, generator=generator, device=x.device) >= share
    return x * kept / (1 - share)
