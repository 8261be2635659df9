"""The contract of a fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.describing.plug_in import Description, PlugIn
from encoders.base import Tokens

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Fused:
    """The result of a fusion for N samples.

    Args:
        vectors: `(B, N, F')` float32: one vector for each branch and sample; zeros where a branch is absent.
        present: `(B, N)` bool: which sample has which branch.
        probabilities: `(N, K)` float64 of a fusion that was trained with labels, else None.
        weights: Attention by name: `slices` `(N, S, T)`, `sequences` `(N, S)` float32; they sum to 1 over those
            present.
    """

    vectors: Float32
    present: NDArray[np.bool_]
    probabilities: NDArray[np.float64] | None = None
    weights: Mapping[str, Float32] = field(default_factory=dict)


class Fuser(Protocol):
    """A fitted fusion."""

    def __call__(self, tokens: Sequence[Tokens], filled: Float32) -> Fused:
        """Fuses any samples.

        Args:
            tokens: One `Tokens` for each of S sequences, over the same N samples. Values may be memory-mapped and are
                read in chunks of samples.
            filled: `(N, S, F)` float32: the mean over slices, absent sequences filled by the missing step; `(N, S, 0)`
                for a fusion that does not use it.
        """
        ...


class TrainedFuser(Fuser, Protocol):
    """A fusion that was trained with labels."""

    def save(self, folder: Path) -> None:
        """Writes what was learnt (safetensors, JSON)."""
        ...

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """Tables and arrays that the run keeps, such as the learning curve."""
        ...


class Fusion(PlugIn):
    """Tokens of several slices and sequences to one vector for each sample.

    A plug-in is a frozen keyword-only dataclass. `uses_filled` is False for a fusion that reads only the tokens that
    are present; the missing step is then not run. `alone` says what it makes of a single sequence: fusions that say the
    same there make the same vectors, so that `plan` shows their cells once.
    """

    uses_filled: ClassVar[bool] = True
    alone: ClassVar[str] = ""

    @property
    def learns(self) -> Literal["nothing", "labels"]:
        """What the fusion learns from; `"labels"` means a training for each fold and target."""
        return "nothing"

    def fit(
        self,
        tokens: Sequence[Tokens],
        filled: Float32,
        y: NDArray[np.int64] | None,
        *,
        classes: int,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> Fuser:
        """Learns from the training samples of the fold.

        Args:
            tokens: As in `Fuser`, of the training samples.
            filled: As in `Fuser`.
            y: `(N,)` class indices for a fusion that learns from labels, else None.
            classes: The number of classes of the target, K; a class may be absent from y.
            groups: `(N,)` patient of each sample, for inner splits.
            seed: For what draws.
            device: `"cpu"` or `"cuda"`.
        """
        raise NotImplementedError

    def load(self, folder: Path, *, device: str) -> TrainedFuser:
        """What `TrainedFuser.save` wrote; only for a fusion that learns."""
        raise NotImplementedError

    def describe(self) -> Description:
        """The description, with what the fusion learns from, and what it makes of a single sequence."""
        return replace(super().describe(), learns=self.learns, alone=self.alone)


def sequences_present(tokens: Sequence[Tokens]) -> NDArray[np.bool_]:
    """`(N, S)` bool: which sample has at least one slice of which sequence."""
    present = np.stack([t.rows >= 0 for t in tokens], axis=1)
    for sequence, t in enumerate(tokens):
        have = present[:, sequence]
        present[have, sequence] = (t.present.sum(axis=1) > 0)[t.rows[have]]
    return present


def one_width(tokens: Sequence[Tokens]) -> int:
    """The number of features that all sequences have.

    Raises:
        ValueError: They differ.
    """
    features = [t.values.shape[2] for t in tokens]
    if len(set(features)) > 1:
        raise ValueError(
            f"sequences have {features} features, but this fusion needs the same number for all: "
            "use one encoder for all, or fusion=concat"
        )
    return int(features[0])
