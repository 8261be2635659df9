"""The base of convolutional autoencoders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from data.describing.plug_in import Description
from encoders.autoencoder.fitted import SHOWN, FittedAutoencoder, Pictures, pictures
from encoders.autoencoder.inputs import prepare
from encoders.autoencoder.recipe import CHANNELS, AutoencoderRecipe, Input, Loss, Placing, check, one_of
from encoders.autoencoder.training import TrainingRun, reconstruct, train
from encoders.base import Encoder
from encoders.networks.stopping import held_out
from encoders.networks.torch_base import Precision, exact, seeded
from encoders.networks.weights import load_weights, read_weights

if TYPE_CHECKING:
    from torch import nn

ROUNDING = 1e-4
SMALL = 1 << 26
"""Up to this size (inputs in a batch x their voxels x channels of the first convolution) more threads gain nothing."""


@dataclass(frozen=True, kw_only=True)
class Autoencoder(Encoder):
    """The fields of an autoencoder and its training; name it before the base of encoders.

    A plug-in adds `size`. Fields that are 0 or empty take the value of the preset, one of `presets`.
    """

    learns: ClassVar[Literal["nothing", "images", "labels"]] = "images"
    rebuilds: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, AutoencoderRecipe]]

    preset: str = "compact"
    channels: tuple[int, ...] = ()
    kernel: int = 0
    latent: int = 0
    input: Input = ""
    loss: Loss = ""
    placing: Placing = ""
    spacing_mm: tuple[float, ...] = ()
    variational: bool = False
    beta: float = 1.0
    steps: int = 0
    batch_size: int = 0
    learning_rate: float = 0.0
    validation: float = 0.15
    patience: int = 500
    augmentation: float | None = None
    precision: Precision = "fp32"
    rescale: bool = False

    def __post_init__(self) -> None:
        check(self.recipe())
        if self.patience < 1:
            raise ValueError(f"patience ({self.patience}) must be 1 or more")
        if not 0 <= self.validation < 1:
            raise ValueError(f"validation ({self.validation}) must be from 0 to below 1")

    @property
    def lane(self) -> Literal["cpu", "torch"]:  # type: ignore[override]
        """Where it is trained without a GPU: small networks several at a time, with one thread each."""
        recipe = self.recipe()
        return "cpu" if recipe.batch_size * recipe.channels[0] * prod(recipe.shape) <= SMALL else "torch"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the input, `(H, W)` or `(D, H, W)`; empty takes the preset's."""
        raise NotImplementedError

    def needs_structure(self) -> bool:
        """Whether a channel of its input is the mask."""
        return self.recipe().input != "intensity"

    def recipe(self) -> AutoencoderRecipe:
        """The preset, changed by the fields that are set.

        Raises:
            ValueError: A field has a value that it does not take, or lengths for another number of axes.
        """
        preset = self.presets[one_of("preset", self.preset, self.presets)]
        known = {field.name for field in fields(AutoencoderRecipe)} & {field.name for field in fields(self)}
        given = {name: value for name in known if (value := getattr(self, name)) not in (0, "", (), None)}
        if self.shape:
            given["shape"] = self.shape
        if self.augmentation is not None:
            given["augmentation"] = self.augmentation
        recipe = replace(preset, **given | {"variational": self.variational, "beta": self.beta})
        one_of("input", recipe.input, CHANNELS)
        one_of("loss", recipe.loss, ("mse", "bce"))
        one_of("placing", recipe.placing, ("resize", "pad"))
        for name, lengths in (("size", recipe.shape), ("spacing_mm", recipe.spacing_mm)):
            if len(lengths) != len(preset.shape):
                raise ValueError(f"{name} ({list(lengths)}) must have {len(preset.shape)} numbers, one for each axis")
        return recipe

    def prepare(self, image: Image) -> Float32:
        """The inputs of one image, one for each token: `(T, C, *shape)`."""
        return prepare(image, self.recipe(), rescale=self.rescale)

    def build(self, *, seed: int) -> nn.ModuleList:
        """The untrained encoder and decoder, and the layer of the log variance if variational."""
        from encoders.autoencoder.network import build

        with seeded(seed):
            return build(self.recipe())

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedAutoencoder:
        """Trains on all inputs of the images.

        Raises:
            ValueError: The loss is `bce` and an input lies outside 0 to 1.
        """
        import torch

        from encoders.autoencoder.network import centre

        recipe = self.recipe()
        parts = [self.prepare(images[i]) for i in range(len(images))]
        held = np.repeat(held_out(groups, self.validation, seed), [len(part) for part in parts])
        inputs = torch.from_numpy(np.concatenate(parts))
        if recipe.loss == "bce" and max(-float(inputs.min()), float(inputs.max()) - 1) > ROUNDING:
            raise ValueError(
                f"inputs from {float(inputs.min()):.2g} to {float(inputs.max()):.2g} have no binary cross-entropy: "
                "set loss=mse or rescale=true, or use the image step grayscale"
            )
        training, validation = inputs[torch.from_numpy(~held)], inputs[torch.from_numpy(held)]
        of_shown = validation if len(validation) else training
        shown = of_shown[np.unique(np.linspace(0, len(of_shown) - 1, SHOWN).round().astype(int))]
        network = self._on(device, seed)
        centre(network, training)
        settings = TrainingRun(patience=self.patience, seed=seed, device=device)
        with exact(device):
            curve, evolution = train(network, training, validation, recipe, settings, shown)
            rebuilt = reconstruct(network.eval(), shown, recipe, device)
        kept = pictures(shown.numpy(), rebuilt, evolution, recipe)
        return self._fitted(network, curve, kept, device)

    def load(self, folder: Path, *, device: str) -> FittedAutoencoder:
        """What `FittedAutoencoder.save` wrote."""
        network = self._on(device, 0)
        load_weights(network, read_weights(folder / "network.safetensors"), source=folder / "network.safetensors")
        curve = json.loads((folder / "learning_curve.json").read_text())
        kept = {file.stem: np.load(file) for file in sorted(folder.glob("*.npy"))}
        return self._fitted(network, curve, kept, device)

    def _on(self, device: str, seed: int) -> Any:
        import torch

        flat = len(self.recipe().shape) == 2
        network = self.build(seed=seed).to(device)
        return network.to(memory_format=torch.channels_last) if flat else network

    def _fitted(self, network: Any, curve: Any, kept: Pictures, device: str) -> FittedAutoencoder:
        return FittedAutoencoder(
            self.recipe(), self.prepare, network, curve, kept, precision=self.precision, device=device
        )

    def describe(self) -> Description:
        """The description: training starts from random weights; with the papers of what the fields add."""
        found, recipe = super().describe(), self.recipe()
        added = {
            "creswell2017": recipe.squashed,
            "wuhe2018": recipe.norm == "group",
            "kingma2014": recipe.variational,
        }
        cites = (*found.cites, *(key for key, used in added.items() if used))
        return replace(found, cites=cites, stops_early=self.validation > 0, weights="random")
