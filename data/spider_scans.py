"""Scans in SPIDER's layout without gradings, such as those that a model is to grade."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.base import DataError, exclusions
from data.reading.tables import spreadsheets
from data.spider import Spider

if TYPE_CHECKING:
    import pandas as pd

_GRADINGS = tuple(f"{name}.{end}" for name in ("radiological_gradings", "annotations") for end in ("csv", "xlsx"))
_VERTEBRAE = ("S1", *(f"L{n}" for n in range(5, 0, -1)), *(f"T{n}" for n in range(12, 0, -1)))


@dataclass(frozen=True, kw_only=True)
class SpiderScans(Spider):
    """Lumbar spine MRI in SPIDER's layout without gradings; a sample is one of the lowest discs of a patient.

    A single scan needs a folder with `images/PATIENT_SEQUENCE.mha`. Every patient gets `discs` samples, named and
    numbered as `spider` does. No label is known, and clinical columns are missing. Discs that a scan does not show stay
    without a crop.

    Args:
        folder: As in `spider`.
        tables: As in `spider`; a table of gradings in it is refused, since then `spider` reads the scans.
        sequences: As in `spider`.
        masks: As in `spider`.
        mask_labels: As in `spider`.
        discs: The number of discs, from L5/S1 upwards; 7 reach T11/T12.
    """

    words = "lumbar spine MRI in the layout of the SPIDER dataset, without gradings"
    unlabelled = ""

    discs: int = 7

    def __post_init__(self) -> None:
        if not 1 <= self.discs < len(_VERTEBRAE):
            raise ValueError(f"discs ({self.discs}) are counted from L5/S1 upwards: use 1 to {len(_VERTEBRAE) - 1}")

    def samples(self) -> pd.DataFrame:
        """One row for each of the lowest discs of each patient with an image; all labels and clinical columns missing.

        Raises:
            DataError: There is no scan, or there is a table of gradings.
        """
        import pandas as pd

        folder = Path(self.tables or self.folder)
        if (found := spreadsheets.first(folder, _GRADINGS)) is not None:
            raise DataError(f"{found}: a table of gradings: read these scans with spider, not with spider_scans")
        patients = dict.fromkeys(patient for patient, _ in self._scans)
        rows = [
            {
                "sample": f"{patient}_ivd{ivd}",
                "patient": patient,
                "study": patient,
                "level": f"{_VERTEBRAE[ivd]}/{_VERTEBRAE[ivd - 1]}",
                "ivd": ivd,
                "mask_label": 200 + ivd,
            }
            for patient in patients
            for ivd in range(1, self.discs + 1)
        ]
        labels = dict.fromkeys(target.column for target in self.targets())
        return pd.DataFrame(rows).set_index("sample").assign(**labels, **dict.fromkeys(self.clinical))

    def table_notes(self) -> tuple[str, ...]:
        """None: no table is read."""
        return ()

    def excluded(self) -> pd.DataFrame:
        """Nothing: every scan with a sequence is used."""
        return exclusions([])
