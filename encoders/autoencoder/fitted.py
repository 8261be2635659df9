"""A trained autoencoder: encodes, decodes, and keeps pictures of what it learnt."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.autoencoder.recipe import CHANNELS, Recipe
from encoders.autoencoder.training import Curve, decode
from encoders.networks.torch_base import FrozenNetwork, Precision, exact

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8  # inputs, and depths of volumes above WHOLE voxels
WHOLE = 32**3
Pictures = dict[str, NDArray[Any]]


class FittedAutoencoder(FrozenNetwork):
    """A trained autoencoder, as `FittedEncoder`, with the way back.

    `encode(images)` gives `(T, latent)` for each image; `prepare(image)` gives what went in, `(T, C, *shape)`, to lay
    beside `decode(latents)`.

    Args:
        recipe: What it is made of; `recipe.shape` and, where crops are padded, `recipe.spacing_mm` say what a decoded
            array is.
        prepare: Maps an image to its inputs.
        network: What `build` gives, trained.
        curve: A line an epoch.
        pictures: Reconstructions by name.
        precision: Of encoding; decoding is in fp32.
        device: Where the network computes.
    """

    def __init__(
        self,
        recipe: Recipe,
        prepare: Callable[[Image], Float32],
        network: Any,
        curve: Curve,
        pictures: Pictures,
        *,
        precision: Precision,
        device: str,
    ) -> None:
        super().__init__(network[0], prepare, device=device, precision=precision, batch=recipe.batch_size)
        self.recipe = recipe
        self._whole = network.eval().requires_grad_(False)
        self._curve, self._pictures = curve, pictures

    @property
    def channels(self) -> tuple[str, ...]:
        """What the C channels of inputs and decoded arrays are: `intensity`, `mask` or both."""
        return CHANNELS[self.recipe.input]

    def decode(self, latents: Float32) -> Float32:
        """`(n, latent)` to `(n, C, H, W)` in 2D, `(n, C, D, H, W)` in 3D, float32.

        In the units of the inputs; where the loss is `bce` between 0 and 1, for a mask the share of a voxel inside.
        """
        import torch

        with exact(self.device):
            rows = torch.as_tensor(latents, dtype=torch.float32, device=self.device)
            return decode(self._whole[1], rows, self.recipe)

    def save(self, folder: Path) -> None:
        """`network.safetensors`, `learning_curve.json`, and the pictures as `.npy`."""
        from safetensors.torch import save_file

        tensors = {name: tensor.cpu().contiguous() for name, tensor in self._whole.state_dict().items()}
        save_file(tensors, folder / "network.safetensors")
        (folder / "learning_curve.json").write_text(json.dumps(self._curve, indent=1))
        for name, picture in self._pictures.items():
            np.save(folder / f"{name}.npy", picture)

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """What training left.

        `learning_curve` has the columns epoch, train_loss and validation_loss. `reconstructions` are inputs and what
        became of them, of held-out patients where there are any: `(2, n, H, W)` float32 or `(2, n, D, H, W)` float16.
        `evolution` `(epochs, n, ...)` is what became of the same inputs after each of `evolution_epochs`. With two
        channels these are the intensity, and `reconstructions_mask` and `evolution_mask` the mask. Of volumes above
        32,768 voxels 8 slices are kept, whose indices are `depths`.
        """
        import pandas as pd

        return {"learning_curve": pd.DataFrame(self._curve), **self._pictures}


def pictures(shown: Float32, rebuilt: Float32, evolution: Mapping[int, Float32], recipe: Recipe) -> Pictures:
    """The arrays that `FittedAutoencoder.artifacts` describes.

    Args:
        shown: Inputs `(n, C, *shape)`.
        rebuilt: The same from the network.
        evolution: From an epoch to the same from the network at that time.
        recipe: Says what the channels are.
    """
    found: Pictures = {}
    keep = np.float32 if len(recipe.shape) == 2 else np.float16
    depths = np.arange(recipe.shape[0])
    if len(recipe.shape) == 3 and np.prod(recipe.shape) > WHOLE:
        depths = np.unique(np.linspace(0, recipe.shape[0] - 1, SHOWN + 2).round().astype(int)[1:-1])
        found["depths"] = depths
    for channel, name in enumerate(CHANNELS[recipe.input]):
        end = f"_{name}" if channel else ""
        pairs = np.stack([shown[:, channel], rebuilt[:, channel]])
        found[f"reconstructions{end}"] = (pairs if "depths" not in found else pairs[:, :, depths]).astype(keep)
        if evolution:
            stages = np.stack([stage[:, channel] for stage in evolution.values()])
            found[f"evolution{end}"] = (stages if "depths" not in found else stages[:, :, depths]).astype(keep)
    if evolution:
        found["evolution_epochs"] = np.array(list(evolution))
    return found
