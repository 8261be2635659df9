"""The root of the errors of a grid that does not fit its dataset."""

from __future__ import annotations

from data import ScangridError


class GridMisfitError(ScangridError):
    """A grid that does not fit its dataset; the message gives a way out, and `keys` lead to the place in the file."""

    def __init__(self, message: str, *keys: str) -> None:
        super().__init__(message)
        self.keys = keys
