"""Fixtures of the tests of fillers."""

import numpy as np
import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Threads of torch that wait for a busy core make small networks many times slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def related():
    """Training and test values of three sequences that show the same eight numbers; a third of them is absent."""

    def draw(rng, n, mixes):
        shown = rng.normal(size=(n, 8))
        values = np.stack([shown @ mix + 5 for mix in mixes], axis=1) + 0.5 * rng.normal(size=(n, 3, 64))
        present = rng.random((n, 3)) < 0.67
        values[~present] = 0
        return values.astype(np.float32), present

    rng = np.random.default_rng(0)
    mixes = rng.normal(size=(3, 8, 64))
    return draw(rng, 600, mixes), draw(rng, 200, mixes)
