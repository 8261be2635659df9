"""Two datasets as one: the patients of the first are in training, those of the second are tested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.base import Dataset, Image, Target

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "external "


class JoinedData(Dataset):
    """The samples and scans of two datasets, with the columns, targets and sequences of the first.

    Studies and samples of the second dataset get `PREFIX` before their names where a name occurs in both.

    Args:
        own: The first dataset.
        other: The second dataset.
        samples: The samples of the first.
        others: The samples of the second, with the columns of the first.
        parts: What decides how the two read scans, as plain values.
        own_ids: Whether equal patient ids in the two mean different patients.
        place: The folder or file by which captions name the second dataset.
    """

    reading_fields = ("parts",)
    source = "place"

    def __init__(
        self,
        own: Dataset,
        other: Dataset,
        samples: pd.DataFrame,
        others: pd.DataFrame,
        *,
        parts: Any,
        own_ids: bool,
        place: str,
    ) -> None:
        import pandas as pd

        self._own, self._other, self.parts, self.place = own, other, parts, place
        shared = set(samples.index) & set(others.index) or set(samples["study"]) & set(others["study"])
        mark = PREFIX if shared else ""
        while mark and any(f"{mark}{name}" in samples.index for name in others.index):
            mark += PREFIX  # the first dataset has such names too
        self._mark = mark
        patients = (PREFIX if own_ids else "") + others["patient"].astype(str)
        renamed = others.assign(study=mark + others["study"].astype(str), patient=patients)
        renamed = renamed.rename(index=lambda name: f"{mark}{name}")
        self.study_of = dict(zip(renamed["study"], others["study"].astype(str), strict=True))
        parted = [samples.assign(split="train"), renamed.assign(split="test")]
        self._samples = pd.concat(parted).rename_axis("sample")

    @property
    def sequences(self) -> tuple[str, ...]:
        """Those of the first dataset."""
        return self._own.sequences

    @property
    def locations(self) -> tuple[str, ...]:
        """Those of the first dataset, if the second has them too; none otherwise."""
        here = set(self._other.locations)
        return self._own.locations if set(self._own.locations) <= here else ()

    @property
    def within(self) -> tuple[str, ...]:
        """As for `locations`."""
        return self._own.within if self.locations else ()

    @property
    def clinical(self) -> tuple[str, ...]:
        """Those of the first dataset."""
        return self._own.clinical

    @property
    def patients_known(self) -> bool:
        """Whether both datasets know their patients."""
        return self._own.patients_known and self._other.patients_known

    def targets(self) -> list[Target]:
        """Those of the first dataset."""
        return self._own.targets()

    def samples(self) -> pd.DataFrame:
        """The samples of both; `split` is "train" for the first and "test" for the second."""
        return self._samples.copy()

    def table_notes(self) -> tuple[str, ...]:
        """Those of the second dataset; the notes of the first stand in its own run."""
        return self._other.table_notes()

    def left_out(self) -> pd.DataFrame:
        """What the second dataset left out; see `Dataset.excluded`."""
        return self._other.excluded()

    def may_have_masks(self) -> bool:
        """Whether both datasets may have masks."""
        return self._own.may_have_masks() and self._other.may_have_masks()

    def load(self, study: str, sequence: str) -> Image | None:
        """As the study's own dataset does; None where that has no such sequence."""
        dataset, name = self._of(study)
        return dataset.load(name, sequence) if sequence in dataset.sequences else None

    def files(self, study: str) -> list[Path]:
        """As the study's own dataset does."""
        dataset, name = self._of(study)
        return dataset.files(name)

    def digest(self, study: str, of_file: Callable[[Path], str]) -> str:
        """As the study's own dataset does."""
        dataset, name = self._of(study)
        return dataset.digest(name, of_file)

    def points(self, study: str) -> pd.DataFrame:
        """As the study's own dataset does, by the names of the joined samples."""
        dataset, name = self._of(study)
        found = dataset.points(name)
        marked = study != name
        return found.rename(index=lambda sample: f"{self._mark}{sample}") if marked else found

    def _of(self, study: str) -> tuple[Dataset, str]:
        found = self.study_of.get(study)
        return (self._own, study) if found is None else (self._other, found)
