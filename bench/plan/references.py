"""References to what a planned cell is made from: folds, splits, and the keys of crops, tokens and fits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import Cell, Step
from bench.plan.labels import Labels

ALL = -1
"""The number of a fold whose training patients are all."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold of one repeat: `(N,)` bool of the samples that train and of those that are predicted.

    `times` `(N,)` int64 counts how often each sample's patient was drawn; None if each is there once.
    """

    repeat: int
    number: int
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    inner: NDArray[np.bool_] | None = None
    times: NDArray[np.int64] | None = None

    def rows(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The positions of the samples that are `chosen` `(N,)`, each as often as its patient was drawn."""
        rows = np.flatnonzero(chosen)
        return rows if self.times is None else np.repeat(rows, self.times[rows])


@dataclass(frozen=True, eq=False)
class View:
    """Labels and folds: the real ones, or those of a null run (labels permuted) or a refit (patients drawn)."""

    labels: dict[str, Labels]
    folds: list[Fold]
    kind: Literal["real", "null", "refit"] = "real"
    number: int = 0


def for_use(view: View) -> View:
    """The labels of a view with one fold that trains on all samples and predicts none, as of a model for use."""
    every = np.ones_like(view.folds[0].train)
    return View(view.labels, [Fold(0, ALL, every, ~every)])


@dataclass(frozen=True, eq=False)
class Split:
    """The positions of the samples that a fit learns from and that it predicts, once for each copy of a patient.

    `key` is the digest of what it learns from and of the samples that it predicts. `answers` is the digest of the
    labels and patients of the predicted samples, which change no fit, but every score.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    key: str
    answers: str


@dataclass(frozen=True, eq=False)
class PointsPart:
    """A part of a fold's training patients, whose points come from a fit on the other training patients.

    `held` `(N,)` bool are their samples; `key` is that of the points. `number` counts from 1 to `of`.
    """

    number: int
    of: int
    held: NDArray[np.bool_]
    key: str


@dataclass(frozen=True, eq=False)
class CropsRef:
    """The crops of a sequence under a region and an image chain; in one fold if the region learns.

    `network` is the key of a fitted region, trained in the fold or given; all sequences share it if it joins them.
    `thin` crops show which samples have the sequence before a region is fitted. `parts` are those of a region that is
    cross-fitted inside the training patients.
    """

    sequence: str
    region: Step
    images: Step
    key: str
    fold: Fold | None = None
    network: str = ""
    thin: bool = False
    parts: tuple[PointsPart, ...] = ()


@dataclass(frozen=True, eq=False)
class TokensRef:
    """The tokens of crops under an encoder; for one fold if it learns, and with `y` `(N,)` if it learns from labels."""

    crops: CropsRef
    encoder: Step
    fold: Fold | None
    key: str
    network: str
    present: NDArray[np.bool_] | None = None
    y: NDArray[np.int64] | None = None

    @property
    def learns_from(self) -> NDArray[np.int64]:
        """The positions of the training samples, each as often as its patient was drawn."""
        assert self.fold is not None
        chosen = self.fold.train if self.present is None else self.fold.train & self.present
        return self.fold.rows(chosen if self.y is None else chosen & (self.y >= 0))


@dataclass(frozen=True)
class FusedRef:
    """The keys of what a fusion that learns from labels makes in a fold, and of its refits without inner folds."""

    key: str
    refits: str


@dataclass(eq=False)
class Fit:
    """One head fitted and its test samples predicted; `tokens` are those of each encoder and sequence."""

    fold: Fold
    rows: Split
    tokens: tuple[tuple[TokensRef, ...], ...]
    key: str
    fused: FusedRef | None = None
    filling: str = ""


@dataclass(eq=False)
class PlannedCell:
    """A cell with its fits; `key` names it by its target, its labels and everything that decides its result."""

    cell: Cell
    view: View
    key: str
    fits: list[Fit] = field(default_factory=list)
    refused: str = ""
