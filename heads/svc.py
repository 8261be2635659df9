"""Support vector machines on a Gram matrix that all heads of a fold share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from heads.base import BalanceStep, Calibration, Float32, Float64, Head, Int64, TrainingSubset
from heads.fitting.kernels import kernel
from heads.fitting.scores import two_columns


@dataclass(frozen=True, kw_only=True)
class Svc(Head):
    """Support vector classifier, linear or rbf, calibrated by Platt's sigmoid on inner folds.

    With more than two classes there is one machine for each class against the rest, so that every class has a margin to
    calibrate. libsvm fits both kernels on a Gram matrix. With more features than samples that is cheaper for the linear
    kernel too, and libsvm, unlike liblinear, draws nothing. libsvm copies the matrix as float64: a fit needs 8 n² bytes
    besides the 4 n² that all heads share.

    Args:
        kernel: `"rbf"` or `"linear"`.
        C: Inverse strength of the penalty.
        gamma: Width of the kernel exp(-gamma |a - b|²); `"scale"` is 1 / (F var(X)) of the fold's training rows.

    References:
        C.-C. Chang, C.-J. Lin, LIBSVM, 2011, doi:10.1145/1961189.1961199.
        J. Platt, Probabilistic outputs for support vector machines, 1999.
    """

    words = "a support vector classifier"
    cites = ("chang2011", "pedregosa2011")
    packages = ("scikit-learn",)

    kernel: Literal["linear", "rbf"] = "rbf"
    C: float = 1.0
    gamma: float | Literal["scale"] = "scale"
    calibration: Calibration = "sigmoid"

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        return _Machines(self, seed)

    def learn(self, subset: TrainingSubset, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.learn`; the Gram matrix is shared with the other heads of the fold."""
        gamma = self.width(subset.training.X)
        machines = replace(self, gamma=gamma or "scale").build(seed=seed, threads=threads, device=device)
        X, labels = subset.balanced()
        weights = subset.class_weights(labels)
        return machines.fit(X, labels, None if weights is None else weights[labels], gram=subset.gram(gamma))

    def score(self, classifier: Any, subset: TrainingSubset, rows: Int64) -> Float64:
        """See `Head.score`."""
        return two_columns(classifier.decide(subset.cross_gram(classifier.gamma, rows)[:, classifier.support]))

    def refuses(self, balance: BalanceStep | None) -> str | None:
        """See `Head.refuses`."""
        if self.calibration == "none":
            return "svc gives margins instead of probabilities: use calibration='sigmoid' or 'temperature'"
        return super().refuses(balance)

    def memory(self, samples: int, features: int) -> int:
        """See `Head.memory`."""
        return super().memory(samples, features) + 12 * samples**2

    def width(self, X: Float32) -> float | None:
        """The gamma of the kernel on rows `(n, F)`; None for the linear one."""
        if self.kernel == "linear":
            return None
        return 1 / (X.shape[1] * float(X.var()) or 1.0) if self.gamma == "scale" else self.gamma


class _Machines:
    """One machine, or one for each class; each keeps its weights on the support vectors."""

    def __init__(self, head: Svc, seed: int) -> None:
        self.head, self.seed = head, seed

    def fit(self, X: Float32, y: Int64, sample_weight: Float64 | None = None, *, gram: Float32 | None = None) -> Any:
        from sklearn.svm import SVC

        self.gamma = self.head.width(X)
        K = np.asarray(kernel(X, X, self.gamma) if gram is None else gram, dtype=np.float64)
        self.classes_ = np.unique(y)
        binary = len(self.classes_) == 2
        coefficients = np.zeros((len(y), 1 if binary else len(self.classes_)))
        self.intercept = np.zeros(coefficients.shape[1])
        for column, positive in enumerate(self.classes_[1:] if binary else self.classes_):
            machine = SVC(C=self.head.C, kernel="precomputed", random_state=self.seed)
            machine.fit(K, y == positive, sample_weight)
            coefficients[machine.support_, column] = machine.dual_coef_[0]
            self.intercept[column] = machine.intercept_[0]
        self.support = np.flatnonzero(coefficients.any(axis=1))
        self.coefficients, self.vectors = coefficients[self.support], X[self.support]
        return self

    def decision_function(self, X: Float32) -> Float64:
        return self.decide(kernel(X, self.vectors, self.gamma))

    def decide(self, K: Float32) -> Float64:
        """Margins from the kernel `(m, support vectors)`: `(m,)` for two classes, else `(m, k)`."""
        margins = K @ self.coefficients + self.intercept
        return np.asarray(margins[:, 0] if margins.shape[1] == 1 else margins)
