"""What earlier steps took, as the store notes it, and from that about what steps like them will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Fields = tuple[str, ...]


@dataclass(frozen=True)
class Spent:
    """What one step in the store took.

    Args:
        of: What it is of: labels by axis or by kind of step.
        seconds: How long it ran.
        size: The bytes of its entry.
        amount: How much it went through: images, studies, or training rows; 0 where an earlier version did not note it.
    """

    of: Mapping[str, str]
    seconds: float
    size: int
    amount: int = 0


@dataclass(frozen=True)
class Expected:
    """About what a step will take; `rough` where it was measured on another step of its kind, or on other data."""

    seconds: float
    size: float
    rough: bool


class EarlierSteps:
    """Earlier steps of one kind.

    Args:
        steps: What each took.
        levels: By which fields of `of` steps are alike, the nearest first. From the second on an estimate is rough.
    """

    def __init__(self, steps: Sequence[Spent], levels: Sequence[Fields]) -> None:
        self._levels = levels
        self._found: list[dict[tuple[str, ...], list[Spent]]] = []
        for level in levels:
            groups: dict[tuple[str, ...], list[Spent]] = {}
            for step in steps:
                groups.setdefault(tuple(step.of.get(name, "") for name in level), []).append(step)
            self._found.append(groups)

    def expect(self, of: Mapping[str, str], amount: int) -> Expected | None:
        """About what a step will take; None if none like it was measured.

        Args:
            of: What it is of.
            amount: How much it goes through; time and size are taken in proportion to that.
        """
        for number, (level, groups) in enumerate(zip(self._levels, self._found, strict=True)):
            alike = groups.get(tuple(of.get(name, "") for name in level))
            if alike:
                shares = [amount / step.amount if step.amount and amount else 1.0 for step in alike]
                far = any(not 1 / FAR <= share <= FAR for share in shares)
                seconds = sum(step.seconds * share for step, share in zip(alike, shares, strict=True)) / len(alike)
                size = sum(step.size * share for step, share in zip(alike, shares, strict=True)) / len(alike)
                return Expected(seconds, size, rough=number > 0 or far)
        return None


FAR = 1.5
"""Beyond so many times as much, or as little, the proportion is a rough guess."""
