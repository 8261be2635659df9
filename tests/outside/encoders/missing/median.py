"""The training median for a sequence that a sample lacks."""

from dataclasses import dataclass

import numpy as np

from encoders.missing.base import Missing


@dataclass(frozen=True, kw_only=True)
class Median(Missing):
    """The median of the sequence over the training samples that have it."""

    words = "the median of the sequence over the training samples"
    learns = True

    def fit(self, values, present, *, groups, seed):
        medians = np.zeros(values.shape[1:], dtype=np.float32)
        for sequence in np.flatnonzero(present.any(axis=0)):
            medians[sequence] = np.median(values[present[:, sequence], sequence], axis=0)
        return MedianFiller(medians)


class MedianFiller:
    def __init__(self, medians):
        self.medians = medians

    def __call__(self, values, present):
        return np.where(present[:, :, None], values, self.medians)
