"""The rules of every balance step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from preprocessing.balance.base import Balance


def is_a_sampler_or_none(plugin: Balance) -> None:
    """`weights` is a bool, and `build` gives None or an object with `fit_resample`."""
    assert isinstance(plugin.weights, bool), f"weights is {plugin.weights!r}, not a bool"
    sampler = plugin.build(seed=0)
    assert sampler is None or hasattr(sampler, "fit_resample"), f"{sampler!r} has no fit_resample"


def keeps_every_class(plugin: Balance) -> None:
    """The classes stay the same."""
    for X, y in _examples():
        _, after = _resampled(plugin, X, y)
        assert set(after.tolist()) == set(y.tolist()), f"classes {set(y.tolist())} became {set(after.tolist())}"


def keeps_dtypes_and_width(plugin: Balance) -> None:
    """Features stay finite float32 of the same width, with one label per row."""
    for X, y in _examples():
        rows, after = _resampled(plugin, X, y)
        assert rows.dtype == np.float32, f"features became {rows.dtype}"
        assert rows.shape == (len(after), X.shape[1]), f"features {rows.shape} for {len(after)} labels"
        assert np.isfinite(rows).all(), "features are not finite"
        assert after.dtype == y.dtype, f"labels became {after.dtype}"


def makes_no_class_larger_than_the_largest(plugin: Balance) -> None:
    """No class becomes larger than the largest class was before."""
    for X, y in _examples():
        _, after = _resampled(plugin, X, y)
        assert np.bincount(after).max() <= np.bincount(y).max(), f"{np.bincount(y)} rows became {np.bincount(after)}"


def same_seed_same_rows(plugin: Balance) -> None:
    """Draws depend on the seed alone."""
    for X, y in _examples():
        (first, first_y), (second, second_y) = _resampled(plugin, X, y), _resampled(plugin, X, y)
        assert np.array_equal(first, second) and np.array_equal(first_y, second_y), "one seed gave different rows"


def leaves_its_input_as_it_was(plugin: Balance) -> None:
    """The input rows are not changed or shuffled in place."""
    for (X, y), (same_X, same_y) in zip(_examples(), _examples(), strict=True):
        _resampled(plugin, X, y)
        assert np.array_equal(X, same_X) and np.array_equal(y, same_y), "the sampler changed its input"


def _resampled(plugin: Balance, X: Float32, y: NDArray[np.int64]) -> tuple[Any, Any]:
    sampler = plugin.build(seed=7)
    rows = (X, y) if sampler is None else sampler.fit_resample(X, y)
    return rows[0], rows[1]


def _examples() -> Iterator[tuple[Float32, NDArray[np.int64]]]:
    """Two overlapping classes, three classes far apart, a class of 3 rows, and equal classes."""
    for sizes, apart in (((40, 12), 1.0), ((12, 8, 40), 20.0), ((30, 3), 1.0), ((10, 10), 1.0)):
        y = np.repeat(np.arange(len(sizes)), sizes)
        rng = np.random.default_rng(0)
        order = rng.permutation(len(y))
        X = rng.normal(size=(len(y), 5)) + apart * y[:, None]
        yield X.astype(np.float32)[order], y.astype(np.int64)[order]
