"""The order of the classes of a label: as the grid lists them, or as numbers and words sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.base import DataError
from data.text.names import nearest
from data.text.spelling import word

ABSENT = frozenset(
    (
        *("no", "none", "negative", "normal", "absent", "healthy", "benign", "control", "false", "without"),
        *("nein", "kein", "keine", "negativ", "unauffällig", "gesund", "gutartig"),
        *("non", "négatif", "sain", "negativo", "sano", "ausente", "não", "nee"),
    )
)
"""Words that say that there is no finding: as one of two classes they come first."""


def check(path: Path, classes: Mapping[str, Any], labels: Sequence[str]) -> None:
    """Demands that `classes` lists different labels of columns that are labels.

    Raises:
        DataError: Names the entry.
    """
    for name, listed in classes.items():
        if name not in labels:
            raise DataError(f"{path}: classes names '{name}', which is no label{nearest(name, list(labels))}")
        if not isinstance(listed, list | tuple) or len({word(str(one)) for one in listed}) < max(len(listed), 2):
            raise DataError(
                f"{path}: classes of '{name}' must list two or more different labels in order, such as [no, yes]"
            )


def in_order(path: Path, name: str, found: Sequence[Any], classes: Mapping[str, Any]) -> tuple[Any, ...]:
    """The classes of a label that occur, in order.

    Of two classes the last is the finding: the one of sensitivity, predictive values and thresholds.

    Args:
        path: The table.
        name: The label.
        found: Its classes, numbers or words.
        classes: By label the classes in order.

    Raises:
        DataError: A class that occurs is not listed.
    """
    if name not in classes:
        return tuple(sorted(found, key=lambda one: (len(found) == 2 and word(str(one)) not in ABSENT, one)))
    place = {word(str(one)): i for i, one in enumerate(classes[name])}
    if unlisted := [str(one) for one in found if word(str(one)) not in place]:
        raise DataError(
            f"{path}: column '{name}' has '{unlisted[0]}', which `classes` does not list: it lists "
            f"{', '.join(map(str, classes[name]))}"
        )
    return tuple(sorted(found, key=lambda one: place[word(str(one))]))


def guessed(path: Path, name: str, ordered: Sequence[Any], classes: Mapping[str, Any]) -> str:
    """A note on two words that do not say which of them is the finding; empty if there is no doubt."""
    if name in classes or len(ordered) != 2 or not isinstance(ordered[0], str):
        return ""
    if sum(word(one) in ABSENT for one in ordered) == 1:
        return ""
    first, last = ordered
    return (
        f"{path.name}: of the classes of '{name}', '{last}' is taken as the finding, since it is the last by alphabet: "
        f"set classes: {{{name}: [{last}, {first}]}} if it is '{first}'."
    )
