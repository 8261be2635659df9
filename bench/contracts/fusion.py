"""The rules of every fusion."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import Tokens
from encoders.fusion.base import Fused, Fuser, Fusion, sequences_present

SAMPLES, FEATURES, CLASSES = 40, 8, 3


def gives_one_finite_vector_for_each_sample(plugin: Fusion) -> None:
    """It gives finite float32 `(B, N, F')` and bool `(B, N)` for one or several sequences of slices or volumes."""
    for sequences, slices in ((1, 1), (1, 4), (3, 1), (3, 4)):
        case = f"{sequences} sequences of {slices} tokens"
        fused = _fused(plugin, _tokens(sequences, slices))
        vectors, present = fused.vectors, fused.present
        assert vectors.ndim == 3 and vectors.shape[1] == SAMPLES, f"{case} became {vectors.shape}"
        assert vectors.dtype == np.float32 and np.isfinite(vectors).all(), f"{case}: not finite float32"
        assert present.shape == vectors.shape[:2] and present.dtype == bool, f"{case}: present is {present.shape}"


def knows_who_is_present(plugin: Fusion) -> None:
    """A sample with all sequences has every branch; a sample without sequences has none."""
    present = _fused(plugin, _tokens(3, 4)).present
    assert present[:, 0].all(), "a sample with all sequences lacks a branch"
    assert not present[:, 1].any(), "a sample without any sequence has a branch"


def fuses_each_sample_by_itself(plugin: Fusion) -> None:
    """Other samples and their order do not matter."""
    tokens = _tokens(3, 4)
    fuser = _fit(plugin, tokens)
    vectors = _apply(plugin, fuser, tokens).vectors
    order = np.random.default_rng(0).permutation(SAMPLES)
    turned = _apply(plugin, fuser, [t.take(order) for t in tokens]).vectors
    assert np.allclose(turned, vectors[:, order], rtol=0, atol=1e-5), "the order of samples matters"
    few = np.arange(3)
    part = _apply(plugin, fuser, [t.take(few) for t in tokens]).vectors
    assert np.allclose(part, vectors[:, few], rtol=0, atol=1e-5), "other samples matter"


def ignores_absent_slices(plugin: Fusion) -> None:
    """Numbers in the place of an absent slice change nothing."""
    tokens = _tokens(2, 4)
    other = [Tokens(np.where(t.present[:, :, None], t.values, np.float32(9)), t.present, t.rows) for t in tokens]
    first, second = (_fused(plugin, t).vectors for t in (tokens, other))
    assert np.array_equal(first, second), "numbers in an absent slice were used"


def declares_whether_it_uses_filled_sequences(plugin: Fusion) -> None:
    """With `uses_filled` False, values in the place of the filled sequences change nothing."""
    if plugin.uses_filled:
        return
    tokens = _tokens(3, 4)
    first = _fused(plugin, tokens).vectors
    filled = np.full((SAMPLES, 3, FEATURES), 9, dtype=np.float32)
    second = _fit(plugin, tokens, filled=filled)(tokens, filled).vectors
    assert np.array_equal(first, second), "uses_filled is False, but filled sequences are used"


def same_seed_same_bits(plugin: Fusion) -> None:
    """Draws depend on the seed alone."""
    first, second = (_fused(plugin, _tokens(2, 4)) for _ in range(2))
    assert np.array_equal(first.vectors, second.vectors), "one seed gave different vectors"
    assert _same(first.probabilities, second.probabilities), "one seed gave different probabilities"


def gives_probabilities_if_it_learns(plugin: Fusion) -> None:
    """A fusion trained with labels gives `(N, K)` that sum to 1, even without any sequence; others give None."""
    probabilities = _fused(plugin, _tokens(3, 4)).probabilities
    if plugin.learns == "nothing":
        assert probabilities is None, "it learns nothing, but gives probabilities"
        return
    assert probabilities is not None, "it learns from labels, but gives no probabilities"
    assert probabilities.shape == (SAMPLES, CLASSES), f"probabilities are {probabilities.shape}"
    assert (probabilities >= 0).all() and np.allclose(probabilities.sum(axis=1), 1), "they do not sum to 1"


def bears_a_class_without_samples(plugin: Fusion) -> None:
    """A class that no training sample has keeps its column."""
    if plugin.learns == "nothing":
        return
    tokens = _tokens(2, 4)
    for absent in range(CLASSES):
        y = np.arange(SAMPLES, dtype=np.int64) % (CLASSES - 1)
        fuser = _fit(plugin, tokens, y=y + (y >= absent))
        probabilities = _apply(plugin, fuser, tokens).probabilities
        shape = None if probabilities is None else probabilities.shape
        assert shape == (SAMPLES, CLASSES), f"without samples of class {absent}, probabilities are {shape}"
        assert np.isfinite(np.asarray(probabilities)).all(), f"without samples of class {absent}: not finite"


def weighs_what_is_present(plugin: Fusion) -> None:
    """Weights sum to 1 over the slices or sequences that are present, and are 0 elsewhere."""
    tokens = _tokens(3, 4)
    slices = np.stack([t.gather()[1] for t in tokens], axis=1)
    there = {"slices": slices, "sequences": sequences_present(tokens)}
    for name, weights in _fused(plugin, tokens).weights.items():
        assert name in there, f"weights are named {', '.join(there)}, not {name}"
        present = there[name]
        assert weights.shape == present.shape and weights.dtype == np.float32, f"{name} are {weights.shape}"
        assert (weights >= 0).all() and not weights[~present].any(), f"{name}: an absent entry has a weight"
        assert np.allclose(weights.sum(axis=-1), present.any(axis=-1), atol=1e-5), f"{name}: they do not sum to 1"


def keeps_what_it_learnt(plugin: Fusion) -> None:
    """A trained fusion gives the same vectors after `save` and `load`."""
    if plugin.learns == "nothing":
        return
    import pandas as pd

    tokens = _tokens(3, 4)
    fuser: Any = _fit(plugin, tokens)
    with tempfile.TemporaryDirectory() as folder:
        fuser.save(Path(folder))
        loaded = plugin.load(Path(folder), device="cpu")
    before, after = (_apply(plugin, f, tokens) for f in (fuser, loaded))
    assert np.array_equal(before.vectors, after.vectors), "vectors differ after save and load"
    assert _same(before.probabilities, after.probabilities), "probabilities differ after save and load"
    for name, value in fuser.artifacts().items():
        assert isinstance(value, pd.DataFrame | np.ndarray), f"artifact {name} is a {type(value).__name__}"


def leaves_global_state_alone(plugin: Fusion) -> None:
    """The random states of torch and numpy stay as they were."""
    if plugin.learns == "nothing":
        return
    import torch

    before = torch.get_rng_state().tolist(), repr(np.random.get_state())  # noqa: NPY002
    _fused(plugin, _tokens(2, 4))
    after = torch.get_rng_state().tolist(), repr(np.random.get_state())  # noqa: NPY002
    assert before == after, "fit changed a global random state"


def _fused(plugin: Fusion, tokens: list[Tokens]) -> Fused:
    return _apply(plugin, _fit(plugin, tokens), tokens)


def _fit(
    plugin: Fusion, tokens: list[Tokens], y: NDArray[np.int64] | None = None, filled: Float32 | None = None
) -> Fuser:
    labels = np.arange(SAMPLES, dtype=np.int64) % CLASSES if y is None else y
    groups: NDArray[np.str_] = np.array([f"p{i // 2}" for i in range(SAMPLES)])
    return plugin.fit(
        tokens,
        _filled(plugin, tokens) if filled is None else filled,
        labels if plugin.learns == "labels" else None,
        classes=CLASSES,
        groups=groups,
        seed=0,
        device="cpu",
    )


def _apply(plugin: Fusion, fuser: Fuser, tokens: list[Tokens]) -> Fused:
    return fuser(tokens, _filled(plugin, tokens))


def _filled(plugin: Fusion, tokens: list[Tokens]) -> Float32:
    """The means over slices, with a number in absent sequences; no features if the fusion does not use them."""
    filled = np.stack([t.means()[0] for t in tokens], axis=1)
    filled[~sequences_present(tokens)] = 0.5
    return filled if plugin.uses_filled else filled[:, :, :0]


def _same(a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> bool:
    return a is b if a is None or b is None else bool(np.array_equal(a, b))


def _tokens(sequences: int, slices: int) -> list[Tokens]:
    """Sample 0 has all sequences, sample 1 none; others lack some, and some slices."""
    rng = np.random.default_rng(0)
    tokens = []
    for _ in range(sequences):
        present = rng.random((SAMPLES, slices)) < 0.7
        present[:, 0] = True
        values = rng.normal(size=(SAMPLES, slices, FEATURES)).astype(np.float32) * present[:, :, None]
        rows = np.where(rng.random(SAMPLES) < 0.7, rng.permutation(SAMPLES), -1)
        rows[0], rows[1] = 0, -1
        tokens.append(Tokens(values, present, rows))
    return tokens
