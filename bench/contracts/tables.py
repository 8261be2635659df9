"""The rules of every table step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from preprocessing.tables.base import Table

if TYPE_CHECKING:
    import pandas as pd


def is_a_transformer_or_none(plugin: Table) -> None:
    """`build` gives None or an object with `fit` and `transform`."""
    transformer = plugin.build(seed=0)
    usable = transformer is None or (hasattr(transformer, "fit") and hasattr(transformer, "transform"))
    assert usable, f"{transformer!r} has no fit and transform"


def gives_finite_numbers_for_each_sample(plugin: Table) -> None:
    """Missing values and categories never seen in training become finite numbers."""
    transformer = plugin.build(seed=0)
    if transformer is not None:
        values = np.asarray(transformer.fit(_clinical(20)).transform(_clinical(7, unseen="other")), dtype=np.float64)
        assert values.ndim == 2 and len(values) == 7, f"7 samples became an array of shape {values.shape}"
        assert np.isfinite(values).all(), "values are not finite"


def same_seed_same_values(plugin: Table) -> None:
    """Draws depend on the seed alone."""
    first, second = plugin.build(seed=0), plugin.build(seed=0)
    if first is not None and second is not None:
        one, other = (np.asarray(t.fit(_clinical(20)).transform(_clinical(7))) for t in (first, second))
        assert np.array_equal(one, other), "one seed gave different values"


def sees_each_sample_by_itself(plugin: Table) -> None:
    """The values of a sample do not depend on the others that are transformed with it, and the table stays as it is."""
    transformer = plugin.build(seed=0)
    if transformer is not None:
        table = _clinical(20)
        before = table.copy()
        transformer.fit(table)
        together, alone = transformer.transform(table), [transformer.transform(table.iloc[i : i + 1]) for i in range(6)]
        assert np.allclose(np.vstack(alone), np.asarray(together)[:6]), "a sample alone gets other values"
        assert table.equals(before), "the table was changed"


def takes_a_table_without_columns(plugin: Table) -> None:
    """A table without columns gives no features."""
    import pandas as pd

    transformer = plugin.build(seed=0)
    if transformer is not None:
        empty = pd.DataFrame(index=range(3))
        values = np.asarray(transformer.fit(empty).transform(empty))
        assert values.shape == (3, 0), f"3 samples without columns became an array of shape {values.shape}"


def _clinical(n: int, unseen: str | None = None) -> pd.DataFrame:
    import pandas as pd

    rng = np.random.default_rng(n)
    age = rng.uniform(20, 80, n)
    age[::5] = np.nan
    sex = pd.Series(rng.choice(["F", "M"], n), dtype="object")
    sex[3] = None
    if unseen is not None:
        sex[1] = unseen
    return pd.DataFrame({"age": age, "sex": sex, "slices": rng.integers(10, 20, n)})
