"""Locks on files: the system frees them when a process ends, also if it is killed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds a lock on a file while the block runs; the file is made if there is none, and stays.

    Gives False if another process holds it, or this one elsewhere; `wait` waits until it is free. On a file system
    that knows no locks, and on Windows, nothing is locked and the answer is True.

    Args:
        path: The file.
        wait: Whether to wait.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _lock(file, wait)
    finally:
        os.close(file)  # which frees the lock


def _lock(file: int, wait: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)
    return True
