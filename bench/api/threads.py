"""One thread inside each task: tasks run side by side, and a number must not depend on the machine's cores."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Numerical libraries read these when they are loaded. Torch is given its threads by each task."""

_from_start = False


def limit_threads() -> None:
    """Limits numerical libraries to one thread for the whole process, unless the user has set their variables.

    It costs nothing if it is called before numpy is loaded, as the command line does.
    """
    global _from_start
    for name in VARIABLES:
        os.environ.setdefault(name, "1")
    _from_start = "numpy" not in sys.modules


@contextmanager
def one_thread() -> Iterator[None]:
    """Limits numerical libraries to one thread while the block runs, also those that the block loads."""
    if _from_start:
        yield
        return
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)  # another thread may have restored it
            else:
                os.environ[name] = value
