"""Principal components of coarse pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from safetensors.numpy import load_file, save_file

from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class Components(Encoder):
    """Principal components of the coarse pixels of each slice."""

    words = "principal components of the coarse pixels of each slice"
    cites = ("@article{lindqvist2003,\n  author={Lindqvist, Eva},\n  title={Coarse Pixels},\n  year={2003}\n}",)
    packages = ("opencv-python-headless",)
    learns = "images"
    number: int = 4

    def fit(self, images, y, *, groups, seed, device):
        pixels = np.concatenate([coarse(images[i]) for i in range(len(images))])
        axes = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)[2]
        return Axes({"mean": pixels.mean(axis=0), "axes": axes[: self.number].copy()})

    def load(self, folder, *, device):
        return Axes(load_file(folder / "axes.safetensors"))


@dataclass
class Axes:
    arrays: dict

    def encode(self, images):
        yield from ((coarse(image) - self.arrays["mean"]) @ self.arrays["axes"].T for image in images)

    def save(self, folder):
        save_file(self.arrays, folder / "axes.safetensors")

    def artifacts(self):
        return self.arrays


def coarse(image):
    return np.stack([cv2.resize(one, (8, 8), interpolation=cv2.INTER_AREA).ravel() for one in image.pixels])
