"""The training rows of a fold, and what the heads of that fold share: inner folds, balanced sets, Gram matrices."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Labels = NDArray[np.int64]
T = TypeVar("T")

INNER_FOLDS = 3
STOPPING_FOLDS = 5


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
    """

    X: Float32
    y: Labels
    groups: NDArray[np.str_]
    classes: int
    balance: Balance | None = None
    seed: int = 0
    validation: NDArray[np.bool_] | None = None
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

        Three, or as many as the rarest class has patients; one where the dataset names its validation rows.

        Raises:
            ValueError: A class has fewer than two patients.
        """
        return self.once.get("folds", self._cut)

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
        if not _holds_all(self.labels, rows) or not len(held):
            raise ValueError("the dataset's own validation rows leave a class without training rows, or are none")
        return Part(self, rows, (1, 0)), held

    def _cut(self) -> list[tuple[Part, Labels]]:
        labels = self.labels
        if self.validation is not None:
            part, held = self.named_split()
            return [(part, held)]
        patients = [len(np.unique(self.groups[labels == k])) for k in range(len(self.present))]
        rarest = int(np.argmin(patients))
        folds = min(INNER_FOLDS, patients[rarest])
        if folds >= 2:
            of = patient_folds(labels, self.groups, folds=folds, seed=derive(self.seed, 1))
            train = [np.flatnonzero(of != i) for i in range(folds)]
            if all(_holds_all(labels, rows) for rows in train):
                return [(Part(self, rows, (1, i)), np.flatnonzero(of == i)) for i, rows in enumerate(train)]
        raise ValueError(
            f"inner folds need every class on both sides, class {self.present[rarest]} has {patients[rarest]} "
            "training patients: merge classes, or use calibration='none' without tune"
        )


@dataclass(frozen=True, eq=False)
class Part:
    """Some real rows of a training set, balanced when they are asked for.

    Args:
        training: The set.
        rows: Positions in it, `(r,)` int64.
        path: Says which part this is: its sampler's seed and its place in the cache come from it.
    """

    training: Training
    rows: Labels
    path: tuple[int, ...]

    @property
    def resampled(self) -> bool:
        """Whether the fitted rows are others than the real ones."""
        return self._sampler() is not None

    def balanced(self) -> tuple[Float32, Labels]:
        """X `(r', F)` float32 and labels `(r',)` int64 to fit on."""
        sampler = self._sampler()
        if sampler is None:
            whole = len(self.rows) == len(self.training.y)
            return self.training.X if whole else self.training.X[self.rows], self.training.labels[self.rows]
        return self.training.once.get(("balanced", self.path), lambda: self._resample(sampler))

    def class_weights(self, labels: Labels) -> Float64 | None:
        """The weight n / (k n_c) of each class `(k,)` where the balance weighs, else None, of the labels fitted on."""
        if self.training.balance is None or not self.training.balance.weights:
            return None
        counts = np.bincount(labels, minlength=len(self.training.present))
        return np.asarray(len(labels) / (len(counts) * counts), dtype=np.float64)

    def gram(self, gamma: float | None) -> Float32:
        """The Gram matrix of the balanced rows: cut from the training set's where no row was resampled."""
        if self.resampled:
            X, _ = self.balanced()
            return self.training.once.get(("gram", gamma, self.path), lambda: kernel(X, X, gamma))
        return self._shared(gamma, self.rows)

    def cross_gram(self, gamma: float | None, rows: Labels) -> Float32:
        """The kernel `(m, r')` between real rows of the training set and the balanced rows of this part."""
        if self.resampled:
            return kernel(self.training.X[rows], self.balanced()[0], gamma)
        return self._shared(gamma, rows)

    def stopping(self) -> tuple[Part, Labels]:
        """Cut for early stopping: the part to fit on and the real rows, of other patients, to stop by."""
        return self.training.once.get(("stopping", self.path), self._cut)

    def _cut(self) -> tuple[Part, Labels]:
        if self.training.validation is not None and len(self.rows) == len(self.training.y):
            return self.training.named_split()
        labels, path = self.training.labels[self.rows], (*self.path, 2)
        seed = derive(self.training.seed, *path)
        of = patient_folds(labels, self.training.groups[self.rows], folds=STOPPING_FOLDS, seed=seed)
        for fold in range(STOPPING_FOLDS):
            if (of == fold).any() and _holds_all(labels, np.flatnonzero(of != fold)):
                return Part(self.training, self.rows[of != fold], path), self.rows[of == fold]
        raise ValueError(
            f"early stopping needs 2 patients, there are {len(np.unique(self.training.groups[self.rows]))}"
        )

    def _shared(self, gamma: float | None, rows: Labels) -> Float32:
        gram = self.training.gram(gamma)
        return gram if len(rows) == len(self.rows) == len(gram) else gram[np.ix_(rows, self.rows)]

    def _sampler(self) -> Any | None:
        balance = self.training.balance
        return None if balance is None else balance.build(seed=derive(self.training.seed, *self.path))

    def _resample(self, sampler: Any) -> tuple[Float32, Labels]:
        X, labels = sampler.fit_resample(self.training.X[self.rows], self.training.labels[self.rows])
        return np.ascontiguousarray(X, dtype=np.float32), np.asarray(labels, dtype=np.int64)


def patient_folds(labels: Labels, groups: NDArray[np.str_], *, folds: int, seed: int) -> Labels:
    """The fold of each row, `(n,)` int64: patients stay whole, the rows of every class spread evenly.

    The class with the fewest rows left is dealt out first, each of its patients to the fold that lacks it most, so that
    every fold gets the rarest class if as many patients have it.

    References:
        K. Sechidis, G. Tsoumakas, I. Vlahavas, On the stratification of multi-label data, ECML PKDD 2011,
        doi:10.1007/978-3-642-23808-6_10.
    """
    patients, patient = np.unique(groups, return_inverse=True)
    rows = np.zeros((len(patients), int(labels.max()) + 1))
    np.add.at(rows, (patient, labels), 1)
    lacking = np.tile(rows.sum(axis=0) / folds, (folds, 1))
    of = np.full(len(patients), -1)
    order = np.random.default_rng(seed).permutation(len(patients))
    while (left := of[order] < 0).any():
        counts = rows[order[left]].sum(axis=0)
        rare = int(np.argmin(np.where(counts > 0, counts, np.inf)))
        for p in order[left & (rows[order, rare] > 0)]:
            of[p] = np.lexsort((lacking.sum(axis=1), lacking[:, rare]))[-1]
            lacking[of[p]] -= rows[p]
    return np.asarray(of[patient], dtype=np.int64)


def kernel(A: Float32, B: Float32, gamma: float | None) -> Float32:
    """exp(-gamma |a - b|²), or a·b with `gamma=None`, of rows `(a, F)` and `(b, F)`: `(a, b)` float32."""
    K: Float32 = A @ B.T
    if gamma is None:
        return K
    K *= 2
    K -= np.einsum("ij,ij->i", A, A)[:, None]
    K -= np.einsum("ij,ij->i", B, B)
    np.minimum(K, 0, out=K)
    K *= np.float32(gamma)
    if A is B:
        np.fill_diagonal(K, 0)
    np.exp(K, out=K)
    return K


def derive(seed: int, *path: int) -> int:
    """A seed of 31 bits that depends on the seed and on every number of the path."""
    return int(np.random.SeedSequence((seed, *path)).generate_state(1)[0] >> 1)


def _holds_all(labels: Labels, rows: Labels) -> bool:
    return len(np.unique(labels[rows])) == len(np.unique(labels))
