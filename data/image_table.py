"""Your own images, from a table of files, labels and patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from data.base import DataError, Dataset, Exclusion, Image, Target, exclusions
from data.files.on_disk import Folders
from data.image_rows import rows
from data.image_rows.asked import Asked
from data.image_rows.class_order import guessed, in_order
from data.image_rows.samples import merged, studies
from data.reading import volumes
from data.reading.dicom import scans as dicom_scans
from data.text.names import digest_of

if TYPE_CHECKING:
    from collections.abc import Collection  # an import that is not needed here changes no key

    import pandas as pd


class _TableContent(NamedTuple):
    samples: pd.DataFrame
    excluded: list[Exclusion]
    scans: dict[tuple[str, str], tuple[Path, Path | None]]  # image and mask by study and sequence
    sequences: tuple[str, ...]
    notes: tuple[str, ...]
    lines: dict[str, list[int]]  # in the file, by sample


@dataclass(frozen=True, kw_only=True)
class ImageTable(Dataset):
    """A CSV or Excel table with one image file in each row (PNG, JPEG, TIFF, DICOM, .mha, .nii.gz, .nrrd).

    A folder of DICOM files is an image, too: one series. Of several images in it, such as two echoes, `FOLDER#2` names
    the second; `FILE#2` is the second volume of a NIfTI file.

    Images keep their own units. Rows of one patient and place are the sequences of one sample, called
    `{patient}_{place}`. A column is found by its exact name, and only without one by its name in other capitals. Labels
    are whole numbers or words. Where all samples of a patient have the same files, such as
    the levels of one volume, they share a study.

    Args:
        table: The table's file, as seen from the folder where the command is started. `FILE.xlsx#SHEET` names a sheet
            of an Excel file; without one, the first that is not hidden is read.
        root: The folder that image paths are relative to; "" takes the table's folder.
        image: Column of image paths.
        patient: Column of patient ids; "" makes every row a patient of its own, which every table then notes.
        sequence: Column of sequences; without a column `sequence` there is a single one, "image".
        locations: Columns that locate a sample in the body; with the patient they identify the sample.
        labels: Columns to predict whose classes have no order.
        ordinal: Columns to predict whose classes have an order: whole numbers, or words that `classes` lists.
        classes: The classes of labels in order, such as `{effusion: [no, yes]}`. The last of two is the finding, to
            which sensitivity and predictive values refer. Without it, numbers and words are sorted, and of two a word
            such as `no`, `normal` or `negative` is the first.
        clinical: Columns that describe the patient or the scan.
        mask: Column of mask paths, if there is one.
        split: Column with train, val or test, if there is one.
        orientation: `"sagittal"`, `"axial"` or `"coronal"` turns volumes to such slices; "" keeps the file's order.
        suv: Sequences of PET, in DICOM files, whose activity becomes standardised uptake values by body weight (g/ml).
        ids: `"exact"` takes ids that differ only in case, blanks, zeros or the form of letters as different ones; ""
            refuses them.
        types: `number` or `words` for clinical columns that hold both, by column. A cell of a column of numbers that is
            no number is missing then, and listed in `excluded.csv`.
        missing: The values that mean a missing one, by label or clinical column, such as `{age: [-1, 999]}`.
    """

    words = "images that a table lists"
    source = "table"
    packages = ("imagecodecs", "nibabel", "pydicom", "pynrrd", "simplejpeg", "tifffile")
    column_fields = (
        *("image", "patient", "sequence", "mask", "locations", "clinical", "labels", "ordinal"),
        *("classes", "types", "missing"),
    )

    reading_fields: ClassVar[tuple[str, ...]] = ("orientation", "suv")

    table: str = ""
    root: str = ""
    image: str = "image"
    patient: str = "patient"
    sequence: str = "sequence"
    locations: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    ordinal: tuple[str, ...] = ()
    classes: Mapping[str, Any] = field(default_factory=dict)
    clinical: tuple[str, ...] = ()
    mask: str = "mask"
    split: str = "split"
    orientation: Literal["", "sagittal", "axial", "coronal"] = ""
    suv: tuple[str, ...] = ()
    ids: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sequences(self) -> tuple[str, ...]:
        """The sequences in the table, in the order in which they appear."""
        return self._read.sequences

    @property
    def patients_known(self) -> bool:
        """Whether a column of patients is named."""
        return bool(self.patient)

    def targets(self) -> list[Target]:
        """One target for each label column, whose classes are the labels that occur."""
        return [Target(name, name, self._classes(name), ordinal=name in self.ordinal) for name in self._labels]

    def samples(self) -> pd.DataFrame:
        """One row for each patient and place, in the order of the table; a copy."""
        return self._read.samples.copy()

    def excluded(self) -> pd.DataFrame:
        """Rows without an image, patient or place, samples with contradictions, and absent labels."""
        return exclusions(self._read.excluded)

    def table_notes(self) -> tuple[str, ...]:
        """Cells that were not taken as they are written, and values that may be codes of missing ones."""
        doubts = (guessed(Path(self.table), name, self._classes(name), self.classes) for name in self._labels)
        return (*self._read.notes, *filter(None, doubts))

    def where(self, sample: str) -> str:
        """The lines of a sample, such as `line 7 of scans.csv`."""
        lines = self._read.lines[sample]
        return f"line{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))} of {Path(self.table).name}"

    def shared_images(self) -> dict[tuple[str, str], str]:
        """The image files that the table gives to several patients and that exist, by study and sequence."""
        patient_of = dict(zip(self._read.samples["study"], self._read.samples["patient"], strict=True))
        patients: dict[Path, set[str]] = {}
        for (study, _), (image, _) in self._read.scans.items():
            patients.setdefault(image, set()).add(patient_of[study])
        shared = {image for image, whose in patients.items() if len(whose) > 1 and dicom_scans.files(image)}
        return {place: str(image) for place, (image, _) in self._read.scans.items() if image in shared}

    def fitting_fields(self, fields: Mapping[str, Any], said: Collection[str]) -> dict[str, Any]:
        """Fields of known data whose columns the table has; classes that they do not list come last."""
        from data.image_rows.known_fields import fitting_fields

        return fitting_fields(self, fields, said)

    def may_have_masks(self) -> bool:
        """Whether a row names a mask."""
        return any(mask is not None for _, mask in self._read.scans.values())

    def digest(self, study: str, of_file: Callable[[Path], str]) -> str:
        """Also changes when the table gives a file to another sequence, or another role."""
        lines = [
            f"{sequence} {role} {dicom_scans.digest(path, of_file)}"
            for sequence in self.sequences
            for role, path in zip(("image", "mask"), self._read.scans.get((study, sequence), ()), strict=False)
            if path is not None
        ]
        return digest_of(lines)

    def load(self, study: str, sequence: str) -> Image | None:
        """The image in its file's own units, or in SUV."""
        if (study, sequence) not in self._read.scans:
            return None
        image, mask = self._read.scans[study, sequence]
        return volumes.read(image, mask=mask, orientation=self.orientation or None, suv=sequence in self.suv)

    def files(self, study: str) -> list[Path]:
        """The study's images and masks."""
        return [file for path in self._paths(study) for file in dicom_scans.files(path)]

    def absent(self, study: str) -> list[Path]:
        """The study's images and masks that the table names but that do not exist."""
        return [path for path in self._paths(study) if not dicom_scans.files(path)]

    def _paths(self, study: str) -> list[Path]:
        """The files that the table names for a study."""
        found = [self._read.scans[study, s] for s in self.sequences if (study, s) in self._read.scans]
        return [path for pair in found for path in pair if path is not None]

    def _classes(self, name: str) -> tuple[Any, ...]:
        found = self._read.samples[name].dropna().unique().tolist()
        return in_order(Path(self.table), name, found, self.classes)

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.labels, *self.ordinal)))

    @cached_property
    def _read(self) -> _TableContent:
        if not self.table:
            raise DataError("image_table has no table: set `table` to a CSV or Excel file with a column of image paths")
        path = Path(self.table)
        named = ("image", "patient", "sequence", "locations", "ordinal", "clinical", "mask", "split")
        said = {name: getattr(self, name) for name in (*named, "ids", "types", "missing", "classes")}
        asked = Asked(path, Path(self.root) if self.root else path.parent, labels=self._labels, **said)
        found = rows.read(asked)
        samples, contradictions = merged(found, asked)
        table = found.table[found.table["sample"].isin(samples.index)]
        study_of, find = studies(table), Folders().find
        samples.insert(1, "study", [study_of[sample] for sample in samples.index])
        scans = {
            (study_of[sample], series): (find(asked.root, file), find(asked.root, mask) if mask else None)
            for sample, series, file, mask in zip(
                table["sample"], table["series"], table["file"], table["mask file"].fillna(""), strict=True
            )
        }
        known = tuple(table["series"].unique())
        if unknown := set(self.suv).difference(known):
            raise DataError(f"{path}: suv names '{min(unknown)}', which is no sequence: it has {', '.join(known)}")
        notes = tuple(dict.fromkeys(found.notes))
        lines: dict[str, list[int]] = {}
        for line, sample in table["sample"].items():
            lines.setdefault(sample, []).append(int(str(line)))
        return _TableContent(samples, found.excluded + contradictions, scans, known, notes, lines)
