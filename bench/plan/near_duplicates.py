"""Near-duplicates: scans of two patients of which one is a changed copy of the other; and who is on which side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SAME = "the same pixels"
"""The change of a scan that was not changed."""


@dataclass(frozen=True)
class NearDuplicate:
    """Two scans of two patients of which one is a copy of the other.

    Args:
        patients: Their patients.
        studies: Their studies.
        sequences: Their sequences.
        likeness: How alike their looks are, up to 1.
        whole: The correlation of their pixels.
        detail: The correlation of their detail of about one pixel.
        change: How the second differs from the first, in words.
    """

    patients: tuple[str, str]
    studies: tuple[str, str]
    sequences: tuple[str, str]
    likeness: float
    whole: float
    detail: float
    change: str

    @property
    def names(self) -> tuple[str, str]:
        """The two scans as a message names them."""
        first, second = (f"{study} {sequence}" for study, sequence in zip(self.studies, self.sequences, strict=True))
        return first, second


def together(pairs: Iterable[NearDuplicate]) -> dict[str, str]:
    """For each patient with a near-duplicate the first patient of those that are linked by such pairs."""
    first: dict[str, str] = {}

    def find(patient: str) -> str:
        while first.setdefault(patient, patient) != patient:
            patient = first[patient]
        return patient

    for pair in pairs:
        one, two = sorted(find(patient) for patient in pair.patients)
        first[two] = one
    return {patient: find(patient) for patient in first}


class Sides:
    """Which patients a split can part.

    Args:
        folds: The folds: columns `patient`, `repeat`, `fold`.
        drawn: Whether the folds are drawn, so that another seed parts other patients.
        groups: The patients who are kept in one fold, as `together` names them.
    """

    def __init__(self, folds: pd.DataFrame, *, drawn: bool, groups: Mapping[str, str]) -> None:
        self._drawn, self._groups = drawn, groups
        self._folds: dict[str, tuple[int, ...]] = {}
        if not drawn:
            for patient, table in folds.sort_values("repeat").groupby("patient"):
                self._folds[str(patient)] = tuple(table["fold"].tolist())

    @property
    def given(self) -> bool:
        """Whether the split is the dataset's own or a file's, so that no patient can be moved."""
        return not self._drawn

    def parts(self, one: str, two: str) -> bool:
        """Whether one of two patients can be in training while the other is tested."""
        if self._drawn:
            return self._groups.get(one, one) != self._groups.get(two, two)
        return one != two and self._folds[one] != self._folds[two]

    def tests(self, patient: str) -> bool:
        """Whether a patient is tested at all."""
        return self._drawn or any(fold >= 0 for fold in self._folds[patient])

    def surplus(self, patients: Sequence[str]) -> list[int]:
        """The positions of copies of one image that are left out, so that the split parts none of those that stay.

        What is tested stays, and what only trains goes; of copies that are equal in this, the first stays.
        """
        kept: list[str] = []
        out = []
        for i in sorted(range(len(patients)), key=lambda i: not self.tests(patients[i])):
            if any(self.parts(patients[i], other) for other in kept):
                out.append(i)
            else:
                kept.append(patients[i])
        return sorted(out)
