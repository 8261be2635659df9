"""The scores of predictions: each metric is called with y `(n,)` int64 and P `(n, K)` float64 and gives a float.

Definitions are scikit-learn's with all K classes as labels: the predicted class is the first of the most probable;
macro F1 counts 0 for a class that neither occurs nor is predicted; log loss clips at float64's epsilon; Brier is
`(p - y)^2` for two classes and the sum over classes for more. With two classes, AUC and average precision are those of
class 1; with more they are the mean over the classes, each against the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.statistics import confusion
from results.statistics.ranking import average_precision as precision_of_rows
from results.statistics.ranking import wins_and_pairs

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A metric of one cell.

    Args:
        value: The primary value: the mean over repeats, each of which pools its folds.
        fold_mean: Mean over the folds of all repeats that hold every class.
        fold_sd: Standard deviation (n - 1) over these folds.
        folds_left_out: Folds that lack a class (within levels: a pair to compare).
        repeat_sd: Standard deviation (n - 1) over repeats.
    """

    value: float
    fold_mean: float
    fold_sd: float
    folds_left_out: int
    repeat_sd: float


@dataclass(frozen=True)
class Metric:
    """What a table needs to know of a metric."""

    label: str
    lower_is_better: bool = False


@dataclass(frozen=True)
class OfCounts(Metric):
    """A metric of the confusion counts of the most probable classes; `formula` maps `(..., K, K)` to `(...)`."""

    formula: Callable[[Float64], Float64] = confusion.accuracy

    def __call__(self, y: Int64, P: Float64) -> float:
        """The metric of these rows."""
        return float(self.formula(confusion.count(y, P.argmax(axis=1), P.shape[1])))


@dataclass(frozen=True)
class OfRows(Metric):
    """A mean over rows; `loss` maps y and P to `(n,)`."""

    loss: Callable[[Int64, Float64], Float64] = lambda y, P: P[np.arange(len(y)), y]

    def __call__(self, y: Int64, P: Float64) -> float:
        """The metric of these rows."""
        return float(self.loss(y, P).mean())


@dataclass(frozen=True)
class OfPairs(Metric):
    """A mean over tasks that rank positives above negatives.

    Args:
        tasks: Maps K to `(T, K)` bool: the classes that are positive in each task.
        precision: Average precision instead of AUC.
        within: Compares rows of the same level only.
    """

    tasks: Callable[[int], Bool] = lambda n_classes: np.eye(n_classes, dtype=bool)
    precision: bool = False
    within: bool = False

    def __call__(self, y: Int64, P: Float64, groups: Int64 | None = None) -> float:
        """The metric of these rows, NaN without a pair; a task without a pair is left out of the mean.

        Args:
            y: `(n,)` class indices.
            P: `(n, K)` probabilities.
            groups: `(n,)` labels; only rows of one group are compared, groups weigh by their number of pairs.
        """
        groups = np.zeros(len(y), dtype=np.int64) if groups is None else groups
        members = [groups == g for g in np.unique(groups)]
        values = []
        for classes in self.tasks(P.shape[1]):
            positive, score = classes[y], score_of(classes, P)
            wins = pairs = 0.0
            for rows in members:
                group_wins, group_pairs = wins_and_pairs(positive[rows], score[rows])
                if self.precision and group_pairs:
                    group_wins = group_pairs * precision_of_rows(positive[rows], score[rows])
                wins, pairs = wins + group_wins, pairs + group_pairs
            if pairs:
                values.append(wins / pairs)
        return float(np.mean(values)) if values else float("nan")


def score_of(classes: Bool, P: Float64) -> Float64:
    """`(n,)`: the probability of any of the positive classes `(K,)`."""
    return np.asarray(P[:, classes].sum(axis=1))


def evaluate(
    metric: OfCounts | OfRows | OfPairs,
    y: Int64,
    P: Float64,
    *,
    repeat: Int64,
    fold: Int64,
    within: Int64 | None = None,
) -> Estimate:
    """The primary value of a metric and its spread over folds and repeats.

    Pairs are compared inside a fold and pooled by their number; every other metric pools the rows of a repeat.

    Args:
        metric: One of `METRICS`.
        y: `(n,)` class indices.
        P: `(n, K)` probabilities.
        repeat: `(n,)`.
        fold: `(n,)`, counted anew in every repeat.
        within: `(n,)` level of each row, for a metric within levels.
    """
    levels = _levels(metric, y, within)
    values = []
    for r in np.unique(repeat):
        rows = np.flatnonzero(repeat == r)
        if isinstance(metric, OfPairs):
            groups = fold[rows] * (levels.max() + 1) + levels[rows]
            values.append(metric(y[rows], P[rows], groups))
        else:
            values.append(metric(y[rows], P[rows]))
    folds = fold_values(metric, y, P, repeat=repeat, fold=fold, within=within)
    kept = folds[~np.isnan(folds)]
    return Estimate(
        value=float(np.mean(values)),
        fold_mean=float(kept.mean()) if len(kept) else float("nan"),
        fold_sd=_sd(kept),
        folds_left_out=len(folds) - len(kept),
        repeat_sd=_sd(np.array(values)),
    )


def fold_values(
    metric: OfCounts | OfRows | OfPairs,
    y: Int64,
    P: Float64,
    *,
    repeat: Int64,
    fold: Int64,
    within: Int64 | None = None,
) -> Float64:
    """`(J,)`: a metric in every fold of every repeat, in their order; NaN for a fold that lacks a class.

    Args:
        metric: As in `evaluate`.
        y: `(n,)` class indices.
        P: `(n, K)` probabilities.
        repeat: `(n,)`.
        fold: `(n,)`, counted anew in every repeat.
        within: `(n,)` level of each row, for a metric within levels.
    """
    levels, n_classes, values = _levels(metric, y, within), len(np.unique(y)), []
    for r in np.unique(repeat):
        for f in np.unique(fold[repeat == r]):
            rows = np.flatnonzero((repeat == r) & (fold == f))
            if len(np.unique(y[rows])) < n_classes:
                values.append(float("nan"))
            elif isinstance(metric, OfPairs):
                values.append(metric(y[rows], P[rows], levels[rows]))
            else:
                values.append(metric(y[rows], P[rows]))
    return np.array(values, dtype=np.float64)


def _levels(metric: Metric, y: Int64, within: Int64 | None) -> Int64:
    return within if within is not None and isinstance(metric, OfPairs) and metric.within else np.zeros_like(y)


def _sd(values: Float64) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _one_against_rest(n_classes: int) -> Bool:
    tasks = np.eye(n_classes, dtype=bool)
    return tasks[1:] if n_classes == 2 else tasks


def _thresholds(n_classes: int) -> Bool:
    return np.arange(n_classes) > np.arange(n_classes - 1)[:, None]


def _log_losses(y: Int64, P: Float64) -> Float64:
    epsilon = np.finfo(np.float64).eps
    return np.asarray(-np.log(np.clip(P[np.arange(len(y)), y], epsilon, 1 - epsilon)))


def _brier_losses(y: Int64, P: Float64) -> Float64:
    squares = (P - np.eye(P.shape[1])[y]) ** 2
    return np.asarray(squares[:, 1] if P.shape[1] == 2 else squares.sum(axis=1))


accuracy = OfCounts("Accuracy", formula=confusion.accuracy)
balanced_accuracy = OfCounts("Balanced accuracy", formula=confusion.balanced_accuracy)
f1 = OfCounts("Macro F1", formula=confusion.macro_f1)
mcc = OfCounts("MCC", formula=confusion.matthews)
kappa = OfCounts("Quadratic kappa", formula=confusion.quadratic_kappa)
mae = OfCounts("Mean absolute error", lower_is_better=True, formula=confusion.mean_absolute_error)
log_loss = OfRows("Log loss", lower_is_better=True, loss=_log_losses)
brier = OfRows("Brier", lower_is_better=True, loss=_brier_losses)
auc = OfPairs("AUC", tasks=_one_against_rest)
auc_thresholds = OfPairs("AUC over thresholds", tasks=_thresholds)
auc_within_level = OfPairs("AUC within level", tasks=_one_against_rest, within=True)
average_precision = OfPairs("Average precision", tasks=_one_against_rest, precision=True)

METRICS: dict[str, OfCounts | OfRows | OfPairs] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "auc": auc,
    "auc_within_level": auc_within_level,
    "average_precision": average_precision,
    "mcc": mcc,
    "log_loss": log_loss,
    "brier": brier,
    "kappa": kappa,
    "mae": mae,
    "auc_thresholds": auc_thresholds,
}
ORDINAL = ("kappa", "mae", "auc_thresholds")
