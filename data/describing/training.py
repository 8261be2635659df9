"""How far a training is: what trains says it, and whoever listens hears it. No key of a result depends on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Listener = Callable[[str, int, int], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell_progress(unit: str, number: int, most: int) -> None:
    """Says which epoch or step a training has reached; a plug-in that never calls this works as well.

    A call that stands alone as a statement and calls nothing else but `len` is no part of the code's identity:
    `tell_progress("epoch", epoch, epochs)` may be added to a plug-in and nothing is computed again.

    Args:
        unit: Such as `"epoch"`. Of nested loops, the outer one says its unit first: `"start"`, then `"epoch"`.
        number: How many have ended, from 1 on; or, before the first has ended, 0.
        most: How many there are at most; a training that stops early ends before.

    Examples:
        >>> for epoch in range(1, epochs + 1):
        ...     train_one(network)
        ...     tell_progress("epoch", epoch, epochs)
    """
    if (listener := _listener.get()) is not None:
        listener(unit, number, most)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Passes what `tell_progress` says in this thread to a function, while the block runs."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)
