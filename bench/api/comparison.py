"""Compares two runs."""

from __future__ import annotations

from pathlib import Path

from bench.api.results import Results, open_results


def compare(first: str | Path | Results, second: str | Path | Results, *, metric: str = "auc") -> str:
    """Sets two runs side by side on the samples that they share.

    Args:
        first: A run folder, or its results.
        second: Another run folder, or its results.
        metric: Such as `"auc"`.

    Returns:
        A table per target, as Markdown.

    Raises:
        ResultsError: The runs share no sample or cell, or their folds differ.

    Examples:
        >>> print(api.compare("runs/before", "runs/after"))
    """
    from results.tables.compare import compare as side_by_side

    runs = [one if isinstance(one, Results) else open_results(one) for one in (first, second)]
    return side_by_side(runs[0].opened, runs[1].opened, metric=metric)
