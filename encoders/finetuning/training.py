"""Trains a network on labelled crops until the loss on held-out patients stops falling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from data.base import Float32, Float64, Int64
from data.describing.training import tell_progress
from data.numerics.seeds import spawned
from encoders.finetuning.augmentation import augment
from encoders.finetuning.crops import PreparedCrops
from encoders.finetuning.network import means
from encoders.networks.stopping import BestEpoch
from encoders.networks.torch_base import exact

if TYPE_CHECKING:
    from torch import Tensor, nn

Curve = list[dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained; the fields are those of `finetuned`."""

    epochs: int
    batch_size: int
    learning_rate: float
    decay: float
    dropout: float
    augmentation: float
    patience: int
    precision: Literal["auto", "fp32"]


@dataclass(frozen=True, eq=False)
class Trainer:
    """Trains a network in place.

    Args:
        settings: How it is trained.
        network: The network from `build`, on the device.
        crops: The inputs of all n crops.
        y: `(n,)` the classes of the crops.
        weights: `(K,)` the weights of the classes in the loss.
        device: Where the network computes.
    """

    settings: TrainingSettings
    network: nn.ModuleDict
    crops: PreparedCrops
    y: Int64
    weights: Float64
    device: str

    def train(self, rows: Int64, held: Int64, seed: int) -> Curve:
        """Trains on `rows`, and keeps the epoch with the lowest loss on `held`, or the last one without held rows.

        Returns:
            For each epoch: `epoch`, `train_loss`, `validation_loss` and `validation_auc` (macro one-vs-rest; NaN
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
        generator = torch.Generator(self.device).manual_seed(spawned(seed, 1))
        curve: Curve = []
        best = BestEpoch(self.network, settings.patience)
        for epoch in range(1, settings.epochs + 1):
            self.network.train()
            total = 0.0
            # All batches have nearly one size, since a last batch of a single slice would be too small for BatchNorm.
            for batch in np.array_split(order.permutation(rows), steps):
                loss = self._step(batch, generator)
                adam.zero_grad()
                loss.backward()
                adam.step()
                rate = float(cycle.get_last_lr()[0])
                cycle.step()
                total += loss.item() * len(batch) / len(rows)
            curve.append({"epoch": epoch, "train_loss": total, **self._validate(held), "learning_rate": rate})
            tell_progress("epoch", epoch, settings.epochs)
            if best.ends(curve[-1]["validation_loss"]):
                break
        best.restore()
        return curve

    def logits(self, rows: Int64) -> Float32:
        """The logits `(n, K)` of some rows; the network is in evaluation mode and computes in float32."""
        import torch

        self.network.eval()
        parts: list[Float32] = []
        with torch.inference_mode(), exact(self.device):
            for start in range(0, len(rows), self.settings.batch_size):
                pixels, crop = self.crops(rows[start : start + self.settings.batch_size])
                vectors = means(self.network["features"](pixels), crop)
                parts.append(self.network["classifier"](vectors).cpu().numpy())
        return np.concatenate(parts)

    def _step(self, rows: Int64, generator: Any) -> Any:
        """The loss of a batch, with augmentation and dropout."""
        import torch

        pixels, crop = self.crops(rows)
        half = self.settings.precision == "auto" and self.device.startswith("cuda")
        with exact(self.device):
            pixels = augment(pixels, crop, self.settings.augmentation, generator)
            with torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16, enabled=half):
                features = self.network["features"](pixels)
            vectors = dropout(means(features.float(), crop), self.settings.dropout, generator)
            return self.loss(self.network["classifier"](vectors), rows)

    def _validate(self, held: Int64) -> dict[str, float]:
        import torch
        from sklearn.metrics import roc_auc_score

        found = {"validation_loss": float("nan"), "validation_auc": float("nan")}
        if len(held):
            logits = torch.from_numpy(self.logits(held)).to(self.device)
            found["validation_loss"] = float(self.loss(logits, held))
            y, p = self.y[held], logits.double().softmax(dim=1).cpu().numpy()
            if len(np.unique(y)) == len(self.weights):
                found["validation_auc"] = float(roc_auc_score(y, p[:, 1] if len(p[0]) == 2 else p, multi_class="ovr"))
        return found

    def loss(self, logits: Tensor, rows: Int64) -> Any:
        """The cross-entropy of logits `(n, K)`: the mean over rows, weighted by their classes."""
        import torch
        from torch.nn.functional import cross_entropy

        y = torch.from_numpy(self.y[rows]).to(logits.device)
        return cross_entropy(logits, y, torch.from_numpy(self.weights.astype(np.float32)).to(logits.device))


def dropout(x: Tensor, share: float, generator: Any) -> Tensor:
    """Features `(n, F)` with a share of them dropped; only the generator decides which."""
    import torch

    kept = torch.rand(x.shape, generator=generator, device=x.device) >= share
    return x * kept / (1 - share)
