"""The root of the errors of a grid that does not fit its dataset."""

from __future__ import annotations

from data import ScangridError


class GridMisfitError(ScangridError):
    """A grid that does not fit its dataset, with what to do; `keys` lead to the place in the grid file."""

    def __init__(self, message: str, *keys: str) -> None:
        super().__init__(message)
        self.keys = keys
