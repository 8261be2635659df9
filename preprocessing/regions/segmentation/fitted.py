"""The fitted region `segmented`: it predicts masks and finds boxes in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Box, Image, Vector3
from preprocessing.regions.base import FittedRegion, Study
from preprocessing.regions.mask import Mask
from preprocessing.regions.networks.training import Curve
from preprocessing.regions.segmentation.instances import instances
from preprocessing.regions.segmentation.quality import quality
from preprocessing.regions.segmentation.training import probabilities
from preprocessing.regions.segmentation.voxel_grid import VoxelGrid

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

NETWORK, CURVE = "network.safetensors", "learning_curve.json"


class FittedSegmented(FittedRegion):
    """A trained network that predicts the mask.

    Args:
        network: The network from patches to a score for each class.
        box: The region `mask`, which finds the box.
        patch: The sides of the sliding window, voxels.
        spacing: The spacing of the network's grid, mm.
        facts: The facts that its file keeps with the weights.
        curve: One row per epoch; empty if weights were given.
        device: Where the network computes.
    """

    def __init__(
        self,
        network: nn.Module,
        box: Mask,
        *,
        patch: tuple[int, ...],
        spacing: Vector3,
        facts: Mapping[str, str],
        curve: Curve,
        device: str,
    ) -> None:
        self._network = network.eval().requires_grad_(False).to(device)
        self._box, self._patch, self._spacing = box, patch, spacing
        self._facts, self._curve, self._device = dict(facts), curve, device

    def look(self, study: Study) -> Study:
        """The study with predicted masks; each mask is predicted when its scan is first read."""
        drawn = {sequence: cache(partial(self._drawn, read)) for sequence, read in study.images.items()}
        return replace(study, images=drawn)

    def draw(self, image: Image) -> Image:
        """The image with the predicted mask, at its own resolution and in its own orientation."""
        grid = VoxelGrid.of(image, self._spacing)
        found = probabilities(self._network, grid.pixels(image), self._patch, self._device)
        return replace(image, mask=instances(grid.classes(found), image.affine))

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The structure's box in the predicted mask; None if the network has not found it."""
        return self._box.locate(image, sample)

    def rate(self, given: Study, seen: Study) -> pd.DataFrame:
        """Dice and 95 % Hausdorff distance (mm) of each class, and the shares of discs found and numbered rightly."""
        import pandas as pd

        rows = [
            _quality(image, drawn.mask)
            for image, drawn in ((read(), seen.images[name]()) for name, read in given.images.items())
            if image is not None and image.mask is not None and drawn is not None and drawn.mask is not None
        ]
        return pd.DataFrame(rows, index=pd.Index([given.study] * len(rows), name="study"))

    def save(self, folder: Path) -> None:
        """Writes `network.safetensors`, which `weights` takes, and `learning_curve.json`."""
        from safetensors.torch import save_file

        tensors = {name: tensor.cpu().contiguous() for name, tensor in self._network.state_dict().items()}
        save_file(tensors, folder / NETWORK, metadata=self._facts)
        (folder / CURVE).write_text(json.dumps(self._curve, indent=1))

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """`learning_curve`: epoch, train_loss, validation_dice; empty if weights were given."""
        import pandas as pd

        return {"learning_curve": pd.DataFrame(self._curve, columns=["epoch", "train_loss", "validation_dice"])}

    def _drawn(self, read: Callable[[], Image | None]) -> Image | None:
        image = read()
        return None if image is None else self.draw(image)


def _quality(given: Image, drawn: NDArray[np.int16]) -> dict[str, float]:
    assert given.mask is not None
    found = dict(quality(given.mask, drawn, given.spacing))
    discs, _, seen, numbered = (found.pop(f"discs{name}") for name in ("", "_predicted", "_found", "_numbered"))
    shares = {"discs_found": seen, "discs_numbered": numbered}
    return found | {name: n / discs if discs else float("nan") for name, n in shares.items()}
