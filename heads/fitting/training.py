"""The training rows of a fold, and what the heads of that fold share: inner folds, balanced sets, Gram matrices."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from heads.fitting.parts import Float32, Labels, Part, derive, holds_all, kernel, patient_folds
from heads.fitting.thresholds import ARGMAX

T = TypeVar("T")

INNER_FOLDS = 3


class Balance(Protocol):
    """What a head needs of a balance step."""

    weights: ClassVar[bool]

    def build(self, *, seed: int) -> Any | None:
        """An imbalanced-learn sampler, or None."""
        ...


class Once:
    """Values made by the first thread that asks for them; the others wait."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key; `make` runs at most once, and its error is everyone's."""
        with self._lock:
            waiting = self._values.get(key)
            future = waiting or self._values.setdefault(key, Future())
        if waiting is None:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
        value: T = future.result()
        return value


@dataclass(frozen=True, eq=False)
class Refits:
    """The training rows as a step that learns from labels makes them when it has not seen the labels of an inner fold.

    What such a step makes of rows that it was trained on looks better than anything it will make of others.

    Args:
        fold_of: `(n,)` int64 inner fold of each training row, from 0; -1 for a row that is never held out.
        X: For each inner fold `(n, F')` float32: all n rows by the step refitted without that fold.
    """

    fold_of: Labels
    X: tuple[Float32, ...]


@dataclass(frozen=True, eq=False)
class Training:
    """The training rows of one fold. Safe to share between threads; everything costly is made once, when asked for.

    Balanced sets and Gram matrices live as long as this object: drop it when the last head of the fold is fitted.

    Args:
        X: `(n, F)` float32, standardised on these rows.
        y: `(n,)` int64 class indices, in `range(classes)`; a class may be absent.
        groups: `(n,)` patient of each row.
        classes: The number of classes of the target, K.
        balance: The balance step; None leaves rows as they are.
        seed: For what is shared by all heads: the cut of the inner folds and the samplers.
        validation: `(n,)` bool: the rows that the dataset itself names for inner splits, which are then not cut.
        refits: For features that were trained with labels: the inner folds, and the rows of each as refits make them.
        threshold: Where class 1 of two is called: `"argmax"`, `"youden"` or such as `"sensitivity=.9"`.
    """

    X: Float32
    y: Labels
    groups: NDArray[np.str_]
    classes: int
    balance: Balance | None = None
    seed: int = 0
    validation: NDArray[np.bool_] | None = None
    refits: Refits | None = None
    threshold: str = ARGMAX
    once: Once = field(default_factory=Once, init=False, repr=False)

    @property
    def present(self) -> Labels:
        """The classes that have rows, ascending, `(k,)` int64."""
        return np.unique(self.y)

    @property
    def labels(self) -> Labels:
        """`y` as positions in `present`: what classifiers are fitted on, without gaps."""
        return np.searchsorted(self.present, self.y).astype(np.int64)

    def whole(self) -> Part:
        """All rows: what the final fit is on."""
        return Part(self, np.arange(len(self.y)), (0,))

    def folds(self) -> list[tuple[Part, Labels]]:
        """Inner folds: the part to fit on, and the real rows held out from it. Shared by all heads.

        Three, or as many as the rarest class has patients; one where the dataset names its validation rows. With
        `refits` their folds, each part fitted and scored on the rows as the refit without that fold makes them.

        Raises:
            ValueError: A class has fewer than two patients, or is held out whole.
        """
        return self.once.get("folds", self._cut)

    def held_out(self) -> Labels:
        """The rows that some inner fold holds out, ascending."""
        return np.sort(np.concatenate([rows for _, rows in self.folds()]))

    @property
    def rebalanced(self) -> bool:
        """Whether the balance step weighs or resamples the rows, so that a fit sees another prior."""
        return self.balance is not None and (self.balance.weights or self.whole().resampled)

    def resampled(self) -> tuple[Float32, Labels]:
        """The balanced set of the final fit: X `(n', F)` float32 and y `(n',)` int64."""
        X, labels = self.whole().balanced()
        return X, self.present[labels]

    def gram(self, gamma: float | None) -> Float32:
        """The `(n, n)` float32 RBF Gram matrix of X, or with `gamma=None` the linear one."""
        return self.once.get(("gram", gamma), lambda: kernel(self.X, self.X, gamma))

    def unbalanced(self) -> Training:
        """The same rows for a head that ignores balance."""
        return replace(self, balance=None)

    def named_split(self) -> tuple[Part, Labels]:
        """The part to fit on and the rows that the dataset names for validation.

        Raises:
            ValueError: A class is missing on the side that is fitted.
        """
        named = np.zeros(len(self.y), dtype=bool) if self.validation is None else self.validation
        rows, held = np.flatnonzero(~named), np.flatnonzero(named)
        if not holds_all(self.labels, rows) or not len(held):
            raise ValueError("the dataset's own validation rows leave a class without training rows, or are none")
        return Part(self, rows, (1, 0)), held

    def take(self, rows: Labels, y: Labels, classes: int) -> Training:
        """Some of the rows, by position, under other labels: what one stage of a head is fitted on."""
        refits = self.refits and Refits(self.refits.fold_of[rows], tuple(X[rows] for X in self.refits.X))
        return Training(
            self.X[rows],
            y,
            self.groups[rows],
            classes,
            self.balance,
            self.seed,
            None if self.validation is None else self.validation[rows],
            refits,
        )

    def _cut(self) -> list[tuple[Part, Labels]]:
        if self.refits is not None:
            return self._refitted(self.refits)
        labels = self.labels
        if self.validation is not None:
            part, held = self.named_split()
            return [(part, held)]
        folds = min(INNER_FOLDS, min(self._patients()))
        if folds >= 2:
            of = patient_folds(labels, self.groups, folds=folds, seed=derive(self.seed, 1))
            train = [np.flatnonzero(of != i) for i in range(folds)]
            if all(holds_all(labels, rows) for rows in train):
                return [(Part(self, rows, (1, i)), np.flatnonzero(of == i)) for i, rows in enumerate(train)]
        raise self._too_few()

    def _refitted(self, refits: Refits) -> list[tuple[Part, Labels]]:
        folds = []
        for i, X in enumerate(refits.X):
            rows, held = (np.flatnonzero(found) for found in (refits.fold_of != i, refits.fold_of == i))
            if not holds_all(self.labels, rows):
                raise self._too_few()
            if len(held):
                folds.append((Part(replace(self, X=X, refits=None), rows, (1, i)), held))
        if not folds:
            raise self._too_few()
        return folds

    def _patients(self) -> list[int]:
        """The patients of each class that is present."""
        return [len(np.unique(self.groups[self.y == k])) for k in self.present]

    def _too_few(self) -> ValueError:
        patients = self._patients()
        rarest = int(np.argmin(patients))
        otherwise = "use calibration='none' without tune" if self.refits is None else "use head own"
        return ValueError(
            f"inner folds need every class on both sides, class {self.present[rarest]} has {patients[rarest]} "
            f"training patients: merge classes, or {otherwise}"
        )
