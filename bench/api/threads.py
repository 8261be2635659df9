"""One thread inside each task, however the libraries were loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Numerical libraries read these when they are loaded. Torch is given its threads by each task."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Limits numerical libraries to one thread while the block runs: those that are loaded, and those it loads."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    try:
        if "numpy" not in sys.modules:
            yield
            return
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)  # another thread may have restored it
            else:
                os.environ[name] = value
