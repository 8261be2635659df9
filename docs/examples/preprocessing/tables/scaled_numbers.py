"""Numeric clinical columns, filled and scaled."""

from dataclasses import dataclass
from typing import Any

from preprocessing.tables.base import Table


@dataclass(frozen=True, kw_only=True)
class ScaledNumbers(Table):
    """Fills gaps of numeric columns by the training median and scales them; leaves text columns out.

    Args:
        indicator: Whether an extra column marks missing values.
    """

    indicator: bool = True

    def build(self, *, seed: int) -> Any:
        """A scikit-learn transformer, which the engine fits on the training patients of each fold."""
        from sklearn.compose import make_column_selector, make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        filled = SimpleImputer(strategy="median", add_indicator=self.indicator, keep_empty_features=True)
        numbers = make_column_selector(dtype_include="number")
        return make_column_transformer((make_pipeline(filled, StandardScaler()), numbers))
