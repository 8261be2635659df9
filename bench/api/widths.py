"""The widths of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.api.errors import check_choice

if TYPE_CHECKING:
    from results.figures.drawing.style import Width

WIDTHS: tuple[Width, ...] = ("double", "single")


def width_of(width: str) -> Width:
    """Checks the width of a figure and returns it.

    Raises:
        ArgumentError: There is no such width.
    """
    check_choice("--width", width, WIDTHS)
    return "single" if width == "single" else "double"
