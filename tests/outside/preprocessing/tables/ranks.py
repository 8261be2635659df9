"""Numeric columns as ranks."""

from dataclasses import dataclass

import numpy as np

from preprocessing.tables.base import Table


@dataclass(frozen=True, kw_only=True)
class Ranks(Table):
    """Each number as the share of training patients below it; 0.5 where it is missing."""

    words = "numeric columns as ranks among the training patients"

    def build(self, *, seed):
        return Ranked()


class Ranked:
    def fit(self, table, y=None):
        self.columns = list(table.select_dtypes("number"))
        self.sorted = [np.sort(table[name].dropna().to_numpy(dtype=float)) for name in self.columns]
        return self

    def transform(self, table):
        out = np.full((len(table), len(self.columns)), 0.5)
        for i, (name, known) in enumerate(zip(self.columns, self.sorted, strict=True)):
            values = table[name].to_numpy(dtype=float)
            ranks = np.searchsorted(known, values) / max(1, len(known))
            out[:, i] = np.where(np.isnan(values), 0.5, ranks)
        return out
