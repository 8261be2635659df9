"""Studies of lumbar spine MRI as scanners and archives export them: DICOM files without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.base import DataError, Dataset, Image, Pixel, Target, exclusions
from data.reading.dicom import series
from data.reading.dicom.headers import DicomHeader
from data.reading.dicom.study_files import MIN_SLICES, Rules, StudyFiles, read_study
from data.rsna_challenge import tables as rsna_tables
from data.rsna_challenge.places import PLACES, SEQUENCES, SHOWN
from data.text.names import digest_of, readable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class DicomStudy(Dataset):
    """Lumbar spine MRI without labels; a sample is one grading of one level, 25 in each study as in `rsna`.

    A study is a folder with one examination of one patient; its files may lie at any depth and have any names. The
    orientation, the description and the times of a series show which of RSNA's three sequences it is; `recognised`
    lists how. Of several sagittal series of a sequence one is used: T2 before STIR, a series without saturated fat or
    contrast before one with it, then the series with most slices. Axial series are joined. Images are turned as in
    `rsna`.

    Samples, tables and messages hold no patient's name or id. Studies are named `study_1` ... in their order, and
    series `series_1` ... by SeriesNumber. A file is named by its InstanceNumber or, if that is not unique, by its place
    among all files of the study. No path, description, date or identifier is shown.

    Args:
        folders: The folder of each study; a single folder need not be a list.
        sequences: The sequences to read, of `sagittal_t1`, `sagittal_t2` (or STIR) and `axial_t2`.
        series: The sequence of series whose headers don't show it, by the name of the series or of its folder.
        descriptions: A table with the sequences, such as RSNA's `test_series_descriptions.csv`; empty for none.
        max_bytes: A study with more bytes of pixels is refused before it is read.
        keep_names: Whether studies, series and files keep the names of folders and files, which may name a patient.
    """

    words = "studies of lumbar spine MRI as DICOM files"
    source = ""
    packages = ("pydicom",)

    shown = SHOWN

    folders: str | tuple[str, ...] = ()
    sequences: tuple[str, ...] = SEQUENCES
    series: Mapping[str, str] = field(default_factory=dict)
    descriptions: str = ""
    max_bytes: int = 2 * 10**9
    keep_names: bool = False

    @property
    def locations(self) -> tuple[str, ...]:
        """The condition, the side and the level."""
        return ("condition", "side", "level")

    @property
    def patients_known(self) -> bool:
        """False: the patient's id is not kept, so two studies may be of one patient."""
        return False

    def targets(self) -> list[Target]:
        """The targets of `rsna`."""
        return rsna_tables.targets()

    def samples(self) -> pd.DataFrame:
        """One row for each place of each study, in RSNA's order; `severity` is missing everywhere.

        Raises:
            DataError: A folder is not an MRI study of one patient, or has too many pixels; see `read_study`.
        """
        import pandas as pd

        rows = [
            {"sample": f"{study}_{column}", "patient": study, "study": study, **place._asdict(), "severity": None}
            for study in self._read
            for column, place in PLACES.items()
        ]
        return pd.DataFrame(rows).set_index("sample").astype("str")

    def excluded(self) -> pd.DataFrame:
        """Files that are not images or can't be read, and series that are not used."""
        return exclusions([row for study in self._read.values() for row in study.excluded])

    def recognised(self) -> pd.DataFrame:
        """One row for each series.

        Columns `study`, `series` (its name, with `#2` ... where a folder holds several), `orientation`, `slices`,
        `sequence` (empty for a series that is not used) and `how` (how it was recognised, or why it is not used).
        """
        import pandas as pd

        rows = [(study, *row) for study, read in self._read.items() for row in read.recognised]
        return pd.DataFrame(rows, columns=["study", "series", "orientation", "slices", "sequence", "how"])

    def reading_notes(self, study: str) -> tuple[str, ...]:
        """A line for each series: its orientation, its slices, its sequence, and how that was recognised."""
        read = self._study(study)
        return tuple(
            f"{name}, {orientation}, {slices} slices: {sequence or 'not used'} ({how})"
            for name, orientation, slices, sequence, how in read.recognised
        )

    def may_have_masks(self) -> bool:
        """False."""
        return False

    def load(self, study: str, sequence: str) -> Image | None:
        """All series of a sequence as one stack; its `faults` name the files that could not be read.

        Raises:
            DataError: Fewer than 3 slices can be read.
        """
        read = self._study(study)
        headers = read.used.get(sequence, [])
        if not headers:
            return None
        try:
            image = series.read_frames(headers, sequence.partition("_")[0])
        except DataError as error:
            raise DataError(self._shown(study, str(error))) from error
        faults = (*read.faults(sequence), *(self._shown(study, fault) for fault in image.faults))
        if len(image.pixels) < MIN_SLICES:
            why = f": {faults[0]}" if faults else ""
            raise DataError(
                f"{study}: {len(image.pixels)} slices of {sequence} can be read, {MIN_SLICES} are needed{why}"
            )
        return replace(image, faults=faults)

    def files(self, study: str) -> list[Path]:
        """The files of the series that are used."""
        used = self._study(study).used
        return list(dict.fromkeys(one.path for sequence in self.sequences for one in used.get(sequence, [])))

    def digest(self, study: str, of_file: Callable[[Path], str]) -> str:
        """Changes with the files' bytes and with the sequence of each frame."""
        used = self._study(study).used
        digests = {path: of_file(path) for path in self.files(study)}
        lines = [
            f"{name} {one.path.name} {digests[one.path]}" + (f" {one.frame}" if one.frames > 1 else "")
            for name in self.sequences
            for one in used.get(name, [])
        ]
        return digest_of(lines)

    def pixel(self, study: str, sequence: str, position: tuple[float, float, float]) -> Pixel:
        """The place of a position (LPS mm) in the files: on the nearest slice, first of those that hold the position.

        Raises:
            DataError: The study lacks the sequence, or no header locates its slices.
        """
        read = self._study(study)
        found: list[tuple[bool, float, int, DicomHeader, float, float]] = []
        for one in read.used.get(sequence, []):
            if one.plane is None:
                continue
            away, y, x = (np.linalg.inv(one.plane) @ [*position, 1.0])[:3]
            beside = not (-0.5 <= y <= one.shape[0] - 0.5 and -0.5 <= x <= one.shape[1] - 0.5)
            found.append((beside, float(abs(away)), len(found), one, float(x), float(y)))
        if not found:
            raise DataError(f"{study}: no slice of {sequence} has a place")
        _, distance, _, one, x, y = min(found)
        name, file = read.named[one.path, one.frame], one.path.name if self.keep_names else ""
        return Pixel(name, file, one.instance if one.frames == 1 else one.frame + 1, x, y, distance)

    def _shown(self, study: str, text: str) -> str:
        """A message of `series` with the study's names of files."""
        if self.keep_names:
            return readable(text)
        read = self._study(study)
        called = {str(path.parent): study for path, _ in read.named} | {
            str(path): to for path, to in read.shown.items()
        }
        for path in sorted(called, key=len, reverse=True):
            text = text.replace(readable(path), called[path])
        return readable(text)

    def _study(self, study: str) -> StudyFiles:
        return self._read.get(study) or StudyFiles()

    def _listed(self) -> dict[str, dict[str, str]]:
        if not self.descriptions:
            return {}
        path = Path(self.descriptions)
        try:
            return rsna_tables.read_series(path, [])
        except DataError as error:
            text = str(error)
            raise DataError(text if self.keep_names else text.replace(readable(str(path)), "descriptions")) from error

    @cached_property
    def _read(self) -> dict[str, StudyFiles]:
        folders = (self.folders,) if isinstance(self.folders, str) else self.folders
        if not any(folders):
            raise DataError(
                "dicom_study has no folders: set `folders` to the folders of DICOM files, one for each study"
            )
        for name in (*self.sequences, *self.series.values()):
            if name not in SEQUENCES:
                raise DataError(f"dicom_study has no sequence '{name}': use some of {', '.join(SEQUENCES)}")
        listed = self._listed()
        read: dict[str, StudyFiles] = {}
        for number, folder in enumerate(map(Path, folders), start=1):
            name = readable(folder.resolve().name) if self.keep_names else f"study_{number}"
            if name in read:
                raise DataError(f"{name}: two studies have this name: leave `keep_names` out")
            rules = Rules(
                sequences=self.sequences,
                named=self.series,
                listed=listed.get(folder.resolve().name, {}),
                max_bytes=self.max_bytes,
                keep_names=self.keep_names,
            )
            place = f"{folder}" if self.keep_names else f"{name} (argument {number})"
            read[name] = read_study(folder, name, place, rules)
        return read
