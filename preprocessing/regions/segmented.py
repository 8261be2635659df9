"""A box around a structure of the mask that a trained network draws."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.base import Box, Image, Vector3
from data.describing.plug_in import Description
from preprocessing.regions.base import Region, Scan, patient_digest
from preprocessing.regions.mask import Mask
from preprocessing.regions.networks.training import Curve, check_training
from preprocessing.regions.segmentation.classes import classes_of
from preprocessing.regions.segmentation.grid import Grid
from preprocessing.regions.segmentation.instances import instances
from preprocessing.regions.segmentation.network import Network, build, check_patch, check_width
from preprocessing.regions.segmentation.quality import quality
from preprocessing.regions.segmentation.training import Case, Training, probabilities

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

NETWORK, CURVE, PATIENTS = "network.safetensors", "learning_curve.json", "patients"


@dataclass(frozen=True, kw_only=True)
class Segmented(Region):
    """A box around a vertebra, disc or the canal in a mask that a network predicts.

    The network labels every voxel as background, vertebra, canal or disc; it learns from the SPIDER masks of the
    fold's training patients by Dice and cross-entropy, and the epoch with the best Dice on inner patients is kept.
    Where `validation` of the patients is less than one, nobody is held out, and the last epoch is kept. Discs are then
    parted and numbered from the bottom (201 is the lowest), as `mask_label` counts them. Discs whose
    middles lie less than 17 mm apart along the spine, as in small or child spines, may become one. The defaults are
    for two cores.

    Args:
        network: `"segresnet"`, `"unet"` or `"swin_unetr"`.
        width: Channels at full size; a multiple of 8 for segresnet, of 12 for swin_unetr.
        patch: Sides of the training patch and of the sliding window in voxels: `(H, W)` labels slice by slice, `(D, H,
            W)` in 3D. A multiple of 8 for segresnet, 16 for unet, 32 for swin_unetr.
        spacing: Of the network's grid of sagittal slices along D, H and W, mm; 0 keeps that axis.
        patches: Random patches of every scan an epoch.
        epochs: At most; the learning rate falls to 0 over them by a cosine.
        batch_size: Patches a training step.
        learning_rate: Of AdamW.
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

    fitted: ClassVar[bool] = True

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
            raise ValueError(f"spacing {self.spacing} must be three lengths in mm, 0 where the image's own is kept")
        check_training(self, ("patches", "epochs", "batch_size", "patience"))

    @property
    def learns(self) -> bool:
        """Whether the network is trained, and not given."""
        return not self.weights

    def fit(self, scans: Sequence[Scan], *, seed: int, device: str) -> FittedSegmentation:
        """Trains on the scans that have a mask, all held in memory on the network's grid (3 bytes a voxel).

        Raises:
            ValueError: No scan has a mask, or `weights` is no file of this network.
        """
        if self.weights:
            return FittedSegmentation(self, _read(self._network(0), self, Path(self.weights)), [], device=device)
        network = self._network(seed).to(device)
        cases = [case for case in (self._case(scan.patient, scan.image()) for scan in scans) if case is not None]
        if not cases:
            raise ValueError(f"none of {len(scans)} training scans has a mask to learn from: use `weights`, a file")
        training = Training(
            patch=self.patch,
            patches=self.patches,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            validation=self.validation,
            patience=self.patience,
        )
        curve = training.run(network, cases, seed=seed, device=device)
        patients = frozenset(patient_digest(case.patient) for case in cases)
        return FittedSegmentation(self, network, curve, device=device, patients=patients)

    def load(self, folder: Path, *, device: str) -> FittedSegmentation:
        """What `FittedSegmentation.save` wrote."""
        curve = json.loads((folder / CURVE).read_text())
        return FittedSegmentation(self, _read(self._network(0), self, folder / NETWORK), curve, device=device)

    def weights_digest(self) -> str:
        """The sha256 of the file of weights; empty where none is given.

        Raises:
            ValueError: There is no such file, or it was trained with other fields.
        """
        if not self.weights:
            return ""
        _check_file(self, Path(self.weights))
        with Path(self.weights).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def learnt_from(self) -> frozenset[str]:
        """See `Region.learnt_from`; told by the file."""
        from safetensors import safe_open

        if not self.weights:
            return frozenset()
        with safe_open(self.weights, framework="np") as file:
            return frozenset((file.metadata() or {}).get(PATIENTS, "").split())

    def trained(self) -> Segmented:
        """See `Region.trained`."""
        plain = Segmented()
        boxes = {name: getattr(plain, name) for name in ("label", "margin", "slices", "size", "square")}
        return replace(self, **boxes)

    def box(self) -> Mask:
        """The region that finds the box in the predicted mask."""
        return Mask(label=self.label, margin=self.margin, slices=self.slices, size=self.size, square=self.square)

    def _network(self, seed: int) -> nn.Module:
        return build(self.network, dims=len(self.patch), width=self.width, seed=seed)

    def _case(self, patient: str, image: Image | None) -> Case | None:
        if image is None or image.mask is None:
            return None
        grid = Grid.of(image, self.spacing)
        return Case(patient, grid.pixels(image).astype(np.float16), grid.labels(classes_of(image.mask)))

    def describe(self) -> Description:
        """With the network's paper; weights from a file are not trained."""
        found = super().describe()
        network = ("myronenko2018",) if self.network == "segresnet" else ()
        return replace(
            found,
            cites=(*network, *found.cites),
            stops_early=self.learns and self.validation > 0,
            weights="random" if self.learns else "file",
        )


class FittedSegmentation:
    """A trained network that draws the mask, as `FittedRegion`."""

    def __init__(
        self,
        settings: Segmented,
        network: nn.Module,
        curve: Curve,
        *,
        device: str,
        patients: frozenset[str] = frozenset(),
    ) -> None:
        self._settings, self._curve, self._device, self._patients = settings, curve, device, patients
        self._network = network.eval().requires_grad_(False).to(device)
        self._box = settings.box()

    def prepare(self, image: Image) -> Image:
        """The image with the predicted mask, at its own resolution and in its own orientation."""
        grid = Grid.of(image, self._settings.spacing)
        found = probabilities(self._network, grid.pixels(image), self._settings.patch, self._device)
        return replace(image, mask=instances(grid.classes(found), image.affine))

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The structure's box in a prepared image; None where the network has not found it."""
        return self._box.locate(image, sample)

    def rate(self, given: Image, prepared: Image) -> Mapping[str, float]:
        """Dice and 95 % Hausdorff distance (mm) of each class, and the shares of discs found and numbered rightly."""
        if given.mask is None or prepared.mask is None:
            return {}
        found = dict(quality(given.mask, prepared.mask, given.spacing))
        discs, _, seen, numbered = (found.pop(f"discs{name}") for name in ("", "_predicted", "_found", "_numbered"))
        shares = {"discs_found": seen, "discs_numbered": numbered}
        return found | {name: n / discs if discs else float("nan") for name, n in shares.items()}

    def save(self, folder: Path) -> None:
        """`network.safetensors`, which `weights` takes, and `learning_curve.json`."""
        from safetensors.torch import save_file

        tensors = {name: tensor.cpu().contiguous() for name, tensor in self._network.state_dict().items()}
        told = _shape_of(self._settings) | {PATIENTS: " ".join(sorted(self._patients))}
        save_file(tensors, folder / NETWORK, metadata=told)
        (folder / CURVE).write_text(json.dumps(self._curve, indent=1))

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """`learning_curve`: epoch, train_loss, validation_dice; empty where weights were given."""
        import pandas as pd

        return {"learning_curve": pd.DataFrame(self._curve, columns=["epoch", "train_loss", "validation_dice"])}


def _shape_of(settings: Segmented) -> dict[str, str]:
    """What weights are tied to."""
    return {
        "network": settings.network,
        "width": str(settings.width),
        "dimensions": str(len(settings.patch)),
        "spacing": str(tuple(float(s) for s in settings.spacing)),
    }


def _check_file(settings: Segmented, path: Path) -> None:
    """Refuses a file of weights by what it says of itself, which is read without torch.

    Raises:
        ValueError: There is no such file, or it was trained with other fields.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ValueError(f"weights '{path}' is not a file: give one, or '' to train")
    try:
        with safe_open(path, framework="numpy") as file:
            trained = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"weights '{path}' is no .safetensors file ({error}): give network.safetensors") from error
    wanted = _shape_of(settings)
    other = [
        f"{n} is {trained.get(n, 'not told')}, not {value}" for n, value in wanted.items() if trained.get(n) != value
    ]
    if other:
        raise ValueError(f"weights '{path}' were trained with other fields: {'; '.join(other)}")


def _read(network: nn.Module, settings: Segmented, path: Path) -> nn.Module:
    """The network with the weights of a file.

    Raises:
        ValueError: There is no such file, or it was trained with other fields.
    """
    from safetensors.torch import load_file

    _check_file(settings, path)
    network.load_state_dict(load_file(path))
    return network
