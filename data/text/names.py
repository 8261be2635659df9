"""Names in messages and in digests: the nearest one to an unknown name, and names whose bytes are no text."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The known name that is most like another; None if all are less alike than `cutoff`, from 0 to 1."""
    known = list(known)
    longer = [one for one in known if len(name) > 2 and one.startswith(name)]
    found = difflib.get_close_matches(name, longer or known, n=1, cutoff=0 if longer else cutoff)
    return found[0] if found else None


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known name, or else all of them."""
    known = list(known)
    close = closest(name, known)
    if close:
        return f": did you mean '{close}'?"
    return f": use {'one of ' * (len(known) > 1)}{', '.join(known)}" if known else ": there is none"


def readable(text: str) -> str:
    r"""A text that can be printed and written: bytes that are no UTF-8 and control signs are shown as `\xe9`, `\x00`.

    Line ends stay where an indented line follows, as in a list; others become blanks.
    """
    if text.isprintable():
        return text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    text = re.sub(r"\s*\n(?!  )\s*", " ", text)
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", lambda sign: f"\\x{ord(sign[0]):02x}", text)


def digest_of(lines: Iterable[str]) -> str:
    """The sha256 of some lines; names of files among them may hold bytes that are no UTF-8."""
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()
