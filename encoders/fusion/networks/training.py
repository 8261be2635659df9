"""The base of the fusions that are trained with labels: it trains, stops early by patient, saves and loads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64
from data.describing.plug_in import Description
from data.describing.training import tell_progress
from data.numerics.seeds import spawned
from encoders.base import Tokens
from encoders.fusion.base import Fused, Fusion, one_width, sequences_present
from encoders.fusion.networks.reading import Batch, Reader, Samples
from encoders.networks.stopping import BestEpoch, held_out_by_label
from encoders.networks.torch_base import exact, seeded
from encoders.networks.weighting import class_weights
from encoders.networks.weights import load_weights, read_weights
from encoders.scaling.sequences import SequenceScales

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

Drop = Callable[[Any], Any]
Curve = list[dict[str, float]]
_COUNTS = {"starts", "epochs", "patience", "batch", "hidden", "channels", "kernel", "networks"}


class Shape(NamedTuple):
    """The number of sequences, of features of a token, and of classes."""

    sequences: int
    features: int
    classes: int


class FusionOutput(NamedTuple):
    """What a network gives for a batch: vectors `(B, F')`, logits `(B, M, K)` of M classifiers, attention by name."""

    vectors: Tensor
    logits: Tensor
    weights: dict[str, Tensor]


class TrainedFusion(Fusion):
    """A fusion trained with cross-entropy. A plug-in declares the fields and gives `build` and `forward`.

    Each feature of each sequence is standardised by its mean and standard deviation over the training tokens, and cut
    at 10 standard deviations. AdamW trains until the loss on held-out patients has not fallen for `patience` epochs,
    and the best epoch is kept. With a single patient nobody is held out, all epochs run and the last is kept. A sample
    without any sequence is not trained on; its vector is zeros, and its probabilities are the base rates. The same seed
    gives the same bits on one machine with one number of threads.

    Args:
        dropout: Share of the features before the classifier that is dropped in training.
        learning_rate: Learning rate of AdamW for layers of up to 128 inputs; proportionally less for wider ones.
        decay: Weight decay of AdamW.
        epochs: Largest number of epochs.
        patience: Training stops after so many epochs without a fall of the held-out loss.
        batch: Samples in each training step.
        validation: Share of the training patients held out to stop early; with 0 all epochs run.
        weighted: Whether every class has the same weight in the loss, however many samples it has.
        starts: Number of trainings from different initial weights. The one with the lowest held-out loss is kept, since
            attention may settle on slices that show something else, such as the level.
    """

    dropout: float
    learning_rate: float
    decay: float
    epochs: int
    patience: int
    batch: int
    validation: float
    weighted: bool
    starts: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in _COUNTS and value < 1:
                raise ValueError(f"{name} ({value}) must be 1 or more")
            if name == "kernel" and value % 2 == 0:
                raise ValueError(f"kernel ({value}) must be odd")
            if name in ("dropout", "validation") and not 0 <= value < 1:
                raise ValueError(f"{name} ({value}) must be from 0 to below 1")

    @property
    def learns(self) -> Literal["nothing", "labels"]:
        """From labels."""
        return "labels"

    def build(self, shape: Shape) -> nn.ModuleDict:
        """The layers. Torch's generator has been seeded before."""
        raise NotImplementedError

    def forward(self, layers: nn.ModuleDict, batch: Batch, drop: Drop) -> FusionOutput:
        """Applies the layers to a batch. `drop` is dropout in training; otherwise it changes nothing."""
        raise NotImplementedError

    def fit(
        self,
        tokens: Sequence[Tokens],
        filled: Float32,
        y: NDArray[np.int64] | None,
        *,
        classes: int,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> NetworkFuser:
        """Trains on the training samples of the fold; see `Fusion.fit`.

        Raises:
            ValueError: There are no labels, sequences have different numbers of features, or no sample has a sequence.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} learns from labels, but y is None: give the class of each sample")
        samples = np.flatnonzero(sequences_present(tokens).any(axis=1))
        if not len(samples):
            raise ValueError(f"none of the {len(y)} training samples has a sequence: exclude them, or use fusion=mean")
        shape = Shape(len(tokens), one_width(tokens), classes)
        weights, prior = class_weights(y[samples], classes, weighted=self.weighted)
        scales = SequenceScales.of_tokens(tokens)
        held = held_out_by_label(y[samples], groups[samples], self.validation, seed)
        reader = Reader(tokens, filled, scales, device)
        curves: Curve = []
        best: tuple[float, nn.ModuleDict | None] = (float("inf"), None)
        for start in range(self.starts if held.any() else 1):
            tell_progress("start", start, self.starts if held.any() else 1)
            of_weights, of_order = (spawned(seed, start, step) for step in range(2))
            with seeded(of_weights):
                layers = self.build(shape).to(device)
            curve = _Trainer(self, layers, reader, y, weights).train(samples[~held], samples[held], of_order)
            curves += [{"start": start, **line} for line in curve]
            reached = min(line["validation_loss"] for line in curve)
            if best[1] is None or reached < best[0]:
                best = reached, layers
        assert best[1] is not None
        return NetworkFuser(self, best[1], scales, shape, prior.tolist(), curves, device=device)

    def load(self, folder: Path, *, device: str) -> NetworkFuser:
        """What `NetworkFuser.save` wrote."""
        tensors = read_weights(folder / "network.safetensors")
        scales = SequenceScales(tensors.pop("mean").numpy(), tensors.pop("inverse").numpy())
        facts = json.loads((folder / "fusion.json").read_text())
        shape = Shape(**facts["shape"])
        with seeded(0):
            layers = self.build(shape)
        load_weights(layers, tensors, source=folder / "network.safetensors")
        curve = [{k: float("nan") if v is None else v for k, v in line.items()} for line in facts["curve"]]
        return NetworkFuser(self, layers.to(device), scales, shape, facts["prior"], curve, device=device)

    def describe(self) -> Description:
        """The description: training starts from random weights."""
        return replace(super().describe(), stops_early=self.validation > 0, weights="random")


class NetworkFuser:
    """A trained fusion, as a `TrainedFuser`."""

    def __init__(
        self,
        settings: TrainedFusion,
        layers: nn.ModuleDict,
        scales: SequenceScales,
        shape: Shape,
        prior: list[float],
        curve: Curve,
        *,
        device: str,
    ) -> None:
        self._settings, self._layers, self._scales, self._shape = settings, layers, scales, shape
        self._prior, self.curve, self._device = prior, curve, device

    def __call__(self, tokens: Sequence[Tokens], filled: Float32) -> Fused:
        """As in `Fuser`."""
        import torch

        reader = Reader(tokens, filled, self._scales, self._device)
        present = np.asarray(sequences_present(tokens).any(axis=1))
        vectors: list[Any] = []
        probabilities: list[Any] = []
        weights: dict[str, list[Any]] = {}
        with torch.inference_mode(), exact(self._device):
            for part in reader.parts(np.arange(len(present))):
                outcome = self._settings.forward(self._layers, reader(part), _same)
                vectors.append(outcome.vectors.cpu().numpy())
                probabilities.append(outcome.logits.double().softmax(dim=2).mean(dim=1).cpu().numpy())
                for name, values in outcome.weights.items():
                    weights.setdefault(name, []).append(values.cpu().numpy())
        return Fused(
            np.where(present[:, None], np.concatenate(vectors), np.float32(0))[None],
            present[None],
            np.where(present[:, None], np.concatenate(probabilities), self._prior),
            {name: np.concatenate(values) for name, values in weights.items()},
        )

    def save(self, folder: Path) -> None:
        """`network.safetensors`, and `fusion.json` with the shape, the base rates and the learning curve."""
        import torch
        from safetensors.torch import save_file

        tensors = {name: tensor.cpu().contiguous() for name, tensor in self._layers.state_dict().items()}
        tensors |= {"mean": torch.from_numpy(self._scales.mean), "inverse": torch.from_numpy(self._scales.inverse)}
        save_file(tensors, folder / "network.safetensors")
        curve = [{k: None if np.isnan(v) else v for k, v in line.items()} for line in self.curve]
        facts = {"shape": self._shape._asdict(), "prior": self._prior, "curve": curve}
        (folder / "fusion.json").write_text(json.dumps(facts, indent=1))

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """`learning_curve` (start, epoch, train_loss, validation_loss)."""
        import pandas as pd

        return {"learning_curve": pd.DataFrame(self.curve)}


@dataclass(frozen=True, eq=False)
class _Trainer:
    settings: TrainedFusion
    layers: nn.ModuleDict
    reader: Reader
    y: NDArray[np.int64]
    weights: Float64

    def train(self, samples: Samples, validation: Samples, seed: int) -> Curve:
        import torch

        settings = self.settings
        # A step changes the output of a layer in proportion to its inputs, so wide layers get a smaller learning rate.
        groups = [
            {"params": [p], "lr": settings.learning_rate * min(1, 128 / p[0].numel())} for p in self.layers.parameters()
        ]
        adam = torch.optim.AdamW(groups, weight_decay=settings.decay, fused=True)
        generator = torch.Generator().manual_seed(seed)
        drop = _dropout(settings.dropout, generator)
        curve: Curve = []
        best = BestEpoch(self.layers, settings.patience)
        for epoch in range(1, settings.epochs + 1):
            order = samples[torch.randperm(len(samples), generator=generator).numpy()]
            total = 0.0
            for start in range(0, len(order), settings.batch):
                with exact(self.reader.device):
                    losses = self._losses(order[start : start + settings.batch], drop)
                    adam.zero_grad()
                    losses.mean().backward()
                adam.step()
                total += float(losses.detach().sum())
            held = self._held_out_loss(validation)
            curve.append({"epoch": epoch, "train_loss": total / len(order), "validation_loss": held})
            tell_progress("epoch", epoch, settings.epochs)
            if best.ends(held):
                break
        best.restore()
        return curve

    def _losses(self, samples: Samples, drop: Drop) -> Any:
        """`(n,)`: the weighted cross-entropy of each sample, averaged over the classifiers."""
        import torch

        logits = self.settings.forward(self.layers, self.reader(samples), drop).logits
        y = torch.from_numpy(self.y[samples]).to(logits.device)
        weights = torch.from_numpy(self.weights[self.y[samples]].astype(np.float32)).to(logits.device)
        right = logits.log_softmax(dim=2)[torch.arange(len(y), device=y.device), :, y]
        return -right.mean(dim=1) * weights

    def _held_out_loss(self, samples: Samples) -> float:
        import torch

        with torch.inference_mode(), exact(self.reader.device):
            total = sum(float(self._losses(part, _same).sum()) for part in self.reader.parts(samples))
        return total / len(samples) if len(samples) else float("nan")


def _dropout(share: float, generator: Any) -> Drop:
    """Dropout that is drawn on the CPU by its own generator, so that it depends only on the seed."""
    import torch

    def drop(x: Any) -> Any:
        kept = (torch.rand(x.shape, generator=generator) >= share).to(x.dtype) / (1 - share)
        return x * kept.to(x.device)

    return drop if share else _same


def _same(x: Any) -> Any:
    return x
