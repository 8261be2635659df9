"""What a plan asks of the store; how entries are stored is the business of `bench.tasks`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.plan.measured import Spent
from bench.plan.near_duplicates import NearDuplicate

if TYPE_CHECKING:
    import pandas as pd


class StoredCrops(Protocol):
    """What a plan reads of crops: which sample has one, and what went wrong; never their pixels."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """`(N,)`: the position of each sample's crop; -1 if it has none."""

    @property
    def digests(self) -> Sequence[str]:
        """The digest of the pixels of each crop."""

    @property
    def faults(self) -> Sequence[tuple[int, str, str]]:
        """For all that was left out: the position of a sample or -1, a file or an empty text, and the reason."""


class Stored(Protocol):
    """The finished steps of all runs, by their keys."""

    @property
    def folder(self) -> Path:
        """The folder for what is remembered between runs, such as the digests of files."""

    @property
    def verify(self) -> bool:
        """Whether the content of all files counts, also where their sizes and times of change would do."""

    def keys(self, kind: str) -> set[str]:
        """The keys of all finished steps of a kind, such as `"crops"`, `"tokens"` or `"fits"`."""

    def crops(self, key: str) -> StoredCrops | None:
        """The crops with this key, or None."""

    def affines(self, key: str) -> NDArray[np.float64]:
        """`(M, 4, 4)`: from an index of each of the crops with this key to LPS mm; none if they are not stored."""

    def scans(self, key: str) -> Mapping[str, Mapping[str, float]]:
        """The shape, spacing (mm) and grey values of the scans with these looks, by study; empty if none are stored."""

    def folds(self, key: str, make: Callable[[], pd.DataFrame], made_by: dict[str, Any]) -> pd.DataFrame:
        """Folds with the columns `patient`, `repeat`, `fold`; made and stored with a note if there are none yet."""

    def near_duplicates(self, key: str) -> Sequence[NearDuplicate] | None:
        """The near-duplicates with this key, or None if they were not looked for."""

    def uncompared(self, key: str) -> tuple[int, int]:
        """Of the pairs of scans that look alike those that were not compared by their pixels, and all of them."""

    def spent(self, kind: str) -> list[Spent]:
        """What finished steps of a kind took, the newest ones."""

    def width(self, key: str) -> int | None:
        """The number of features of the tokens with this key, or None if they are not stored."""
