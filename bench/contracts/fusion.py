"""What every fusion must hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import Tokens
from encoders.fusion.base import Fuser, Fusion

SAMPLES, FEATURES = 40, 8


def gives_one_finite_vector_a_sample(plugin: Fusion) -> None:
    """`(B, N, F')` finite float32 and `(B, N)` bool, for one and for several sequences, slices or volumes."""
    for sequences, slices in ((1, 1), (1, 4), (3, 1), (3, 4)):
        case = f"{sequences} sequences of {slices} tokens"
        tokens, filled = _tokens(sequences, slices)
        vectors, present = _fit(plugin, tokens, filled)(tokens, filled)
        assert vectors.ndim == 3 and vectors.shape[1] == SAMPLES, f"{case} became {vectors.shape}"
        assert vectors.dtype == np.float32 and np.isfinite(vectors).all(), f"{case}: not finite float32"
        assert present.shape == vectors.shape[:2] and present.dtype == bool, f"{case}: present is {present.shape}"


def knows_who_is_present(plugin: Fusion) -> None:
    """A sample with all sequences has every branch, one without any has none."""
    tokens, filled = _tokens(3, 4)
    _, present = _fit(plugin, tokens, filled)(tokens, filled)
    assert present[:, 0].all(), "a sample with all sequences lacks a branch"
    assert not present[:, 1].any(), "a sample without any sequence has a branch"


def fuses_each_sample_by_itself(plugin: Fusion) -> None:
    """The order of the samples and the company of others do not matter."""
    tokens, filled = _tokens(3, 4)
    fuser = _fit(plugin, tokens, filled)
    vectors, _ = fuser(tokens, filled)
    order = np.random.default_rng(0).permutation(SAMPLES)
    turned, _ = fuser([t.take(order) for t in tokens], filled[order])
    assert np.allclose(turned, vectors[:, order], rtol=0, atol=1e-5), "the order of samples matters"
    few = np.arange(3)
    part, _ = fuser([t.take(few) for t in tokens], filled[few])
    assert np.allclose(part, vectors[:, few], rtol=0, atol=1e-5), "the company of other samples matters"


def ignores_slices_that_are_not_there(plugin: Fusion) -> None:
    """Numbers that stand where a slice is absent change nothing."""
    tokens, filled = _tokens(2, 4)
    other = [Tokens(np.where(t.present[:, :, None], t.values, np.float32(9)), t.present, t.rows) for t in tokens]
    first, second = (_fit(plugin, t, filled)(t, filled)[0] for t in (tokens, other))
    assert np.array_equal(first, second), "numbers in an absent slice were used"


def same_seed_same_bits(plugin: Fusion) -> None:
    """What is drawn depends on the seed alone."""
    tokens, filled = _tokens(2, 4)
    first, second = (_fit(plugin, tokens, filled)(tokens, filled)[0] for _ in range(2))
    assert np.array_equal(first, second), "one seed gave different vectors"


def _fit(plugin: Fusion, tokens: list[Tokens], filled: Float32) -> Fuser:
    y = np.arange(SAMPLES, dtype=np.int64) % 2 if plugin.learns == "labels" else None
    groups: NDArray[np.str_] = np.array([f"p{i // 2}" for i in range(SAMPLES)])
    return plugin.fit(tokens, filled, y, groups=groups, seed=0, device="cpu")


def _tokens(sequences: int, slices: int) -> tuple[list[Tokens], Float32]:
    """Samples 0 has all sequences, sample 1 none; others lack some, and some slices."""
    rng = np.random.default_rng(0)
    tokens = []
    for _ in range(sequences):
        present = rng.random((SAMPLES, slices)) < 0.7
        present[:, 0] = True
        values = rng.normal(size=(SAMPLES, slices, FEATURES)).astype(np.float32) * present[:, :, None]
        rows = np.where(rng.random(SAMPLES) < 0.7, rng.permutation(SAMPLES), -1)
        rows[0], rows[1] = 0, -1
        tokens.append(Tokens(values, present, rows))
    return tokens, np.stack([t.means()[0] for t in tokens], axis=1)
