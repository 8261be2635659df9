"""Reads lists that the command line takes as one word, and prints studies as they are done."""

from __future__ import annotations

import sys

from bench.api.errors import ArgumentError
from bench.api.models import Diagnosed
from bench.grid.cells import read_rule


def names(text: str) -> list[str]:
    """The names of a list such as `auc,f1`."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of a list; 0 for a part that is none."""
    return tuple(int(n) if n.isdecimal() else 0 for n in names(text))


def steps(text: str) -> dict[str, str] | None:
    """Reads `axis=step,axis=step` as a mapping; commas and signs inside brackets belong to a step.

    Raises:
        ArgumentError: A part is no step of an axis.
    """
    try:
        return read_rule(text) or None
    except ValueError as error:
        raise ArgumentError(f"--against {error}") from error


def show(one: Diagnosed) -> None:
    """Prints a study that was graded, or why it was not."""
    print(one, file=sys.stderr if one.error else sys.stdout)
