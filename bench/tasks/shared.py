"""Values that several tasks need: they are made once and freed after the last use."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any


class Shared:
    """Values that the first user makes, and that are freed when all expected users have released them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Hashable, Future[Any]] = {}
        self._users: Counter[Hashable] = Counter()

    def expect(self, *keys: Hashable) -> None:
        """Announces one more user of some values."""
        self._users.update(keys)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a key; `make` runs once, and other users wait for it."""
        with self._lock:
            waiting = self._values.get(key)
            future: Future[Any] = waiting or self._values.setdefault(key, Future())
        if waiting is None:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
        return future.result()

    def release(self, *keys: Hashable) -> None:
        """Releases some values for one user."""
        with self._lock:
            for key in keys:
                self._users[key] -= 1
                if self._users[key] <= 0:
                    self._values.pop(key, None)
