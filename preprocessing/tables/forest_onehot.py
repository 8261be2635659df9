"""Clinical columns, imputed by random forests, with one-hot categories."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.numerics.seeds import spawned
from preprocessing.tables.base import Table

if TYPE_CHECKING:
    import pandas as pd

Float64 = NDArray[np.float64]

ROUNDS = 4
# scikit-learn's forests change the warning filters of the process, which no other thread may see.
ONE_AT_A_TIME = Lock()
ROWS = 1000  # the most rows that a tree draws, so that a forest takes no longer on more rows


@dataclass(frozen=True, kw_only=True)
class ForestOnehot(Table):
    """Fills every gap by a random forest on the other columns, and turns each category into a column of 0 and 1.

    Numbers stay as they are. Text and yes/no are categories; a category that training lacks becomes zeros. A column
    with one value or none in training is left out. The forests learn from the training samples alone. They run for a
    fixed number of rounds instead of MissForest's stopping rule.

    Args:
        trees: Number of trees in each forest; every column has a forest.
        locations: Whether the columns that locate a sample (level, side, condition) are used too.

    References:
        D. Stekhoven, P. Buehlmann, MissForest: non-parametric missing value imputation for mixed-type data,
        Bioinformatics 28, 2012, doi:10.1093/bioinformatics/btr597.
    """

    words = f"numbers and one-hot coded words, with gaps filled by random forests as in MissForest, in {ROUNDS} rounds"
    cites = ("stekhoven2012",)
    packages = ("scikit-learn",)

    trees: int = 100
    locations: bool = False

    def build(self, *, seed: int) -> Any:
        """See `Table.build`."""
        return _Forests(self.trees, seed)


class _Forests:
    """The transformer of a DataFrame, with `fit` and `transform`, which gives `(n, F)` float64.

    The forest of a column that training has in full is grown when a gap needs it. What is kept in a file has all
    forests, and no training sample.
    """

    _training: tuple[list[Float64], list[NDArray[np.bool_]]] | None = None

    def __init__(self, trees: int, seed: int) -> None:
        self.trees, self.seed = trees, seed

    def fit(self, table: pd.DataFrame, y: Any = None) -> _Forests:
        columns = [_Column(table[name]) for name in table]
        self.columns = [column for column in columns if column.varies]
        blocks, gaps = self._start(table)
        self.forests: list[Any | None] = [None] * len(gaps)
        gappy = sorted((i for i, gap in enumerate(gaps) if gap.any()), key=lambda i: int(gaps[i].sum()))
        changes = [0] * len(gaps)  # how often the filled values of each column have changed
        grown_on: dict[int, list[int]] = {}  # the changes of the other columns when a forest was grown
        for _ in range(ROUNDS):
            for i in gappy:
                others = changes[:i] + changes[i + 1 :]
                if grown_on.get(i) == others:  # on the same rows the same forest would grow and fill alike
                    continue
                self.forests[i], grown_on[i] = self._forest(i, blocks, gaps), others
                filled = self._filled(i, self.forests[i], blocks, gaps)
                changes[i] += not np.array_equal(filled, blocks[i])
                blocks[i] = filled
        for i in gappy:
            if grown_on[i] != changes[:i] + changes[i + 1 :]:
                self.forests[i] = None
        self._training = blocks, gaps
        return self

    def transform(self, table: pd.DataFrame) -> Float64:
        blocks, gaps = self._start(table)
        gappy = [i for i, gap in enumerate(gaps) if gap.any()]
        for _ in range(ROUNDS):
            before = list(blocks)
            for i in gappy:
                blocks[i] = self._filled(i, self._grown(i), blocks, gaps)
            if all(map(np.array_equal, before, blocks)):
                break
        return np.hstack([np.zeros((len(table), 0)), *blocks])

    def __getstate__(self) -> dict[str, Any]:
        forests = [self._grown(i) for i in range(len(self.forests))]
        return {"trees": self.trees, "seed": self.seed, "columns": self.columns, "forests": forests}

    def _grown(self, i: int) -> Any | None:
        """The forest of a column; None for a single column."""
        if self.forests[i] is None and self._training is not None:
            self.forests[i] = self._forest(i, *self._training)
        return self.forests[i]

    def _start(self, table: pd.DataFrame) -> tuple[list[Float64], list[NDArray[np.bool_]]]:
        """Every column as `(n, w)` with gaps filled by its usual value, and the gaps `(n,)` bool."""
        read = [column.read(table[column.name]) for column in self.columns]
        return [block for block, _ in read], [gap for _, gap in read]

    def _forest(self, i: int, blocks: list[Float64], gaps: list[NDArray[np.bool_]]) -> Any | None:
        """A forest that predicts a column from the others, grown on the rows that have it; None for a single column."""
        from sklearn.ensemble import RandomForestRegressor

        if len(blocks) == 1:
            return None
        rows = ~gaps[i]
        # Squared error on indicators splits as Gini impurity does, so that one kind of forest serves both.
        forest = RandomForestRegressor(
            self.trees,
            max_features="sqrt",
            min_samples_leaf=1 if self.columns[i].categories else 5,
            max_samples=min(ROWS, int(rows.sum())),
            random_state=spawned(self.seed, i),
        )
        wanted = blocks[i][rows]
        with ONE_AT_A_TIME:
            return forest.fit(_without(i, blocks)[rows], wanted[:, 0] if wanted.shape[1] == 1 else wanted)

    def _filled(self, i: int, forest: Any | None, blocks: list[Float64], gaps: list[NDArray[np.bool_]]) -> Float64:
        """A column with its gaps filled by the forest; a category is filled by the most likely one."""
        if forest is None or not gaps[i].any():
            return blocks[i]
        with ONE_AT_A_TIME:
            predicted = forest.predict(_without(i, blocks)[gaps[i]]).reshape(-1, blocks[i].shape[1])
        filled = blocks[i].copy()
        filled[gaps[i]] = (
            np.eye(predicted.shape[1])[predicted.argmax(axis=1)] if self.columns[i].categories else predicted
        )
        return filled


class _Column:
    """A column of the training samples: a number, or text with its categories."""

    def __init__(self, column: pd.Series[Any]) -> None:
        from pandas.api.types import is_bool_dtype, is_numeric_dtype

        self.name = column.name
        known = column.dropna().infer_objects()
        number = is_numeric_dtype(known) and not is_bool_dtype(known)
        self.categories = [] if number else sorted({str(value) for value in known})
        self.usual = np.zeros(max(1, len(self.categories)))
        block, gaps = self.read(column)
        self.varies = len(np.unique(block[~gaps], axis=0)) > 1
        if self.varies:
            mean = block[~gaps].mean(axis=0)
            self.usual = mean if number else np.eye(len(mean))[mean.argmax()]

    def read(self, column: pd.Series[Any]) -> tuple[Float64, NDArray[np.bool_]]:
        """The column as `(n, w)`, and which rows lack it `(n,)` bool."""
        import pandas as pd

        if self.categories:
            gaps = column.isna().to_numpy(dtype=bool)
            text = np.array([str(value) for value in column], dtype=object)
            block = (text[:, None] == np.array(self.categories, dtype=object)).astype(np.float64)
        else:
            numbers = pd.to_numeric(column, errors="coerce")
            block = numbers.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)[:, None]
            gaps = ~np.isfinite(block[:, 0])
        block[gaps] = self.usual
        return block, gaps


def _without(i: int, blocks: list[Float64]) -> Float64:
    return np.hstack([block for j, block in enumerate(blocks) if j != i])
