"""The likelihood of a scan under each class."""

import json
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class Likelihoods(Encoder):
    """The log-likelihood of a scan's histogram under each class, as normal distributions with one variance."""

    words = "the log-likelihood of the histogram of the scan under each class"
    cites = ("@misc{adeyemi2015,\n  author={Adeyemi, Tunde},\n  title={Histograms of Classes},\n  year={2015}\n}",)
    packages = ("scipy",)
    learns = "labels"
    classifies = True
    bins: int = 16

    def fit(self, images, y, *, groups, seed, device):
        found = np.stack([histogram(images[i], self.bins) for i in range(len(images))])
        return Means([found[y == k].mean(axis=0).tolist() for k in np.unique(y)], found.var(axis=0).mean())

    def load(self, folder, *, device):
        return Means(**json.loads((folder / "means.json").read_text()))


@dataclass
class Means:
    means: list
    variance: float

    def encode(self, images):
        for image in images:
            away = np.asarray(self.means) - histogram(image, len(self.means[0]))
            yield -((away**2).sum(axis=1) / self.variance / 2)[None].astype(np.float32)

    def log_probabilities(self, tokens):
        return log_softmax(tokens, axis=1)

    def save(self, folder):
        (folder / "means.json").write_text(json.dumps({"means": self.means, "variance": float(self.variance)}))

    def artifacts(self):
        return {"means": np.asarray(self.means)}


def histogram(image, bins):
    return np.histogram(image.pixels, bins, range=(0, 1))[0] / image.pixels.size
