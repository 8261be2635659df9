"""The error of an argument that can't be used."""

from __future__ import annotations

from collections.abc import Iterable

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
