"""A 2D convolutional autoencoder, trained on the training images of the fold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.stopping import held_out
from encoders.torch_base import FrozenNetwork, Precision, TorchEncoder, seeded
from encoders.weights import load_weights, read_weights

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

Curve = list[dict[str, float]]
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Cae2d(TorchEncoder):
    """A convolutional autoencoder; every slice is a token of `latent` features between 0 and 1.

    5x5 convolutions of stride 2 (LeakyReLU .2), a dense layer to the latent (sigmoid), and back by 4x4 transposed
    convolutions of stride 2 to linear pixels; squared error, Adam with beta1 .5. The defaults are the published ones.
    For two cores: `channels=(16, 32, 64, 64), size=32, epochs=30, batch_size=32, learning_rate=.002`.

    Training stops when the error on held-out patients has not fallen for `patience` epochs, and the best epoch is
    kept. Where `validation` of the patients is less than one, nobody is held out, all epochs run, the last is kept,
    and the curve has no validation error.

    Args:
        size: Side of the square that each slice is resized to, in pixels; a multiple of 2 for each convolution.
        channels: Of the convolutions, one each.
        latent: Features of a token.
        epochs: At most.
        batch_size: Slices a training step.
        learning_rate: Of Adam.
        validation: Share of the training patients held out to stop early.
        patience: Epochs without a fall before training stops.
        precision: Of encoding; training is in fp32.
        rescale: Whether the 1st to 99th percentile of each crop is first stretched to [0, 1].

    References:
        A. Creswell, K. Arulkumaran, A. A. Bharath, On denoising autoencoders trained to minimise binary
        cross-entropy, 2017, arXiv:1708.08487 (the code that the published knee autoencoder builds on).
    """

    learns: ClassVar[Literal["nothing", "images", "labels"]] = "images"

    size: int = 64
    channels: tuple[int, ...] = (64, 128, 256, 256)
    latent: int = 100
    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 5e-4
    validation: float = 0.15
    patience: int = 10
    precision: Precision = "fp32"
    rescale: bool = False

    def build(self, *, seed: int) -> nn.Module:
        """Encoder and decoder.

        Raises:
            ValueError: `size` can't be halved by every convolution.
        """
        from torch import nn

        halvings = 2 ** len(self.channels)
        if self.size % halvings:
            raise ValueError(
                f"size ({self.size}) must be a multiple of {halvings}, as {len(self.channels)} convolutions halve it: "
                f"use size={max(1, round(self.size / halvings)) * halvings}"
            )
        side = self.size // halvings
        widths = (1, *self.channels)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for thin, wide in pairwise(widths):
            down += [nn.Conv2d(thin, wide, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
            up = [nn.LeakyReLU(0.2), nn.ConvTranspose2d(wide, thin, 4, stride=2, padding=1), *up]
        flat = self.channels[-1] * side**2
        encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, self.latent), nn.Sigmoid())
        decoder = nn.Sequential(nn.Linear(self.latent, flat), nn.Unflatten(1, (self.channels[-1], side, side)), *up)
        return nn.Sequential(encoder, decoder)

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedAutoencoder:
        """Trains on all slices of the images."""
        import torch

        parts = [self.prepare(images[i]) for i in range(len(images))]
        held = np.repeat(held_out(groups, self.validation, seed), [len(part) for part in parts])
        slices = torch.from_numpy(np.concatenate(parts))
        train, validation = slices[torch.from_numpy(~held)], slices[torch.from_numpy(held)]
        with seeded(seed):
            network = self.build(seed=seed).to(device).to(memory_format=torch.channels_last)
        curve = self._train(network, train, validation, seed=seed, device=device)
        shown = (validation if len(validation) else train)[:SHOWN]
        with torch.inference_mode():
            pairs = torch.stack([shown, network.eval()(shown.to(device)).cpu()])[:, :, 0]
        return FittedAutoencoder(self, network, curve, pairs.numpy(), device=device)

    def load(self, folder: Path, *, device: str) -> FittedAutoencoder:
        """What `FittedAutoencoder.save` wrote."""
        with seeded(0):
            network = self.build(seed=0)
        load_weights(network, read_weights(folder / "network.safetensors"), source=folder / "network.safetensors")
        curve = json.loads((folder / "learning_curve.json").read_text())
        return FittedAutoencoder(self, network, curve, np.load(folder / "reconstructions.npy"), device=device)

    def _train(self, network: Any, train: Any, validation: Any, *, seed: int, device: str) -> Curve:
        import torch

        optimizer = torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(0.5, 0.999))
        generator = torch.Generator().manual_seed(seed)
        curve: Curve = []
        best: dict[str, Tensor] = {}
        for epoch in range(1, self.epochs + 1):
            order: Any = torch.randperm(len(train), generator=generator)
            error = 0.0
            for rows in order.split(self.batch_size):
                batch = train[rows].to(device)
                loss: Any = torch.nn.functional.mse_loss(network(batch), batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                error += loss.item() * len(rows) / len(train)
            curve.append(
                {"epoch": epoch, "train_loss": error, "validation_loss": self._error(network, validation, device)}
            )
            if not len(validation):
                continue
            errors = [line["validation_loss"] for line in curve]
            since = epoch - 1 - int(np.argmin(errors))
            if since == 0:
                best = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
            elif since >= self.patience:
                break
        if best:
            network.load_state_dict(best)
        return curve

    def _error(self, network: Any, slices: Any, device: str) -> float:
        """Mean squared error of a pixel; NaN without slices."""
        import torch

        with torch.inference_mode():
            sums = [((network(part) - part) ** 2).sum().item() for part in slices.to(device).split(self.batch_size)]
        return sum(sums) / slices.numel() if len(slices) else float("nan")


class FittedAutoencoder(FrozenNetwork):
    """A trained autoencoder: encodes with its first half."""

    def __init__(self, settings: Cae2d, network: Any, curve: Curve, pairs: Float32, *, device: str) -> None:
        super().__init__(
            network[0],
            settings.prepare,
            device=device,
            precision=settings.precision,
            batch=settings.batch_size,
        )
        self._whole, self._curve, self._pairs = network, curve, pairs

    def save(self, folder: Path) -> None:
        """`network.safetensors`, `learning_curve.json`, `reconstructions.npy`."""
        from safetensors.torch import save_file

        save_file(
            {n: t.cpu().contiguous() for n, t in self._whole.state_dict().items()}, folder / "network.safetensors"
        )
        (folder / "learning_curve.json").write_text(json.dumps(self._curve, indent=1))
        np.save(folder / "reconstructions.npy", self._pairs)

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """`learning_curve` (epoch, train_loss, validation_loss); `reconstructions`: slices `(2, n, size, size)`."""
        import pandas as pd

        return {"learning_curve": pd.DataFrame(self._curve), "reconstructions": self._pairs}
