"""A part of the training rows: balanced, weighed, cut for early stopping, with its Gram matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from heads.fitting.training import Training

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Labels = NDArray[np.int64]

STOPPING_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Part:
    """Some real rows of a training set, balanced when they are asked for.

    Args:
        training: The set.
        rows: Positions in it, `(r,)` int64.
        path: Says which part this is: its sampler's seed and its place in the cache come from it.
        stop_by: Real rows outside the part for a fit on all of it to stop by; None cuts them from the part.
    """

    training: Training
    rows: Labels
    path: tuple[int, ...]
    stop_by: Labels | None = None

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
        if self.stop_by is not None:
            return self, self.stop_by
        return self.training.once.get(("stopping", self.path), self._cut)

    def _cut(self) -> tuple[Part, Labels]:
        if self.training.validation is not None and len(self.rows) == len(self.training.y):
            return self.training.named_split()
        labels, path = self.training.labels[self.rows], (*self.path, 2)
        seed = derive(self.training.seed, *path)
        of = patient_folds(labels, self.training.groups[self.rows], folds=STOPPING_FOLDS, seed=seed)
        for fold in range(STOPPING_FOLDS):
            if (of == fold).any() and holds_all(labels, np.flatnonzero(of != fold)):
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


def holds_all(labels: Labels, rows: Labels) -> bool:
    """Whether every class has one of these rows."""
    return len(np.unique(labels[rows])) == len(np.unique(labels))
