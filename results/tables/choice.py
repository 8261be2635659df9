"""The row of the cell that is chosen in each fold by the other folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from results.scores.records import NOTHING, Record, is_number
from results.tables.columns import GAINS
from results.tables.columns import columns as known_columns
from results.tables.formats import Row, Score

LABEL = "chosen by fold"


def chosen_row(choice: Record | None, labels: Sequence[str], metrics: Sequence[str], texts: int) -> Iterator[Row]:
    """The row; none where there was nothing to choose.

    Args:
        choice: The scores of the choice, from `attrs["choices"]` of the table of scores.
        labels: The axes that are columns of labels.
        metrics: The metrics of the columns of scores.
        texts: The number of columns of text.
    """
    if choice is None:
        return
    words = [""] * len(labels)
    words[list(labels).index("heads") if "heads" in labels else 0] = LABEL
    yield Row(tuple(words), tuple(_score(choice, name) for name in metrics), ("",) * texts)


def chosen_note(choice: Record | None, cells: Sequence[Record], varying: Sequence[str]) -> Iterator[str]:
    """What the row is, and which cell was chosen most often."""
    if choice is None:
        return
    most = next((cell for cell in cells if cell["key"] == choice["most"]), None)
    shown = [str(most[axis]) for axis in varying or ["heads"] if most[axis] not in NOTHING] if most else []
    named = f" ({', '.join(shown)} in {choice['times']} of {choice['folds']} folds)" if shown else ""
    yield (
        f"{LABEL.capitalize()}: of {choice['among']} cells that which is best by AUC on the other folds of the "
        f"repeat{named}. It is less optimistic than the best row, but still is: models that are tested on the other "
        "folds learnt from this one."
    )


def _score(choice: Record, name: str) -> Score | None:
    value, low, high = (choice.get(f"{name}{end}") for end in ("", "_low", "_high"))
    if not is_number(value):
        return None
    known = is_number(low) and is_number(high)
    ends = (low, high) if known else (None, None)
    return Score(value, *ends, signed=name in GAINS, decimals=known_columns()[name].decimals)
