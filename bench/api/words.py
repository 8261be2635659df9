"""Reads lists that the command line takes as one word, and prints studies as they are done."""

from __future__ import annotations

import sys

from bench.api.models import Diagnosed


def names(text: str) -> list[str]:
    """The names of a list such as `auc,f1`."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of a list; 0 for a part that is none."""
    return tuple(int(n) if n.isdecimal() else 0 for n in names(text))


def show(one: Diagnosed) -> None:
    """Prints a study that was graded, or why it was not."""
    print(one, file=sys.stderr if one.error else sys.stdout)
