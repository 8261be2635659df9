"""The nearest name, for a message about a name that is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The known name that is most like another; None if all are less alike than `cutoff`, from 0 to 1."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return found[0] if found else None


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known name, or else all of them."""
    known = list(known)
    close = closest(name, known)
    if close:
        return f": did you mean '{close}'?"
    return f": use {'one of ' * (len(known) > 1)}{', '.join(known)}" if known else ": there is none"


def readable(text: str) -> str:
    r"""A text that can be printed and written: bytes of a file's name that are no UTF-8 are shown as `\xe9`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
