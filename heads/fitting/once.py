"""Values that several threads share and one of them makes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Values by key. The first thread that asks for a value makes it; the others wait for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key. `make` runs at most once; if it fails, every thread gets its error."""
        with self._lock:
            waiting = self._values.get(key)
            future = waiting or self._values.setdefault(key, Future())
        if waiting is None:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
        value: T = future.result()
        return value
