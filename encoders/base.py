"""The contract of an encoder, and the tokens that it makes."""

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

CHUNK = 1 << 26  # bytes of tokens read at a time


@dataclass(frozen=True, eq=False)
class Tokens:
    """The embedding of one sequence for N samples.

    Args:
        values: `(M, T, F)` float32, memory-mapped if they come from the store. There is one token for each slice, one
            for the volume (T = 1), or one for each of T equal parts of the depth, in the order of the slices.
        present: `(M, T)` bool; False where an entry has fewer than T slices.
        rows: `(N,)` int64 entry of each sample; -1 where the sample lacks the sequence.
    """

    values: Float32
    present: NDArray[np.bool_]
    rows: NDArray[np.int64]

    def take(self, samples: NDArray[np.int64]) -> Tokens:
        """The tokens of some samples, by position; the values are shared, not copied."""
        return replace(self, rows=self.rows[samples])

    def gather(self) -> tuple[Float32, NDArray[np.bool_]]:
        """Values `(N, T, F)` float32 and presence `(N, T)` bool in memory; zeros and False where a slice is absent."""
        have = self.rows >= 0
        values = np.zeros((len(self.rows), *self.values.shape[1:]), dtype=np.float32)
        values[have] = self.values[self.rows[have]]
        present = np.zeros((len(self.rows), self.present.shape[1]), dtype=bool)
        present[have] = self.present[self.rows[have]]
        return values, present

    def means(self) -> tuple[Float32, NDArray[np.bool_]]:
        """The mean over the slices present `(N, F)` float32, and which samples have a slice `(N,)`; read in chunks."""
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
        """The tokens present, `(m, F)` in chunks, of the entries that samples use; each entry comes once."""
        used = np.unique(self.rows[self.rows >= 0])
        step = self.samples_in(CHUNK)
        for start in range(0, len(used), step):
            part = used[start : start + step]
            yield self.values[part][self.present[part]]
            self.release()

    def samples_in(self, size: int) -> int:
        """How many samples have so many bytes of tokens; at least 1."""
        _, slices, features = self.values.shape
        return int(max(1, size // max(1, 4 * slices * features)))

    def release(self) -> None:
        """Frees the memory of values that were read from a mapped file; they are read again when needed."""
        if isinstance(self.values, np.memmap) and self.values.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
            mapped: Any = self.values
            mapped._mmap.madvise(mmap.MADV_DONTNEED)


class FittedEncoder(Protocol):
    """An encoder that is ready to encode, after its network is built or trained."""

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """One `(T, F)` float32 array for each image, in order; images may be a stream. For T see `Tokens`."""
        ...

    def save(self, folder: Path) -> None:
        """Writes what was learnt (safetensors, JSON); an encoder that learns nothing writes nothing."""
        ...

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """Tables and arrays that the run keeps, such as learning curves and reconstructions."""
        ...


class FittedClassifier(FittedEncoder, Protocol):
    """An encoder that was trained with labels and gives probabilities of its own."""

    def log_probabilities(self, tokens: Float32) -> Float32:
        """Calibrated log-probabilities `(n, K)` of vectors `(n, F)`, each the mean over a sample's tokens."""
        ...


class FittedDecoder(FittedEncoder, Protocol):
    """An encoder whose features can be decoded."""

    def rate(self, seen: Sequence[Image], unseen: Sequence[Image]) -> pd.DataFrame:
        """How well images that it has not seen are rebuilt, one row for each channel.

        Args:
            seen: The images that it was fitted on.
            unseen: Images of other patients.
        """
        ...


class Encoder(PlugIn):
    """Image to tokens. A plug-in is a frozen keyword-only dataclass.

    `learns` names what the encoder learns from. With `"nothing"` tokens are computed once for the dataset; with
    `"images"` and `"labels"` the encoder is trained in each fold, on its training patients. `measures` is true where a
    feature that can't be measured is NaN. Each fold then fills in the mean of its training samples, and adds a feature
    that marks where it did so. `classifies` is true where `fit` learns from labels and gives a `FittedClassifier`,
    whose probabilities the head `own` reads. `rebuilds` is true where `fit` gives a `FittedDecoder`, which each fold
    rates on its test patients. `lane` is where it is trained if there is no GPU: `"torch"`, one at a time with all
    cores, or `"cpu"`, several at a time with one thread each, which suits small networks.
    """

    learns: ClassVar[Literal["nothing", "images", "labels"]] = "nothing"
    measures: ClassVar[bool] = False
    classifies: ClassVar[bool] = False
    rebuilds: ClassVar[bool] = False
    lane: ClassVar[Literal["cpu", "torch"]] = "torch"

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedEncoder:
        """Builds the encoder, and trains it if it learns.

        Args:
            images: The training crops of the fold, read when indexed; empty for an encoder that learns nothing.
            y: `(len(images),)` class indices for an encoder that learns from labels, else None.
            groups: `(len(images),)` patient of each image, for inner splits.
            seed: For everything that is drawn: weights, batches, splits.
            device: `"cpu"` or `"cuda"`.
        """
        raise NotImplementedError

    def load(self, folder: Path, *, device: str) -> FittedEncoder:
        """What `FittedEncoder.save` wrote; only for an encoder that learns."""
        raise NotImplementedError

    def weights_digest(self) -> str:
        """Identifies the pretrained weights, without torch; empty if there are none.

        It is the sha256 of a file of weights, or the name of weights on a hub.
        """
        return ""

    def needs_structure(self) -> bool:
        """Whether it reads the mask of the structure that a crop is around (`Image.structure`)."""
        return False

    def frozen(self) -> Self:
        """This encoder without its projection; it makes the tokens that are stored."""
        return self

    def projection(self) -> Projection | None:
        """The projection that each fold fits on stored tokens, or None."""
        return None

    def describe(self) -> Description:
        """The description, with what it learns from, its weights (the field `weights`, if any) and its projection."""
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
        """Learns from the training tokens `(n, F)` of the fold; a random projection uses only their F."""
        ...


class FittedProjection(Protocol):
    """A projection that can be applied."""

    def __call__(self, values: Float32) -> Float32:
        """Projects `(..., F)` to `(..., F')` float32."""
        ...
