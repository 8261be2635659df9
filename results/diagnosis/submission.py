"""Diagnoses as Kaggle's `submission.csv` of RSNA 2024."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from results.diagnosis.findings import Diagnosis
from results.diagnosis.tables import short
from results.run_folder import ResultsError

CLASSES = ("Normal/Mild", "Moderate", "Severe")
LEVELS = ("l1_l2", "l2_l3", "l3_l4", "l4_l5", "l5_s1")
GRADED = (
    "left_neural_foraminal_narrowing",
    "left_subarticular_stenosis",
    "right_neural_foraminal_narrowing",
    "right_subarticular_stenosis",
    "spinal_canal_stenosis",
)


def write_submission(of: Sequence[Diagnosis], path: Path, *, base_rates: Mapping[str, Sequence[float]]) -> None:
    """Writes `row_id`, `normal_mild`, `moderate`, `severe`: 25 rows a study, in the order of `sample_submission.csv`.

    Rows sum to 1. A study is called as its diagnosis is, which must be RSNA's number of it for Kaggle to know it.

    Args:
        of: One a study.
        path: The file.
        base_rates: The probabilities of what is missing, by condition such as `spinal_canal_stenosis`.

    Raises:
        ResultsError: Other classes than RSNA's, or a condition that is missing and has no base rates.
    """
    import pandas as pd

    rows = []
    for one in of:
        if one.classes != CLASSES:
            raise ResultsError(f"a submission has the classes {', '.join(CLASSES)}, the model {', '.join(one.classes)}")
        found = {finding.column: finding.probabilities for finding in one.findings if finding.grade}
        for graded, level in product(GRADED, LEVELS):
            values = found.get(f"{graded}_{level}") or _rates(graded, base_rates)
            total = sum(values)
            rows.append((f"{one.study}_{graded}_{level}", *(value / total for value in values)))
    pd.DataFrame(rows, columns=["row_id", *map(short, CLASSES)]).to_csv(path, index=False)


def _rates(graded: str, base_rates: Mapping[str, Sequence[float]]) -> Sequence[float]:
    condition = graded.removeprefix("left_").removeprefix("right_")
    if condition not in base_rates:
        raise ResultsError(f"{condition} is missing and has no base rates")
    return base_rates[condition]
