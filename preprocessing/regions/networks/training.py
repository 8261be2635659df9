"""Code that trainings of regions share: the curve that they keep, and the check of their fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Curve = list[dict[str, float]]


def check_training(settings: Any, counts: Sequence[str]) -> None:
    """Refuses impossible fields: counts below 1, a rate of 0 or less, a share outside 0 to 1.

    Args:
        settings: Has the fields `learning_rate`, `validation` and those named in `counts`.
        counts: The fields that count something.

    Raises:
        ValueError: A field has such a value; the message gives the rule.
    """
    for name in counts:
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} ({getattr(settings, name)}) must be 1 or more")
    if settings.learning_rate <= 0:
        raise ValueError(f"learning_rate ({settings.learning_rate}) must be above 0")
    if not 0 <= settings.validation < 1:
        raise ValueError(f"validation ({settings.validation}) must be from 0 to below 1")
