"""Scans and labels: one dataset in each file, and the types that every stage shares."""


class ScangridError(Exception):
    """The root of the errors that a user can mend; the command line prints their text as one line."""
