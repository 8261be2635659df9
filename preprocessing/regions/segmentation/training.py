"""Trains a segmentation network on the training patients of a fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.describing.training import tell_progress
from encoders.networks.stopping import BestEpoch, held_out
from preprocessing.regions.networks.training import Curve
from preprocessing.regions.segmentation.classes import CLASSES
from preprocessing.regions.segmentation.network import weigh

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Case:
    """A scan on the network's grid.

    Args:
        patient: The patient whose scan it is.
        pixels: `(D, H, W)` float16, about 0 to 1.
        classes: `(D, H, W)` uint8.
    """

    patient: str
    pixels: NDArray[np.float16]
    classes: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class SegmentationTraining:
    """How a network is trained; the fields are those of the region `segmented`."""

    patch: tuple[int, ...]
    patches: int
    epochs: int
    batch_size: int
    learning_rate: float
    validation: float
    patience: int

    def run(self, network: nn.Module, cases: Sequence[Case], *, seed: int, device: str) -> Curve:
        """Trains in place; the best epoch is kept, or the last if nobody is held out.

        Returns:
            One entry per epoch: `epoch`, `train_loss`, `validation_dice` (NaN if nobody is held out).
        """
        import torch
        from monai.losses.dice import DiceCELoss

        held = held_out(np.asarray([case.patient for case in cases], dtype=np.str_), self.validation, seed)
        train = [case for case, out in zip(cases, held, strict=True) if not out]
        inner = [case for case, out in zip(cases, held, strict=True) if out]
        augment = augmentation(self.patch).set_random_state(seed)
        rng = np.random.default_rng(seed)
        weights = class_weights(train)
        weigh(network, weights)
        weight = torch.from_numpy(weights).to(device)
        loss_of: Any = DiceCELoss(softmax=True, to_onehot_y=True, include_background=False, batch=True, weight=weight)
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs)
        curve: Curve = []
        best = BestEpoch(network, self.patience)
        for epoch in range(1, self.epochs + 1):
            network.train()
            order = rng.permutation(np.repeat(np.arange(len(train)), self.patches))
            total = 0.0
            for start in range(0, len(order), self.batch_size):
                drawn = [self._drawn(train[i], augment, rng) for i in order[start : start + self.batch_size]]
                pixels = torch.stack([pixels for pixels, _ in drawn]).to(device)
                loss = loss_of(network(pixels), torch.stack([classes for _, classes in drawn]).to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(drawn) / len(order)
            schedule.step()
            dice = [_dice(probabilities(network, c.pixels, self.patch, device), c.classes) for c in inner]
            score = float(np.mean(dice)) if dice else float("nan")
            curve.append({"epoch": epoch, "train_loss": total, "validation_dice": score})
            tell_progress("epoch", epoch, self.epochs)
            if best.ends(-score):
                break
        best.restore()
        network.eval()
        return curve

    def _drawn(self, case: Case, augment: Any, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """An augmented patch, `(1, *patch)` each."""
        import torch

        part = slice(None)
        if len(self.patch) == 2:
            first = int(rng.integers(len(case.pixels)))
            part = slice(first, first + 1)
        pixels, classes = case.pixels[part].astype(np.float32), case.classes[part].astype(np.float32)
        if len(self.patch) == 3:
            pixels, classes = pixels[None], classes[None]
        out = augment({"pixels": torch.from_numpy(pixels), "classes": torch.from_numpy(classes)})
        return out["pixels"].as_tensor(), out["classes"].as_tensor()


def class_weights(cases: Sequence[Case]) -> Float32:
    """A weight for each class `(4,)` with mean 1: proportional to 1 / sqrt(share of voxels), 0 for an absent class.

    Without weights, a small SegResNet does not learn discs at all, since they are 4 % of the voxels.
    """
    counts = sum((np.bincount(case.classes.ravel(), minlength=len(CLASSES)) for case in cases), np.zeros(len(CLASSES)))
    weights = np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), 0)
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def augmentation(patch: tuple[int, ...]) -> Any:
    """A MONAI transform of `{"pixels": (1, ...), "classes": (1, ...)}` to a patch.

    Volumes are mirrored from left to right, but never from head to feet or front to back: no body looks like that.
    """
    import monai.transforms

    transforms: Any = monai.transforms
    both = ["pixels", "classes"]
    dims = len(patch)
    turn: Any = 0.15 if dims == 2 else (0.15, 0.05, 0.05)
    scale: Any = 0.15 if dims == 2 else (0.0, 0.15, 0.15)
    steps: list[Any] = [
        transforms.SpatialPadd(both, patch, mode="constant"),
        transforms.RandSpatialCropd(both, patch, random_size=False),
        transforms.RandAffined(
            both, prob=0.7, rotate_range=turn, scale_range=scale, mode=("bilinear", "nearest"), padding_mode="zeros"
        ),
        transforms.RandBiasFieldd(["pixels"], prob=0.3, coeff_range=(0.0, 0.3)),
        transforms.RandAdjustContrastd(["pixels"], prob=0.5, gamma=(0.7, 1.5)),
        transforms.RandScaleIntensityd(["pixels"], prob=0.5, factors=0.3),
        transforms.RandShiftIntensityd(["pixels"], prob=0.5, offsets=0.1),
        transforms.RandGaussianNoised(["pixels"], prob=0.3, std=0.05),
    ]
    if dims == 3:
        steps.insert(2, transforms.RandFlipd(both, prob=0.5, spatial_axis=0))
    return transforms.Compose(steps)


def probabilities(network: nn.Module, pixels: NDArray[np.floating], patch: tuple[int, ...], device: str) -> Float32:
    """The probability of each class `(4, D, H, W)`, from a window that slides over a scan `(D, H, W)`."""
    import torch
    from monai.inferers.inferer import SlidingWindowInferer

    slices = len(patch) == 2
    infer = SlidingWindowInferer(patch, sw_batch_size=8, overlap=0.25, mode="gaussian", sw_device=device, device="cpu")
    network.eval()
    with torch.inference_mode():
        given = torch.from_numpy(pixels.astype(np.float32))
        scores: Any = infer(given[:, None] if slices else given[None, None], network)
        found: Float32 = scores.softmax(dim=1).numpy()
    return found.transpose(1, 0, 2, 3) if slices else found[0]


def _dice(probabilities: Float32, classes: NDArray[np.uint8]) -> float:
    """The mean Dice of the classes that the scan shows, without the background."""
    found = probabilities.argmax(axis=0)
    scores = [
        2 * float(((found == c) & (classes == c)).sum()) / float((found == c).sum() + (classes == c).sum())
        for c in range(1, len(CLASSES))
        if (classes == c).any()
    ]
    return float(np.mean(scores)) if scores else 0.0
