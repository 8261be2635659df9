"""The error of an argument that can't be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path

from data import ScangridError


class ArgumentError(ScangridError):
    """An argument that can't be used; the message names its value, the rule and the way out."""


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Demands one of a few values.

    Args:
        name: The argument as the command line spells it, such as `--device`.
        value: Its value.
        choices: The values that it may have.

    Raises:
        ArgumentError: The value is none of them.
    """
    if value not in choices:
        raise ArgumentError(f"{name} {value}: use one of {', '.join(choices)}")


def check_names(**arguments: object) -> None:
    """Demands lists of text. A text alone would be read letter by letter.

    Args:
        arguments: The values by the names of the arguments.

    Raises:
        ArgumentError: A value is no list, or holds something that is no text.
    """
    for name, value in arguments.items():
        if isinstance(value, str):
            raise ArgumentError(f"{name} ({value!r}) must be a list: write {name}=[{value!r}]")
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise ArgumentError(f"{name} ({value!r}) must be a list of text")


def check_number(**arguments: object) -> None:
    """Demands whole numbers from 0.

    Args:
        arguments: The values by the names of the arguments.

    Raises:
        ArgumentError: A value is no whole number, or below 0.
    """
    for name, value in arguments.items():
        if not isinstance(value, int) or value < 0:
            raise ArgumentError(f"{name} ({value!r}) must be a whole number from 0")


def cell_text(cell: str | int) -> str:
    """A cell as the command line names it: its number as text, or what was written.

    Raises:
        ArgumentError: It is neither.
    """
    if isinstance(cell, bool) or not isinstance(cell, str | Integral):
        raise ArgumentError(f"a cell is a number, or a text with its number, key or steps, not {cell!r}")
    return str(cell)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an error of the file system, while a path is written, into one line.

    Args:
        path: The file or folder that the user has named.

    Raises:
        ArgumentError: The path can't be written.
    """
    try:
        yield
    except OSError as error:
        raise ArgumentError(f"cannot write {path}: {error.strerror or error}") from error
