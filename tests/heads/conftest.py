"""Fixtures of the tests of heads: training rows like those of a fold, with several samples per patient."""

import numpy as np
import pytest

from heads.base import TrainingSet


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """The engine fits with one thread too; threads that wait for a busy core make small fits many times slower."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture
def problem():
    """`make(n, features, classes, ...)` gives standardised training rows, and test rows of other patients."""

    def make(n=150, features=30, classes=2, apart=1.5, rates=None, balance=None, seed=0, **more):
        rng = np.random.default_rng(seed)
        y = rng.choice(classes, size=2 * n, p=rates)
        centres = rng.standard_normal((classes, features))
        centres *= apart / np.linalg.norm(centres, axis=1, keepdims=True)
        X = centres[y] + rng.standard_normal((2 * n, features))
        X = ((X - X[:n].mean(axis=0)) / X[:n].std(axis=0)).astype(np.float32)
        groups = np.array([f"patient {i // 5}" for i in range(2 * n)])
        return TrainingSet(X[:n], y[:n], groups[:n], classes, balance, seed, **more), X[n:], y[n:]

    return make


class RecordingSampler:
    """Gives the rows back as they came, and keeps what it saw."""

    weights = False

    def __init__(self):
        self.seen = []

    def build(self, *, seed):
        return self

    def fit_resample(self, X, y):
        self.seen.append((X.copy(), y.copy()))
        return X, y


@pytest.fixture
def recording_sampler():
    return RecordingSampler()
