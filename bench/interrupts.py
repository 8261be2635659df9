"""Ctrl-C and SIGTERM: a line at once, and the end of the command within a few seconds, whatever it is doing."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

SECONDS = 3.0
_LINE = "scangrid: stopped: run the same command again to go on\n"
_CLEAR, _SHOW_CURSOR = "\r\x1b[K", "\x1b[?25h"  # a panel of progress is a line, and hides the cursor
_saying = threading.Lock()
_said = False
_received = 0
_calls: list[Callable[[], None]] = []


def watch() -> None:
    """Watches for Ctrl-C and SIGTERM from now on.

    The first one prints a line and raises `KeyboardInterrupt` in the main thread. If the command has not ended after
    some seconds, since a library computes, the process ends: store and run folder hold whole files at any time. A
    second one ends it at once.
    """
    read, write = os.pipe()
    if hasattr(os, "set_blocking"):  # Windows asks for none, and has none before Python 3.12
        os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.excepthook = _uncaught
    threading.Thread(target=_end_soon, args=(read,), name="interrupts", daemon=True).start()


def say(number: int = 0) -> int:
    """Prints the line unless it is printed; returns the exit code."""
    global _received, _said
    _received = _received or number or signal.SIGINT
    with _saying:
        if not _said:
            _print((_CLEAR if os.isatty(2) else "") + _LINE)
            _said = True
    return 128 + _received


@contextmanager
def calling(call: Callable[[], None]) -> Iterator[None]:
    """Calls a function at the first signal, in another thread: the main thread may be where no signal reaches it."""
    _calls.append(call)
    try:
        yield
    finally:
        _calls.remove(call)


def received() -> bool:
    """Whether a signal has stopped the command."""
    return _received > 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _received
    _received = _received or number
    raise KeyboardInterrupt


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Ends a command that was stopped while it imported; an import may turn the interrupt into its own error."""
    if received() or kind is KeyboardInterrupt:
        os._exit(say())
    sys.__excepthook__(kind, error, trace)


def _end_soon(pipe: int) -> None:
    """Waits for a signal in a thread of its own, since the main thread may be inside a library for hours."""
    say(_wait(pipe))
    for call in list(_calls):
        call()
    threading.Thread(target=_end_after, args=(SECONDS,), daemon=True).start()
    _wait(pipe)
    _end_after(0)


def _wait(pipe: int) -> int:
    while (number := os.read(pipe, 1)[0]) not in (signal.SIGINT, signal.SIGTERM):
        pass
    return number


def _end_after(seconds: float) -> None:
    time.sleep(seconds)
    if os.isatty(2):
        _print(_SHOW_CURSOR)
    os._exit(say())


def _print(text: str) -> None:
    """Writes without the stream, whose lock another thread may hold."""
    try:
        os.write(2, text.encode())
    except OSError:  # there is no standard error
        return
