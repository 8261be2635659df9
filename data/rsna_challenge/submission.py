"""Kaggle's `submission.csv` of RSNA 2024."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from data.base import DataError
from data.rsna_challenge.places import CLASSES, PLACES

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("normal_mild", "moderate", "severe")


def submission(
    studies: Mapping[str, Mapping[tuple[str, ...], Sequence[float]]],
    *,
    classes: Sequence[str],
    base_rates: Mapping[str, Sequence[float]],
) -> pd.DataFrame:
    """The columns `row_id`, `normal_mild`, `moderate`, `severe`; 25 rows per study as in `sample_submission.csv`.

    Each row sums to 1. Kaggle identifies a study by RSNA's number.

    Args:
        studies: By study: the probabilities of the classes at each place (condition, side, level) that was graded.
        classes: The classes of the model.
        base_rates: By condition: the probabilities of a place that was not graded.

    Raises:
        DataError: Other classes than RSNA's, or a condition that was not graded and has no base rates.
    """
    import pandas as pd

    if tuple(classes) != CLASSES:
        raise DataError(f"a submission has the classes {', '.join(CLASSES)}, the model {', '.join(classes)}")
    rows = []
    for study, graded in studies.items():
        for column, place in sorted(PLACES.items()):
            values = graded.get(tuple(place)) or base_rates.get(place.condition)
            if values is None:
                raise DataError(f"{place.condition} is missing and has no base rates")
            total = sum(values)
            rows.append((f"{study}_{column}", *(value / total for value in values)))
    return pd.DataFrame(rows, columns=["row_id", *COLUMNS])
