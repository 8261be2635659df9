"""A trained autoencoder, which encodes, decodes and keeps pictures of its training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.autoencoder.recipe import CHANNELS, AutoencoderRecipe
from encoders.autoencoder.training import Curve, decode
from encoders.networks.torch_base import FrozenNetwork, Precision, exact

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8  # reconstructed inputs, and slices of volumes above WHOLE voxels
WHOLE = 32**3
Pictures = dict[str, NDArray[Any]]


class FittedAutoencoder(FrozenNetwork):
    """A trained autoencoder as a `FittedEncoder` that also decodes.

    `encode(images)` gives `(T, latent)` for each image. `prepare(image)` gives the inputs `(T, C, *shape)`, to compare
    with `decode(latents)`.

    Args:
        recipe: Its recipe. A decoded array has `recipe.shape` and, where crops are padded, `recipe.spacing_mm`.
        prepare: Maps an image to its inputs.
        network: The trained network from `build`.
        curve: The losses of each check.
        pictures: Reconstructions by name.
        precision: Precision of encoding; decoding is in fp32.
        device: Where the network computes.
    """

    def __init__(
        self,
        recipe: AutoencoderRecipe,
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
        """The names of the C channels of inputs and decoded arrays: `intensity`, `mask` or both."""
        return CHANNELS[self.recipe.input]

    def decode(self, latents: Float32) -> Float32:
        """`(n, latent)` to `(n, C, H, W)` in 2D, `(n, C, D, H, W)` in 3D, float32.

        The units are those of the inputs. With the loss `bce` values lie between 0 and 1; for a mask they are the share
        of the voxel inside.
        """
        import torch

        with exact(self.device):
            rows = torch.as_tensor(latents, dtype=torch.float32, device=self.device)
            return decode(self._whole[1], rows, self.recipe)

    def rate(self, seen: Sequence[Image], unseen: Sequence[Image]) -> pd.DataFrame:
        """See `FittedDecoder.rate`; the columns are those of `encoders.autoencoder.quality.rate`."""
        from encoders.autoencoder.quality import rate

        before, after = (self._inputs(images) for images in (seen, unseen))
        latents = np.concatenate([self.features(part) for part in np.array_split(after, -(-len(after) // self.batch))])
        return rate(before, after, self.decode(latents), self.channels, self.recipe.latent)

    def _inputs(self, images: Sequence[Image]) -> Float32:
        return np.concatenate([self.prepare(images[i]) for i in range(len(images))])

    def save(self, folder: Path) -> None:
        """`network.safetensors`, `learning_curve.json`, and the pictures as `.npy`."""
        from safetensors.torch import save_file

        tensors = {name: tensor.cpu().contiguous() for name, tensor in self._whole.state_dict().items()}
        save_file(tensors, folder / "network.safetensors")
        (folder / "learning_curve.json").write_text(json.dumps(self._curve, indent=1))
        for name, picture in self._pictures.items():
            np.save(folder / f"{name}.npy", picture)

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """The learning curve and reconstructions.

        `learning_curve` has the columns epoch, train_loss and validation_loss. `reconstructions` holds inputs and their
        reconstructions, of held-out patients if there are any: `(2, n, H, W)` float32 or `(2, n, D, H, W)` float16.
        `evolution` `(m, n, ...)` holds the reconstructions of the same inputs after each of the m `evolution_steps`.
        With two channels these arrays hold the intensity, and `reconstructions_mask` and `evolution_mask` the mask. Of
        volumes above 32,768 voxels 8 slices are kept; `depths` are their indices.
        """
        import pandas as pd

        return {"learning_curve": pd.DataFrame(self._curve), **self._pictures}


def pictures(shown: Float32, rebuilt: Float32, evolution: Mapping[int, Float32], recipe: AutoencoderRecipe) -> Pictures:
    """The arrays that `FittedAutoencoder.artifacts` describes.

    Args:
        shown: Inputs `(n, C, *shape)`.
        rebuilt: Their reconstructions.
        evolution: Their reconstructions by the training step after which they were made.
        recipe: Names the channels.
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
        found["evolution_steps"] = np.array(list(evolution))
    return found
