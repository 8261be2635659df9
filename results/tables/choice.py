"""The row of the best cell with its AUC corrected for the choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from results.scores.records import Record, is_number
from results.tables.formats import Row, Score

LABEL = "best, corrected"


def corrected_row(
    of_target: Sequence[Record], labels: Sequence[str], metrics: Sequence[str], texts: int
) -> Iterator[Row]:
    """The row; none where there was nothing to choose.

    Args:
        of_target: The rows of one target in the table of scores.
        labels: The axes that are columns of labels.
        metrics: The metrics of the columns of scores; all but AUC are empty.
        texts: The number of columns of text.
    """
    best = next((one for one in of_target if is_number(one.get("auc_corrected"))), None)
    if best is None or best["auc_corrected_among"] < 2 or "auc" not in metrics:
        return
    words = [""] * len(labels)
    words[list(labels).index("heads") if "heads" in labels else 0] = LABEL
    found = Score(*(best[f"auc_corrected{end}"] for end in ("", "_low", "_high")))
    yield Row(tuple(words), tuple(found if name == "auc" else None for name in metrics), ("",) * texts)
