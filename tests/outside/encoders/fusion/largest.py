"""The largest value of each feature over the sequences."""

from dataclasses import dataclass

from encoders.fusion.base import Fused, Fusion, sequences_present


@dataclass(frozen=True, kw_only=True)
class Largest(Fusion):
    """The largest value of each feature over the sequences, absent ones filled."""

    words = "the largest value of each feature over the sequences"

    def fit(self, tokens, filled, y, *, classes, groups, seed, device):
        return fuse


def fuse(tokens, filled):
    present = sequences_present(tokens).any(axis=1)
    return Fused((filled.max(axis=1) * present[:, None])[None], present[None])
