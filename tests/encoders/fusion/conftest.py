"""Fixtures of the tests of fusions."""

import numpy as np
import pytest

from encoders.base import Tokens

SEQUENCES, SLICES, LATENT, FEATURES = 2, 4, 12, 96


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Threads of torch that wait for a busy core make small networks many times slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokens_of():
    """Makes tokens with few hidden directions, so that features are correlated like those of networks."""

    def make(latent):
        rng = np.random.default_rng(9)
        mix = rng.normal(size=(LATENT, FEATURES))
        tokens = []
        for values in latent:
            wide = values @ mix + 0.5 * rng.normal(size=(*values.shape[:2], FEATURES))
            tokens.append(Tokens(wide.astype(np.float32), np.ones(wide.shape[:2], dtype=bool), np.arange(len(wide))))
        return tokens

    return make


@pytest.fixture(scope="session")
def planted(tokens_of):
    """Tokens in which one slice of one sequence carries the label, y, patients, and that sequence and slice."""
    n, rng = 900, np.random.default_rng(0)
    y, sequence, place = rng.integers(2, size=n), rng.integers(SEQUENCES, size=n), rng.integers(SLICES, size=n)
    latent = rng.normal(size=(SEQUENCES, n, SLICES, LATENT))
    latent[sequence, np.arange(n), place, 0] += 5
    latent[sequence, np.arange(n), place, 1] += 4 * y - 2
    return tokens_of(latent), y, np.array([f"p{i // 3}" for i in range(n)]), sequence, place


@pytest.fixture(scope="session")
def halves(tokens_of):
    """Tokens of two sequences that hold a number each, y (the sign of their sum), and patients."""
    n, rng = 900, np.random.default_rng(1)
    latent = rng.normal(size=(SEQUENCES, n, SLICES, LATENT))
    shown = rng.normal(size=(SEQUENCES, n))
    latent[:, :, :, 0] = 2 * shown[:, :, None]
    return tokens_of(latent), (shown.sum(axis=0) > 0).astype(np.int64), np.array([f"p{i // 3}" for i in range(n)])
