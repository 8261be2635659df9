"""Which autoencoder rebuilds crops of other patients best: a sweep on inner folds of the training patients.

`python -m tests.studies.autoencoders crops DATA` reads the crops of SPIDER in the folder DATA;
`python -m tests.studies.autoencoders knees` draws phantom knees, each with and without noise. The patients of the first
of five folds are left out of everything; the others are cut in two, each half rebuilt by an autoencoder of the other.
Printed are means over both halves of: the root of the mean squared error beside that of PCA with as many components,
the spread, and how sharp reconstructions are. The sharpness is the slope of the reconstructions' gradients on those of
the truth: 1 where every edge has its full height, 0 where nothing is left of it. For knees the truth is the image
without noise, and the error of the gradients is given too, which edges that are not there raise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupKFold
from tabulate import tabulate

from data.base import Float32, Image
from data.phantom import knee_scan
from data.phantom.knee import draw_knees
from encoders.autoencoder import training
from encoders.cae_2d import Cae2d
from encoders.networks.pixels import stretch

KNEES = 40
SLICES = 12
MASKED, SQUARE = 0.25, 8
NOISE = 0.5

Objective = Callable[..., Any]


@dataclass(frozen=True)
class Pictures:
    """Images, their patients, and the same images without noise (the images themselves where there is none)."""

    images: list[Image]
    clean: list[Image]
    patients: NDArray[np.str_]


def crops(folder: Path) -> Pictures:
    """The T2 crops of SPIDER."""
    import pandas as pd

    table = pd.read_csv(folder / "labels.csv").query("sequence == 't2'")
    images = []
    for file in table["file"]:
        pixels = cv2.imread(str(folder / file), cv2.IMREAD_GRAYSCALE)
        assert pixels is not None
        images.append(Image(stretch(pixels[None].astype(np.float32)), np.eye(4)))
    return Pictures(images, images, table["patient"].to_numpy(str))


def knees() -> Pictures:
    """Middle slices of phantom knees; the scanner's noise is all that differs between a knee's two images."""
    noisy, clean, patients = [], [], []
    for patient in range(KNEES):
        for side, knee in enumerate(draw_knees(np.random.default_rng([patient, 0]), 1.0)):
            pair = []
            for noise in (knee_scan._NOISE, 0.0):
                rng = np.random.default_rng([patient, 1, side])
                shape = (2 * SLICES, 64, 64)
                with patch.object(knee_scan, "_NOISE", noise):
                    scan = knee_scan.scan_knee(rng, knee, knee_scan.knee_grid(rng, knee, shape), shape)
                pair.append(scan.pixels[SLICES // 2 : -SLICES // 2])
            low, high = np.percentile(pair[0], (1, 99))
            for images, pixels in zip((noisy, clean), pair, strict=True):
                images.append(Image(np.clip((pixels - low) / (high - low), 0, 1).astype(np.float32), np.eye(4)))
            patients.append(str(patient))
    return Pictures(noisy, clean, np.array(patients))


@contextmanager
def objective(change: Callable[[Objective], Objective] | None) -> Iterator[None]:
    """Trains with another objective while it is entered."""
    if change is None:
        yield
        return
    with patch.object(training, "objective", change(training.objective)):
        yield


def corrupted(corrupt: Callable[[Any], Any]) -> Callable[[Objective], Objective]:
    """The network sees changed inputs and is to give the unchanged ones; inputs held out are not changed."""

    def change(usual: Objective) -> Objective:
        def loss(network: Any, batch: Any, recipe: Any, noise: Any = None) -> Any:
            if not network.training:
                return usual(network, batch, recipe, noise)
            return ((network[1](network[0](corrupt(batch))) - batch) ** 2).mean()

        return loss

    return change


def masked(batch: Any) -> Any:
    """A quarter of the image in squares takes the mean of the batch."""
    import torch

    n, _, h, w = batch.shape
    keep = (torch.rand(n, 1, h // SQUARE, w // SQUARE) > MASKED).float()
    keep = keep.repeat_interleave(SQUARE, 2).repeat_interleave(SQUARE, 3)
    return batch * keep + batch.mean(dim=0) * (1 - keep)


def noisy(batch: Any) -> Any:
    """Noise of half the standard deviation between images."""
    import torch

    return batch + NOISE * batch.std(dim=0).mean() * torch.randn(batch.shape)


def with_gradients(usual: Objective) -> Objective:
    """Adds the squared error of the gradients along both axes."""

    def loss(network: Any, batch: Any, recipe: Any, noise: Any = None) -> Any:
        wrong = network[1](network[0](batch)) - batch
        return (wrong**2).mean() + (wrong.diff(dim=-1) ** 2).mean() + (wrong.diff(dim=-2) ** 2).mean()

    return loss


def absolute(usual: Objective) -> Objective:
    """The mean absolute error."""

    def loss(network: Any, batch: Any, recipe: Any, noise: Any = None) -> Any:
        return (network[1](network[0](batch)) - batch).abs().mean()

    return loss


VARIANTS: dict[str, tuple[dict[str, Any], Callable[[Objective], Objective] | None]] = {
    "default": ({}, None),
    "no augmentation": ({"augmentation": 0.0}, None),
    "half the channels": ({"channels": (8, 16, 32, 32)}, None),
    "twice the channels": ({"channels": (32, 64, 128, 128)}, None),
    "5x5 convolutions": ({"kernel": 5}, None),
    "a third of the learning rate": ({"learning_rate": 1e-3}, None),
    "half the steps": ({"steps": 1000}, None),
    "twice the steps": ({"steps": 4000}, None),
    "variational, beta .003": ({"variational": True, "beta": 0.003}, None),
    "variational, beta .03": ({"variational": True, "beta": 0.03}, None),
    "masked": ({}, corrupted(masked)),
    "denoising": ({}, corrupted(noisy)),
    "absolute error": ({}, absolute),
    "squared error of gradients too": ({}, with_gradients),
}

KNEE_VARIANTS = ["default", "twice the channels", "denoising", "absolute error", "squared error of gradients too"]


def sweep(data: Pictures, names: list[str], latent: int) -> list[list[object]]:
    """One row for each variant, after that of PCA."""
    kept, _ = next(GroupKFold(5, shuffle=True, random_state=0).split(data.images, groups=data.patients))
    halves = [(kept[a], kept[b]) for a, b in GroupKFold(2).split(kept, groups=data.patients[kept])]
    found: dict[str, list[list[float]]] = {"PCA": []}
    for name in names:
        fields, change = VARIANTS[name]
        encoder = Cae2d(latent=latent, **fields)
        for seen, unseen in halves:
            with objective(change):
                fitted = encoder.fit(
                    [data.images[i] for i in seen], None, groups=data.patients[seen], seed=0, device="cpu"
                )
            train = np.concatenate([encoder.prepare(data.images[i]) for i in seen])
            inputs, truth = (
                np.concatenate([encoder.prepare(images[i]) for i in unseen]) for images in (data.images, data.clean)
            )
            features = np.concatenate([fitted.features(part) for part in np.array_split(inputs, 20)])
            found.setdefault(name, []).append(_measures(fitted.decode(features), inputs, truth))
            if len(found["PCA"]) < len(halves):
                pca = PCA(latent, svd_solver="full").fit(train.reshape(len(train), -1))
                linear = pca.inverse_transform(pca.transform(inputs.reshape(len(inputs), -1)))
                found["PCA"].append(_measures(linear.reshape(inputs.shape), inputs, truth))
        print(name, np.mean(found[name], axis=0).round(4), file=sys.stderr, flush=True)
    return [[name, *np.mean(values, axis=0)] for name, values in found.items()]


def _measures(rebuilt: Float32, inputs: Float32, truth: Float32) -> list[float]:
    """RMSE against the inputs; spread; slope and error of gradients against the truth."""
    error = float(np.sqrt(np.mean((rebuilt - inputs) ** 2)))
    spread = float(rebuilt.var(axis=0).mean() / inputs.var(axis=0).mean())
    of_truth, of_rebuilt = (
        np.concatenate([np.diff(values, axis=axis).ravel() for axis in (-1, -2)]) for values in (truth, rebuilt)
    )
    slope = float(of_truth @ of_rebuilt / (of_truth @ of_truth))
    return [error, spread, slope, float(np.sqrt(np.mean((of_rebuilt - of_truth) ** 2)))]


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    which = sys.argv[1]
    found = (
        sweep(crops(Path(sys.argv[2])), list(VARIANTS), 32) if which == "crops" else sweep(knees(), KNEE_VARIANTS, 100)
    )
    columns = ["autoencoder", "RMSE", "spread", "sharpness", "error of gradients"]
    print(tabulate(found, columns, floatfmt=("", ".4f", ".2f", ".2f", ".4f")))
