"""The training rows of a fold, and what its heads share: inner folds, balanced rows, Gram matrices."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64, Int64
from data.numerics.seeds import spawned
from heads.fitting.folds import holds_all, patient_folds
from heads.fitting.kernels import kernel
from heads.fitting.once import Once
from heads.fitting.thresholds import ARGMAX

INNER_FOLDS = 3
STOPPING_FOLDS = 5


class BalanceStep(Protocol):
    """The parts of a balance step that a head needs."""

    weights: ClassVar[bool]

    def build(self, *, seed: int) -> Any | None:
        """An imbalanced-learn sampler, or None."""
        ...


@dataclass(frozen=True, eq=False)
class InnerRefits:
    """The training rows' features from a step that learns from labels, refitted without each inner fold.

    Features of rows that a step was trained on look better than those of any other rows. A refit shows how the step
    does on rows whose labels it has not seen.

    Args:
        fold_of: `(n,)` int64 inner fold of each training row, from 0; -1 for a row that is never held out.
        X: For each inner fold the features `(n, F')` float32 of all n rows, by the step refitted without that fold.
    """

    fold_of: Int64
    X: tuple[Float32, ...]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The training rows of one fold. Threads may share it; whatever is costly is made once, when it is first needed.

    Balanced rows and Gram matrices live as long as this object: drop it when the last head of the fold is fitted.

    Args:
        X: `(n, F)` float32, standardised on these rows.
        y: `(n,)` int64 class indices, in `range(classes)`; a class may be absent.
        groups: `(n,)` patient of each row.
        classes: The number of classes of the target, K.
        balance: The balance step; None leaves rows as they are.
        seed: For what all heads share: the cut of the inner folds and the samplers.
        validation: `(n,)` bool: the rows that the dataset itself names for inner splits, which are then not cut.
        refits: For features that were trained with labels: the inner folds with their refits.
        threshold: How classes are called: `"argmax"`; `"priors"`, `"f1"` or `"balanced_accuracy"` for weights of the
            classes; with two classes also `"youden"` or such as `"sensitivity=.9"`.
    """

    X: Float32
    y: Int64
    groups: NDArray[np.str_]
    classes: int
    balance: BalanceStep | None = None
    seed: int = 0
    validation: NDArray[np.bool_] | None = None
    refits: InnerRefits | None = None
    threshold: str = ARGMAX
    once: Once = field(default_factory=Once, init=False, repr=False)

    @property
    def present(self) -> Int64:
        """The classes that have rows, ascending, `(k,)` int64."""
        return np.unique(self.y)

    @property
    def labels(self) -> Int64:
        """`y` as positions in `present`, `(n,)` int64: labels without gaps, as classifiers want them."""
        return np.searchsorted(self.present, self.y).astype(np.int64)

    def whole(self) -> TrainingSubset:
        """All rows, for the final fit."""
        return TrainingSubset(self, np.arange(len(self.y)), (0,))

    def folds(self) -> list[tuple[TrainingSubset, Int64]]:
        """For each inner fold the rows to fit on and the positions of the real rows held out. All heads share them.

        There are three folds, or as many as the rarest class has patients, or one where the dataset names its
        validation rows. With `refits` the folds are theirs, and each is fitted and scored on the features that the
        refit without that fold gives.

        Raises:
            ValueError: A class has fewer than two patients, or all its rows are held out.
        """
        return self.once.get("folds", self._cut)

    @property
    def has_inner_folds(self) -> bool:
        """Whether each class has enough patients for inner folds."""
        try:
            return bool(self.folds())
        except ValueError:
            return False

    def held_out(self) -> Int64:
        """The positions of the rows that some inner fold holds out, ascending."""
        return np.sort(np.concatenate([rows for _, rows in self.folds()]))

    @property
    def rebalanced(self) -> bool:
        """Whether the balance step weighs or resamples the rows, so that a fit sees another prior."""
        return self.balance is not None and (self.balance.weights or self.whole().resampled)

    @property
    def real_priors(self) -> Float64:
        """The share of each class that is present, `(k,)`, among these rows."""
        return np.bincount(self.labels) / len(self.y)

    @property
    def priors(self) -> Float64:
        """The share of each class, `(k,)`, that a fit on the balanced rows sees."""
        if self.balance is not None and self.balance.weights:
            return np.full(len(self.present), 1 / len(self.present))
        _, labels = self.whole().balanced()
        return np.bincount(labels, minlength=len(self.present)) / len(labels)

    def resampled(self) -> tuple[Float32, Int64]:
        """The balanced rows of the final fit: X `(n', F)` float32 and y `(n',)` int64."""
        X, labels = self.whole().balanced()
        return X, self.present[labels]

    def gram(self, gamma: float | None) -> Float32:
        """The `(n, n)` float32 RBF Gram matrix of X, or the linear one where `gamma` is None."""
        return self.once.get(("gram", gamma), lambda: kernel(self.X, self.X, gamma))

    def unbalanced(self) -> TrainingSet:
        """The same rows for a head that ignores balance."""
        return replace(self, balance=None)

    def named_split(self) -> tuple[TrainingSubset, Int64]:
        """The rows to fit on, and the positions of those that the dataset names for validation.

        Raises:
            ValueError: No row is named for validation, or a class has no other row to fit on.
        """
        named = np.zeros(len(self.y), dtype=bool) if self.validation is None else self.validation
        rows, held = np.flatnonzero(~named), np.flatnonzero(named)
        if not holds_all(self.labels, rows) or not len(held):
            raise ValueError("the dataset's own validation rows leave a class without training rows, or are none")
        return TrainingSubset(self, rows, (1, 0)), held

    def take(self, rows: Int64, y: Int64, classes: int) -> TrainingSet:
        """Some of the rows, by position, with other labels: what one stage of a head is fitted on."""
        refits = self.refits and InnerRefits(self.refits.fold_of[rows], tuple(X[rows] for X in self.refits.X))
        return TrainingSet(
            self.X[rows],
            y,
            self.groups[rows],
            classes,
            self.balance,
            self.seed,
            None if self.validation is None else self.validation[rows],
            refits,
        )

    def _cut(self) -> list[tuple[TrainingSubset, Int64]]:
        if self.refits is not None:
            return self._refitted(self.refits)
        labels = self.labels
        if self.validation is not None:
            subset, held = self.named_split()
            return [(subset, held)]
        folds = min(INNER_FOLDS, min(self._patients()))
        if folds >= 2:
            fold_of = patient_folds(labels, self.groups, folds=folds, seed=spawned(self.seed, 1))
            train = [np.flatnonzero(fold_of != i) for i in range(folds)]
            if all(holds_all(labels, rows) for rows in train):
                return [
                    (TrainingSubset(self, rows, (1, i)), np.flatnonzero(fold_of == i)) for i, rows in enumerate(train)
                ]
        raise self._too_few()

    def _refitted(self, refits: InnerRefits) -> list[tuple[TrainingSubset, Int64]]:
        folds = []
        for i, X in enumerate(refits.X):
            rows, held = (np.flatnonzero(found) for found in (refits.fold_of != i, refits.fold_of == i))
            if not holds_all(self.labels, rows):
                raise self._too_few()
            if len(held):
                folds.append((TrainingSubset(replace(self, X=X, refits=None), rows, (1, i)), held))
        if not folds:
            raise self._too_few()
        return folds

    def _patients(self) -> list[int]:
        """The number of patients of each class that is present."""
        return [len(np.unique(self.groups[self.y == k])) for k in self.present]

    def _too_few(self) -> ValueError:
        patients = self._patients()
        rarest = int(np.argmin(patients))
        otherwise = "use calibration='none' without tune" if self.refits is None else "use head own"
        return ValueError(
            f"inner folds need every class on both sides, but class {self.present[rarest]} has {patients[rarest]} "
            f"training patients: merge classes, or {otherwise}"
        )


@dataclass(frozen=True, eq=False)
class TrainingSubset:
    """Some real rows of a training set, balanced when a fit asks for them.

    Args:
        training: The set.
        rows: Positions in it, `(r,)` int64.
        path: Which subset this is: it decides the sampler's seed and the place in the cache.
        stop_by: Positions of real rows outside the subset, by which a fit on the whole subset stops early; None cuts
            such rows from the subset.
    """

    training: TrainingSet
    rows: Int64
    path: tuple[int, ...]
    stop_by: Int64 | None = None

    @property
    def resampled(self) -> bool:
        """Whether a sampler replaces the real rows."""
        return self._sampler() is not None

    def balanced(self) -> tuple[Float32, Int64]:
        """X `(r', F)` float32 and labels `(r',)` int64 to fit on."""
        sampler = self._sampler()
        if sampler is None:
            whole = len(self.rows) == len(self.training.y)
            return self.training.X if whole else self.training.X[self.rows], self.training.labels[self.rows]
        return self.training.once.get(("balanced", self.path), lambda: self._resample(sampler))

    def class_weights(self, labels: Int64) -> Float64 | None:
        """The weight n / (k n_c) of each class, `(k,)`, in the labels fitted on; None where the balance gives none."""
        if self.training.balance is None or not self.training.balance.weights:
            return None
        counts = np.bincount(labels, minlength=len(self.training.present))
        return np.asarray(len(labels) / (len(counts) * counts), dtype=np.float64)

    def gram(self, gamma: float | None) -> Float32:
        """The Gram matrix `(r', r')` of the balanced rows; a part of the training set's where no row was resampled."""
        if self.resampled:
            X, _ = self.balanced()
            return self.training.once.get(("gram", gamma, self.path), lambda: kernel(X, X, gamma))
        return self._shared(gamma, self.rows)

    def cross_gram(self, gamma: float | None, rows: Int64) -> Float32:
        """The kernel `(m, r')` between real rows of the training set and the balanced rows of this subset."""
        if self.resampled:
            return kernel(self.training.X[rows], self.balanced()[0], gamma)
        return self._shared(gamma, rows)

    def stopping(self) -> tuple[TrainingSubset, Int64]:
        """For early stopping: the rows to fit on, and the positions of real rows of other patients to stop by."""
        if self.stop_by is not None:
            return self, self.stop_by
        return self.training.once.get(("stopping", self.path), self._cut)

    def _cut(self) -> tuple[TrainingSubset, Int64]:
        if self.training.validation is not None and len(self.rows) == len(self.training.y):
            return self.training.named_split()
        labels, path = self.training.labels[self.rows], (*self.path, 2)
        seed = spawned(self.training.seed, *path)
        fold_of = patient_folds(labels, self.training.groups[self.rows], folds=STOPPING_FOLDS, seed=seed)
        for fold in range(STOPPING_FOLDS):
            if (fold_of == fold).any() and holds_all(labels, np.flatnonzero(fold_of != fold)):
                return TrainingSubset(self.training, self.rows[fold_of != fold], path), self.rows[fold_of == fold]
        raise ValueError(
            f"early stopping needs 2 patients, there are {len(np.unique(self.training.groups[self.rows]))}"
        )

    def _shared(self, gamma: float | None, rows: Int64) -> Float32:
        gram = self.training.gram(gamma)
        return gram if len(rows) == len(self.rows) == len(gram) else gram[np.ix_(rows, self.rows)]

    def _sampler(self) -> Any | None:
        balance = self.training.balance
        return None if balance is None else balance.build(seed=spawned(self.training.seed, *self.path))

    def _resample(self, sampler: Any) -> tuple[Float32, Int64]:
        X, labels = sampler.fit_resample(self.training.X[self.rows], self.training.labels[self.rows])
        return np.ascontiguousarray(X, dtype=np.float32), np.asarray(labels, dtype=np.int64)
