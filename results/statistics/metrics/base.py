"""A metric: a record for tables and figures, and a function of y `(n,)` int64 and P `(n, K)` float64.

Definitions are scikit-learn's with all K classes as labels: the predicted class is the first of the most probable;
macro F1 counts 0 for a class that neither occurs nor is predicted; log loss clips at float64's epsilon; Brier is
`(p - y)^2` for two classes and the sum over classes for more. With two classes, AUC and average precision are those of
class 1; with more they are the mean over the classes, each against the rest.

A file of this folder holds one metric, `METRIC = OfCounts(...)`, `OfRows(...)` or `OfPairs(...)`. The name of the file
is the name of the metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

from results.statistics.ranking import average_precision as precision_of_rows
from results.statistics.ranking import wins_and_pairs

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Metric:
    """What tables, figures and the report need to know about a metric.

    Args:
        label: Its header in tables.
        meaning: What it measures, in plain words.
        order: Its place in tables; the lowest comes first.
        shown: Whether a table shows it without being asked.
        lower_is_better: Whether the lowest score is the best.
        decimals: Digits after the point, at least.
        ordinal: Whether it needs classes with an order.
        binary: Whether it needs a target with two classes.
        every_class: Whether it is undefined where a class has no sample.
        lowest: The lowest value that it can have.
        highest: The highest.
        of_samples: Whether it is a mean over samples, whatever their class.
        note: A sentence about its intervals, for under the tables that show it.
        reference: Paper and DOI.
    """

    label: str
    _: KW_ONLY
    meaning: str = ""
    order: int = 1000
    shown: bool = True
    lower_is_better: bool = False
    decimals: int = 2
    ordinal: bool = False
    binary: bool = False
    every_class: bool = False
    lowest: float = -math.inf
    highest: float = math.inf
    of_samples: bool = False
    note: str = ""
    reference: str = ""

    def title(self, place: str = "location") -> str:
        """Its header in a run that locates samples by `place`."""
        return self.label


@dataclass(frozen=True, kw_only=True)
class OfCounts(Metric):
    """A metric of the confusion counts of the predicted classes.

    Args:
        formula: Maps counts `(..., K, K)`, rows true and columns predicted, to scores `(...)`, both float64.
        among: For a rate of some classes alone, such as a sensitivity: maps y `(n,)` to the rows `(n,)` bool that it is
            a share of. Its interval goes by their patients.
    """

    formula: Callable[[Float64], Float64]
    among: Callable[[Int64], Bool] | None = None

    def __call__(self, y: Int64, P: Float64) -> float:
        """The metric of these rows."""
        K = P.shape[1]
        cells = np.bincount(y * K + P.argmax(axis=1), minlength=K**2)
        return float(self.formula(cells.reshape(K, K).astype(np.float64)))


@dataclass(frozen=True, kw_only=True)
class OfRows(Metric):
    """A mean over rows.

    Args:
        loss: Maps y `(n,)` and P `(n, K)` to a number per row, `(n,)` float64.
    """

    loss: Callable[[Int64, Float64], Float64]

    def __call__(self, y: Int64, P: Float64) -> float:
        """The metric of these rows."""
        return float(self.loss(y, P).mean())


def one_against_rest(n_classes: int) -> Bool:
    """`(T, K)`: each class against the rest; of two classes only class 1."""
    tasks = np.eye(n_classes, dtype=bool)
    return tasks[1:] if n_classes == 2 else tasks


@dataclass(frozen=True, kw_only=True)
class OfPairs(Metric):
    """A mean over tasks that rank positives above negatives.

    Args:
        tasks: Maps K to `(T, K)` bool: the classes that are positive in each task.
        precision: Whether it is average precision and not AUC.
        within: Whether only samples at the same place in the body are compared.
    """

    every_class: bool = True
    lowest: float = 0
    highest: float = 1
    tasks: Callable[[int], Bool] = one_against_rest
    precision: bool = False
    within: bool = False

    def title(self, place: str = "location") -> str:
        """Its header in a run that locates samples by `place`."""
        return f"{self.label} within {place}" if self.within else self.label

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


AnyMetric = OfCounts | OfRows | OfPairs


def score_of(classes: Bool, P: Float64) -> Float64:
    """`(n,)`: the probability of any of the positive classes `(K,)`."""
    return np.asarray(P[:, classes].sum(axis=1))
