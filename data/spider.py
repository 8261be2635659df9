"""SPIDER: lumbar spine MRI with instance masks and eight gradings of each disc."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from data.base import DataError, Dataset, Exclusion, Image, Target, exclusions
from data.files.on_disk import decoded
from data.reading import label_maps, volumes
from data.reading.tables import ids, spreadsheets
from data.spider_tables import discs
from data.spider_tables.discs import GRADINGS
from data.spider_tables.overview import CLINICAL
from data.spider_tables.overview import read as read_overview
from data.text.names import digest_of

if TYPE_CHECKING:
    import pandas as pd


_GRADING_FILES = tuple(f"{n}.{end}" for n in ("radiological_gradings", "annotations") for end in ("csv", "xlsx"))
_SEQUENCES = ("t1", "t2", "t2_SPACE")


@dataclass(frozen=True, kw_only=True)
class Spider(Dataset):
    """Lumbar spine MRI in SPIDER's layout; a sample is a disc, graded by a radiologist.

    Images are turned to sagittal slices (D grows to the patient's left, H to the feet, W to the back) and keep the
    scanner's units. Masks label vertebrae from 1 and discs from 201, both from the bottom, and the canal with 100, so
    that a sample's `mask_label` is 200 + `ivd`. The official validation patients have the `split` "test".

    Args:
        folder: The folder of `images/{patient}_{sequence}.mha` and `masks/` (or `images/images/`, `masks/masks/`).
        tables: The folder of `radiological_gradings` (or `annotations`, .csv or .xlsx) and `overview.csv`; "" takes
            `folder`.
        sequences: The sequences to read, as the files spell them.
        masks: A folder with masks of another segmenter, `{patient}_{sequence}` .mha or .nii.gz on the images' own grid;
            "" takes SPIDER's masks.
        mask_labels: How the labels of `masks` translate to SPIDER's: `"totalspineseg"`, `"spineps"` (its instance
            masks), or a CSV file with the columns `label` and `spider`; "" if they are SPIDER's already. Only with
            `masks`.

    References:
        J. van der Graaf et al., Lumbar spine segmentation in MR images: a dataset and a public benchmark, Scientific
        Data 11, 2024, doi:10.1038/s41597-024-03090-w.
    """

    words = "lumbar spine MRI of the SPIDER dataset"
    cites = ("vandergraaf2024",)
    packages = ("imagecodecs",)  # unpacks .mha
    unlabelled = "spider_scans"

    folder: str = ""
    tables: str = ""
    sequences: tuple[str, ...] = _SEQUENCES
    masks: str = ""
    mask_labels: str = ""

    @property
    def locations(self) -> tuple[str, ...]:
        """The level of the disc, from L5/S1 upwards."""
        return ("level",)

    @property
    def clinical(self) -> tuple[str, ...]:
        """The columns of `overview.csv` about the patient and the scanner; all missing without that file."""
        return tuple(CLINICAL)

    def targets(self) -> list[Target]:
        """The eight gradings."""
        return [Target(name, name, grading.classes, grading.ordinal) for name, grading in GRADINGS.items()]

    def samples(self) -> pd.DataFrame:
        """One row for each graded disc of a patient with at least one image, in the order of the gradings; a copy."""
        return self._read[0].copy()

    def excluded(self) -> pd.DataFrame:
        """Rows without a disc, rows that contradict each other, and single grades that are absent or out of range."""
        return exclusions(self._read[1])

    def table_notes(self) -> tuple[str, ...]:
        """Remarks in the tables, and cells that were not taken as they are written."""
        return self._read[2]

    def may_have_masks(self) -> bool:
        """Whether there is a folder of masks."""
        return bool(self.masks) or _inner(Path(self.folder) / "masks").is_dir()

    def load(self, study: str, sequence: str) -> Image | None:
        """The scan in sagittal slices with its mask; without a mask if there is no folder of masks."""
        if (study, sequence) not in self._scans:
            return None
        image, mask = self._scans[study, sequence]
        scan = volumes.read(image, mask=mask, orientation="sagittal")
        return label_maps.apply(scan, self.mask_labels) if self.mask_labels else scan

    def files(self, study: str) -> list[Path]:
        """The study's images and masks, and the map of the masks' labels."""
        found = [self._scans[study, s] for s in self.sequences if (study, s) in self._scans]
        labels = [label_maps.path(self.mask_labels)] if self.mask_labels else []
        return [path for path in (*chain(*found), *labels) if path is not None and path.is_file()]

    def digest(self, study: str, of_file: Callable[[Path], str]) -> str:
        """Also changes when a scan gets or loses its mask."""
        masked = [self._scans[study, s][1] is not None for s in self.sequences if (study, s) in self._scans]
        return digest_of([f"{super().digest(study, of_file)} {masked}"])

    @cached_property
    def _scans(self) -> dict[tuple[str, str], tuple[Path, Path | None]]:
        """Image and mask by patient and sequence."""
        if not self.folder:
            raise DataError("spider has no folder: set `folder` to the folder of images/ and masks/")
        if self.mask_labels and not self.masks:
            raise DataError(
                f"mask_labels '{self.mask_labels}' would relabel SPIDER's own masks: set `masks` to the folder of the "
                "other segmenter, or leave mask_labels out"
            )
        if self.mask_labels:
            label_maps.path(self.mask_labels)
        images, masks = _inner(Path(self.folder) / "images"), _inner(Path(self.folder) / "masks")
        if not images.is_dir():
            raise DataError(f"{images}: no such folder: SPIDER's scans are in images/PATIENT_SEQUENCE.mha")
        scans: dict[tuple[str, str], tuple[Path, Path | None]] = {}
        for path in sorted(path for path in images.glob("*.*") if path.suffix.lower() == ".mha"):
            if (name := _patient_and_sequence(decoded(path.stem), self.sequences)) is not None:
                if name in scans:
                    raise DataError(f"{path}: is named as {scans[name][0]} but for its spelling: keep one of them")
                scans[name] = path, self._mask(masks, path)
        named = ((patient, path.name) for (patient, _), (path, _) in scans.items())
        ids.one_spelling(named, "patient", images, way_out="name the files of one patient the same way")
        if not scans:
            raise DataError(f"{images}: no scan PATIENT_SEQUENCE.mha with a sequence of {', '.join(self.sequences)}")
        return scans

    def _mask(self, masks: Path, image: Path) -> Path | None:
        """The expected file of a scan's mask; None without a folder of masks."""
        if not self.masks:
            return _in_any_case(masks / image.name) if masks.is_dir() else None
        if not Path(self.masks).is_dir():
            raise DataError(
                f"masks '{self.masks}' is not a folder: its masks must be named {image.stem}.nii.gz or .mha"
            )
        packed = Path(self.masks) / f"{image.stem}.nii.gz"
        return packed if packed.is_file() else _in_any_case(Path(self.masks) / image.name)

    @cached_property
    def _read(self) -> tuple[pd.DataFrame, list[Exclusion], tuple[str, ...]]:
        folder = Path(self.tables or self.folder)
        scanned = {patient for patient, _ in self._scans}
        gradings = spreadsheets.first(folder, _GRADING_FILES)
        if gradings is None:
            raise DataError(f"{folder}: no table of gradings: expected {' or '.join(_GRADING_FILES)}")
        others = [name for name in _GRADING_FILES if (folder / name).is_file() and name != gradings.name]
        found, excluded, notes = discs.read(gradings, scanned)
        notes += [f"{name} is not read, since {gradings.name} is there too." for name in others]
        overview = spreadsheets.first(folder, ("overview.csv", "overview.xlsx"))
        if overview is None:
            return found.assign(**dict.fromkeys(CLINICAL)), excluded, tuple(notes)
        known = dict.fromkeys((*_SEQUENCES, *self.sequences))
        patients, odd, more = read_overview(
            overview, lambda name: _patient_and_sequence(name, known) or (name, ""), scanned
        )
        return found.join(patients, on="patient"), [*excluded, *odd], (*notes, *more)


def _inner(folder: Path) -> Path:
    """The folder itself, or the folder of the same name inside it, which some archives unpack to."""
    return folder / folder.name if (folder / folder.name).is_dir() else folder


def _in_any_case(path: Path) -> Path:
    """The file itself, or the one that differs from it only in the case of its ending, as of files from Windows."""
    others = (path.with_suffix(ending) for ending in (path.suffix.lower(), path.suffix.upper()))
    return path if path.is_file() else next((other for other in others if other.is_file()), path)


def _patient_and_sequence(name: str, sequences: Iterable[str]) -> tuple[str, str] | None:
    ends = [s for s in sequences if name.endswith(f"_{s}")]
    return (name.removesuffix(f"_{max(ends, key=len)}"), max(ends, key=len)) if ends else None
