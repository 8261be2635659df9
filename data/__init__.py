"""Scans and labels: one dataset in each file, and the types that every stage shares."""

from data.text.names import readable


class ScangridError(Exception):
    """The root of the errors that a user can mend; the command line prints their text as one line."""

    def __init__(self, message: str = "") -> None:
        super().__init__(readable(message))
