"""The contract of an encoder, the tokens that it makes, and the base of all torch encoders."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from data.describing.plug_in import Description, PlugIn, WeightsFrom

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 1 << 26  # bytes of tokens that are read at a time


@dataclass(frozen=True, eq=False)
class Tokens:
    """The embedding of one sequence for N samples.

    Args:
        values: `(M, T, F)` float32, memory-mapped where it comes from the store; a token a slice, T = 1 for volumes.
        present: `(M, T)` bool; False where an entry has fewer than T slices.
        rows: `(N,)` int64 from samples to entries; -1 where the sample lacks the sequence.
    """

    values: Float32
    present: NDArray[np.bool_]
    rows: NDArray[np.int64]

    def take(self, samples: NDArray[np.int64]) -> Tokens:
        """The tokens of some samples, by position; values are shared."""
        return replace(self, rows=self.rows[samples])

    def gather(self) -> tuple[Float32, NDArray[np.bool_]]:
        """`(N, T, F)` float32 and `(N, T)` bool in memory; zeros and False where a sample lacks the sequence."""
        have = self.rows >= 0
        values = np.zeros((len(self.rows), *self.values.shape[1:]), dtype=np.float32)
        values[have] = self.values[self.rows[have]]
        present = np.zeros((len(self.rows), self.present.shape[1]), dtype=bool)
        present[have] = self.present[self.rows[have]]
        return values, present

    def means(self) -> tuple[Float32, NDArray[np.bool_]]:
        """The mean over the slices present: `(N, F)` float32 and `(N,)` bool, read in chunks."""
        out = np.zeros((len(self.rows), self.values.shape[2]), dtype=np.float32)
        have = np.zeros(len(self.rows), dtype=bool)
        step = self.samples_in(CHUNK)
        for start in range(0, len(self.rows), step):
            part = slice(start, start + step)
            values, present = replace(self, rows=self.rows[part]).gather()
            count = present.sum(axis=1)
            have[part] = count > 0
            total = np.einsum("ntf,nt->nf", values, present.astype(np.float32))
            out[part] = total / np.maximum(count, 1)[:, None].astype(np.float32)
            self.release()
        return out, have

    def entries(self) -> Iterator[Float32]:
        """The tokens present `(m, F)` of the entries that samples lead to, each entry once, in chunks."""
        used = np.unique(self.rows[self.rows >= 0])
        step = self.samples_in(CHUNK)
        for start in range(0, len(used), step):
            part = used[start : start + step]
            yield self.values[part][self.present[part]]
            self.release()

    def samples_in(self, size: int) -> int:
        """How many samples' tokens lie in so many bytes; at least 1."""
        _, slices, features = self.values.shape
        return int(max(1, size // max(1, 4 * slices * features)))

    def release(self) -> None:
        """Gives back the memory of what was read from a mapped file; it is read again when asked for."""
        if isinstance(self.values, np.memmap) and self.values.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
            mapped: Any = self.values
            mapped._mmap.madvise(mmap.MADV_DONTNEED)


class FittedEncoder(Protocol):
    """An encoder that is ready to encode: its network is built, or trained."""

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """One `(T, F)` float32 array for each image, in order; images may be a stream."""
        ...

    def save(self, folder: Path) -> None:
        """Writes what was learnt (safetensors, JSON); nothing for an encoder that learns nothing."""
        ...

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """Tables and arrays worth keeping: learning curves, reconstructions."""
        ...


class FittedClassifier(FittedEncoder, Protocol):
    """An encoder that was trained with labels and can say what it thinks of its own tokens."""

    def log_probabilities(self, tokens: Float32) -> Float32:
        """Calibrated log-probabilities `(n, K)` of vectors `(n, F)`, each the mean over a sample's tokens."""
        ...


class Encoder(PlugIn):
    """Image to tokens. A plug-in is a frozen keyword-only dataclass.

    `learns` says from what: `"nothing"` is computed once for a dataset, `"images"` and `"labels"` once a fold on its
    training patients. `measures` says that a feature is NaN where it can't be measured: each fold puts the mean of its
    training samples there, and adds a feature that says where it did. `classifies` says that `fit`, which then learns
    from labels, gives a `FittedClassifier`: the head `own` reads its probabilities.
    """

    learns: ClassVar[Literal["nothing", "images", "labels"]] = "nothing"
    measures: ClassVar[bool] = False
    classifies: ClassVar[bool] = False

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedEncoder:
        """Builds the encoder, and trains it where it learns.

        Args:
            images: The training crops of the fold, read when indexed; empty for an encoder that learns nothing.
            y: `(len(images),)` class indices for an encoder that learns from labels, else None.
            groups: `(len(images),)` patient of each image, for inner splits.
            seed: For what draws: weights, batches, splits.
            device: `"cpu"` or `"cuda"`.
        """
        raise NotImplementedError

    def load(self, folder: Path, *, device: str) -> FittedEncoder:
        """What `FittedEncoder.save` wrote; only for an encoder that learns."""
        raise NotImplementedError

    def weights_digest(self) -> str:
        """What says which pretrained weights are used, found without torch; empty where none are.

        The sha256 of a file of weights; for weights of a hub, their name there.
        """
        return ""

    def frozen(self) -> Self:
        """This encoder without its projection: what the stored tokens are made by."""
        return self

    def projection(self) -> Projection | None:
        """What is fitted in the fold on stored tokens, or None."""
        return None

    def describe(self) -> Description:
        """With what it learns from, its weights (the field `weights`, if it has one) and its projection."""
        given = getattr(self, "weights", "")
        weights: WeightsFrom = "pretrained"
        if given in ("", "random"):
            weights = "random" if given == "random" else ""
        elif Path(given).is_file():
            weights = "file"
        projection = self.projection()
        return replace(
            super().describe(),
            learns=self.learns,
            weights=weights,
            licence=self.licence if weights == "pretrained" else "",
            projected=projection is not None and projection.learns,
        )


class Projection(Protocol):
    """Tokens to fewer features; `learns` is False where `fit` takes nothing but their number from the tokens."""

    learns: ClassVar[bool]

    def fit(self, values: Float32, *, seed: int) -> FittedProjection:
        """Learns from the training tokens `(n, F)` of the fold; a random projection only takes F from them."""
        ...


class FittedProjection(Protocol):
    """A projection that can be applied."""

    def __call__(self, values: Float32) -> Float32:
        """`(..., F)` to `(..., F')`, float32."""
        ...
