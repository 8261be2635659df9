"""A box around a structure in a mask that a trained network predicts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from data.base import Image, Vector3
from data.describing.plug_in import Description
from encoders.networks.weights import file_digest
from preprocessing.regions.base import Region, Study, patient_digest
from preprocessing.regions.mask import Mask
from preprocessing.regions.networks.training import Curve, check_training
from preprocessing.regions.segmentation import weights_file
from preprocessing.regions.segmentation.classes import classes_of
from preprocessing.regions.segmentation.fitted import CURVE, NETWORK, FittedSegmented
from preprocessing.regions.segmentation.network import Network, build, check_patch, check_width
from preprocessing.regions.segmentation.training import Case, SegmentationTraining
from preprocessing.regions.segmentation.voxel_grid import VoxelGrid

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Segmented(Region):
    """A box around a vertebra, disc or the canal in a mask that a network predicts.

    The network labels every voxel as background, vertebra, canal or disc; it learns from the SPIDER masks of the
    fold's training patients by Dice and cross-entropy, and the epoch with the best Dice on inner patients is kept.
    If the share `validation` is less than one patient, nobody is held out, and the last epoch is kept. The discs of a
    predicted mask are parted and numbered from the bottom (201 is the lowest), as `mask_label` counts them. Discs whose
    middles lie less than 17 mm apart along the spine, as in small or child spines, may become one. The defaults are
    for two cores.

    Args:
        network: `"segresnet"`, `"unet"` or `"swin_unetr"`.
        width: Channels at full size; a multiple of 8 for segresnet, of 12 for swin_unetr.
        patch: Sides of the training patch and of the sliding window in voxels: `(H, W)` labels slice by slice, `(D, H,
            W)` in 3D. A multiple of 8 for segresnet, 16 for unet, 32 for swin_unetr.
        spacing: The spacing of the network's sagittal grid along D, H and W, mm; 0 keeps the image's spacing.
        patches: The random patches of every scan in an epoch.
        epochs: The most epochs; the learning rate falls to 0 over them along a cosine.
        batch_size: Patches in a training step.
        learning_rate: The learning rate of AdamW.
        validation: Share of the training patients held out to stop early.
        patience: Epochs without a better Dice before training stops.
        weights: A file of trained weights (`network.safetensors` of a run); then nothing is learnt.
        label: As in the region `mask`.
        margin: As in the region `mask`, mm.
        slices: As in the region `mask`.
        size: As in the region `mask`, mm.
        square: As in the region `mask`.

    References:
        A. Myronenko, 3D MRI brain tumor segmentation using autoencoder regularization, 2018, arXiv:1810.11654.
        F. Isensee et al., nnU-Net, Nature Methods 18, 2021, doi:10.1038/s41592-020-01008-z (Dice + cross-entropy).
    """

    words = "a box around the structure in a mask that a network predicts, trained with Dice and cross-entropy"
    cites = ("isensee2021",)
    packages = ("torch", "monai")

    network: Network = "segresnet"
    width: int = 8
    patch: tuple[int, ...] = (160, 96)
    spacing: Vector3 = (0.0, 1.25, 1.25)
    patches: int = 16
    epochs: int = 12
    batch_size: int = 8
    learning_rate: float = 3e-3
    validation: float = 0.15
    patience: int = 10
    weights: str = ""
    label: str | int = "mask_label"
    margin: float = 5.0
    slices: int | None = 1
    size: float = 0.0
    square: bool = True

    def __post_init__(self) -> None:
        check_patch(self.network, self.patch)
        check_width(self.network, self.width)
        if len(self.spacing) != 3 or min(self.spacing) < 0:
            raise ValueError(f"spacing {self.spacing} must be three lengths in mm; 0 keeps the image's own")
        check_training(self, ("patches", "epochs", "batch_size", "patience"))

    @property
    def learns(self) -> Literal["nothing", "images"]:
        """`"nothing"` if weights are given, otherwise `"images"`."""
        return "nothing" if self.weights else "images"

    def gives_structure(self) -> bool:
        """True: that of the predicted mask."""
        return True

    def needs_masks(self) -> bool:
        """Whether it learns, which it does from masks."""
        return not self.weights

    def fit(self, studies: Sequence[Study], *, seed: int, device: str) -> FittedSegmented:
        """Trains on the scans that have a mask; all are held in memory on the network's grid (3 bytes per voxel).

        Raises:
            ValueError: No scan has a mask.
            WeightsError: `weights` is no file of this network.
        """
        if self.weights:
            return self._fitted(self._read(Path(self.weights)), [], device)
        network = self._network(seed).to(device)
        scans = [(study.patient, read) for study in studies for read in study.images.values()]
        cases = [case for case in (self._case(patient, read()) for patient, read in scans) if case is not None]
        if not cases:
            raise ValueError(f"none of {len(scans)} training scans has a mask to learn from: name a file in `weights`")
        training = SegmentationTraining(
            patch=self.patch,
            patches=self.patches,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            validation=self.validation,
            patience=self.patience,
        )
        curve = training.run(network, cases, seed=seed, device=device)
        return self._fitted(network, curve, device, frozenset(patient_digest(case.patient) for case in cases))

    def load(self, folder: Path, *, device: str) -> FittedSegmented:
        """Reads what `FittedSegmented.save` wrote."""
        curve = json.loads((folder / CURVE).read_text())
        return self._fitted(self._read(folder / NETWORK), curve, device)

    def weights_digest(self) -> str:
        """The sha256 of the file of weights; empty if none is given.

        Raises:
            WeightsError: There is no such file, or it was trained with other fields.
        """
        if not self.weights:
            return ""
        weights_file.check(Path(self.weights), self._facts)
        return file_digest(self.weights)

    def learnt_from(self) -> frozenset[str]:
        """See `Region.learnt_from`; the file of weights holds it."""
        return weights_file.learnt_from(Path(self.weights)) if self.weights else frozenset()

    def trained(self) -> Segmented:
        """See `Region.trained`."""
        plain = Segmented()
        boxes = {name: getattr(plain, name) for name in ("label", "margin", "slices", "size", "square")}
        return replace(self, **boxes)

    @property
    def _facts(self) -> dict[str, str]:
        """The fields that weights are tied to."""
        return {
            "network": self.network,
            "width": str(self.width),
            "dimensions": str(len(self.patch)),
            "spacing": str(tuple(float(s) for s in self.spacing)),
        }

    def _fitted(
        self, network: nn.Module, curve: Curve, device: str, patients: frozenset[str] = frozenset()
    ) -> FittedSegmented:
        return FittedSegmented(
            network,
            Mask(label=self.label, margin=self.margin, slices=self.slices, size=self.size, square=self.square),
            patch=self.patch,
            spacing=self.spacing,
            facts=weights_file.facts(self._facts, patients),
            curve=curve,
            device=device,
        )

    def _read(self, path: Path) -> nn.Module:
        return weights_file.read(self._network(0), path, self._facts)

    def _network(self, seed: int) -> nn.Module:
        return build(self.network, dims=len(self.patch), width=self.width, seed=seed)

    def _case(self, patient: str, image: Image | None) -> Case | None:
        if image is None or image.mask is None:
            return None
        grid = VoxelGrid.of(image, self.spacing)
        return Case(patient, grid.pixels(image).astype(np.float16), grid.labels(classes_of(image.mask)))

    def describe(self) -> Description:
        """The description, with the network's paper; weights from a file are not trained."""
        found = super().describe()
        network = ("myronenko2018",) if self.network == "segresnet" else ()
        return replace(
            found,
            cites=(*network, *found.cites),
            stops_early=self.learns == "images" and self.validation > 0,
            weights="random" if self.learns == "images" else "file",
        )
