"""A preset: a table for a purpose, with its line of help and its function.

A file of this folder holds one preset, `PRESET = Preset(...)`. Its name on the command line is the name of the file
with `-` for `_`: `per_class.py` is `per-class`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from results.tables.formats import Sheet


@dataclass(frozen=True)
class Preset:
    """A table for a purpose.

    Args:
        help: One line for `tables --help`.
        sheets: Called with a run (`results.run_folder.Run`) and, if the preset has one, with its argument (str).
        argument: The name of what follows after `:`, such as `AXIS`; empty: nothing follows.
        example: A value of the argument.
        order: Its place in the help; the lowest comes first.
    """

    help: str
    sheets: Callable[..., list[Sheet]]
    _: KW_ONLY
    argument: str = ""
    example: str = ""
    order: int = 1000
