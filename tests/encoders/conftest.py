"""Fixtures of the tests of encoders."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Threads of torch that wait for a busy core make small networks many times slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
