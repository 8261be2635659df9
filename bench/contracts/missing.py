"""The rules of every missing step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.missing.base import Missing


def fills_every_gap(plugin: Missing) -> None:
    """Filled values `(N, S, F)` are finite float32, even where a sample lacks all sequences."""
    values, present = _samples(seed=0)
    filled = plugin.fit(values, present, groups=_each(present), seed=0)(values, present)
    assert filled.shape == values.shape, f"values of {values.shape} became {filled.shape}"
    assert filled.dtype == np.float32 and np.isfinite(filled).all(), "filled values are not finite float32"


def passes_on_what_is_present(plugin: Missing) -> None:
    """Values of present sequences stay the same, in the result and in the input."""
    values, present = _samples(seed=0)
    before = values.copy()
    filled = plugin.fit(values, present, groups=_each(present), seed=0)(values, present)
    assert np.array_equal(filled[present], before[present]), "values that are present were changed"
    assert np.array_equal(values, before), "the input values were changed in place"


def never_uses_numbers_in_a_gap(plugin: Missing) -> None:
    """Numbers in the place of an absent sequence change nothing."""
    values, present = _samples(seed=0)
    other = np.where(present[:, :, None], values, np.float32(7))
    first, second = (plugin.fit(v, present, groups=_each(present), seed=0)(v, present) for v in (values, other))
    assert np.array_equal(first, second), "numbers in an absent sequence were used"


def fills_each_sample_by_itself(plugin: Missing) -> None:
    """The filling of a sample does not depend on other samples."""
    filler = plugin.fit(*_samples(seed=0), groups=_each(_samples(seed=0)[1]), seed=0)
    values, present = _samples(seed=1)
    filled = filler(values, present)
    alone = np.concatenate([filler(values[i : i + 1], present[i : i + 1]) for i in range(len(values))])
    assert np.allclose(alone, filled, rtol=0, atol=1e-5), "a sample is filled with other values alone than among others"


def bears_a_sequence_without_training_samples(plugin: Missing) -> None:
    """A sequence that no training sample has is filled with finite values."""
    values, present = _samples(seed=0)
    present[:, 1] = False
    values[:, 1] = 0
    filler = plugin.fit(values, present, groups=_each(present), seed=0)
    assert np.isfinite(filler(*_samples(seed=1))).all(), "not finite"


def same_seed_same_bits(plugin: Missing) -> None:
    """Draws depend on the seed alone."""
    train, test = _samples(seed=0), _samples(seed=1)
    first, second = (plugin.fit(*train, groups=_each(train[1]), seed=3)(*test) for _ in range(2))
    assert np.array_equal(first, second), "one seed gave different values"


def _samples(*, seed: int) -> tuple[Float32, NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    present = rng.random((30, 3)) < 0.7
    present[0], present[1] = True, False
    values = rng.normal(size=(30, 3, 8)).astype(np.float32)
    values[~present] = 0
    return values, present


def _each(present: NDArray[np.bool_]) -> NDArray[np.str_]:
    """One patient for each sample."""
    return np.arange(len(present)).astype(str)
