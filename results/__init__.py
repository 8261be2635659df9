"""Reads run folders and computes all results from stored predictions: scores, tables, figures, report."""

from data import ScangridError


class ResultsError(ScangridError):
    """A run folder or a request that can't be served; the message is one line with what is wrong and the way out."""
