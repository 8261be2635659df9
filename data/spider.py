"""SPIDER: lumbar spine MRI with instance masks and eight gradings of each disc."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data.base import DataError, Dataset, Exclusion, Image, Target, exclusions
from data.reading import label_maps, spreadsheets, volumes

if TYPE_CHECKING:
    import pandas as pd


class _Grading(NamedTuple):
    columns: tuple[str, ...]
    classes: tuple[int, ...] = (0, 1)
    ordinal: bool = False


_GRADINGS = {
    "modic": _Grading(("Modic",), (0, 1, 2, 3)),
    "upper_endplate": _Grading(("UP endplate",)),
    "lower_endplate": _Grading(("LOW endplate",)),
    "spondylolisthesis": _Grading(("Spondylolisthesis",)),
    "herniation": _Grading(("Disc herniation",)),
    "narrowing": _Grading(("Disc narrowing",)),
    "bulging": _Grading(("Disc bulging",)),
    "pfirrmann": _Grading(("Pfirrman grade", "Pfirrmann grade"), (1, 2, 3, 4, 5), ordinal=True),
}
_GRADING_FILES = tuple(f"{n}.{end}" for n in ("radiological_gradings", "annotations") for end in ("csv", "xlsx"))
_CLINICAL = {
    "sex": "sex",
    "age": "birth_date",  # in spite of its name it holds an age
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "field_strength": "MagneticFieldStrength",
}
_SPLITS = {"training": "train", "validation": "test", "test": "test"}
_SEQUENCES = ("t1", "t2", "t2_SPACE")
_VERTEBRAE = ("S1", *(f"L{n}" for n in range(5, 0, -1)), *(f"T{n}" for n in range(12, 0, -1)))


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
    packages = ("simpleitk",)
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
        return tuple(_CLINICAL)

    def targets(self) -> list[Target]:
        """The eight gradings."""
        return [Target(name, name, grading.classes, grading.ordinal) for name, grading in _GRADINGS.items()]

    def samples(self) -> pd.DataFrame:
        """One row for each graded disc of a patient with at least one image, in the order of the gradings; a copy."""
        return self._read[0].copy()

    def excluded(self) -> pd.DataFrame:
        """Rows without a disc, rows that contradict each other, and single grades that are absent or out of range."""
        return exclusions(self._read[1])

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
        return hashlib.sha256(f"{super().digest(study, of_file)} {masked}".encode()).hexdigest()

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
        scans = {}
        for path in sorted(path for path in images.glob("*.*") if path.suffix.lower() == ".mha"):
            if (name := _patient_and_sequence(path.stem, self.sequences)) is not None:
                scans[name] = path, self._mask(masks, path)
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
    def _read(self) -> tuple[pd.DataFrame, list[Exclusion]]:
        folder = Path(self.tables or self.folder)
        scanned = {patient for patient, _ in self._scans}
        gradings = spreadsheets.first(folder, _GRADING_FILES)
        if gradings is None:
            raise DataError(f"{folder}: no table of gradings: expected {' or '.join(_GRADING_FILES)}")
        discs, excluded = _discs(gradings, scanned)
        overview = spreadsheets.first(folder, ("overview.csv", "overview.xlsx"))
        if overview is None:
            return discs.assign(**dict.fromkeys(_CLINICAL)), excluded
        return discs.join(_patients(overview, self.sequences), on="patient"), excluded


def _inner(folder: Path) -> Path:
    """The folder itself, or the folder of the same name inside it, which some archives unpack to."""
    return folder / folder.name if (folder / folder.name).is_dir() else folder


def _in_any_case(path: Path) -> Path:
    """The file itself, or the one that differs from it only in the case of its ending, as of files from Windows."""
    others = (path.with_suffix(ending) for ending in (path.suffix.lower(), path.suffix.upper()))
    return path if path.is_file() else next((other for other in others if other.is_file()), path)


def _patient_and_sequence(name: str, sequences: Iterable[str]) -> tuple[str, str] | None:
    return next(((name.removesuffix(f"_{s}"), s) for s in sequences if name.endswith(f"_{s}")), None)


def _discs(path: Path, scanned: set[str]) -> tuple[pd.DataFrame, list[Exclusion]]:
    """One row for each usable disc, and the exclusions."""
    import pandas as pd

    table = spreadsheets.read(path)
    columns = {"patient": "Patient", "disc": "IVD label"} | {name: g.columns for name, g in _GRADINGS.items()}
    discs = pd.DataFrame({name: spreadsheets.column(table, source, path) for name, source in columns.items()})
    discs["line"] = discs.index
    excluded: list[Exclusion] = []

    def name(rows: pd.DataFrame, why: pd.Series[str] | str) -> None:
        samples = rows["patient"].fillna("?") + "_ivd" + rows["disc"].fillna("?")
        reasons = "line " + rows["line"].astype("str") + ": " + why
        excluded.extend((path.name, sample, "", reason) for sample, reason in zip(samples, reasons, strict=True))

    anonymous = discs["patient"].isna()
    name(discs[anonymous], "has no patient")
    unseen = discs[~anonymous & ~discs["patient"].isin(scanned)]
    if len(unseen):
        why = f"{unseen['patient'].nunique()} patients with {len(unseen)} graded discs have no image"
        excluded.append((path.name, "", "", why))
    discs = discs[discs["patient"].isin(scanned)]
    ungraded = scanned.difference(discs["patient"])
    excluded.extend((path.name, "", "", f"patient {patient} has images but no grading") for patient in sorted(ungraded))

    ivd = pd.to_numeric(discs["disc"], errors="coerce")
    known = ivd.isin(range(1, len(_VERTEBRAE)))
    name(discs[~known], "IVD label is " + _shown(discs.loc[~known, "disc"]) + ", discs count from 1 (L5/S1)")
    discs = discs[known].assign(ivd=ivd[known].astype("int64"))

    disc = ["patient", "ivd"]
    repeated = discs.duplicated([*disc, *_GRADINGS])
    kept = discs.groupby(disc)["line"].transform("first")[repeated].astype("str")
    name(discs[repeated], "the same as line " + kept + ", which is kept")
    discs = discs[~repeated]
    unsure = discs.duplicated(disc, keep=False)
    name(discs[unsure], "another row contradicts it, so none is kept")
    discs = discs[~unsure]

    raw = discs
    for grade, grading in _GRADINGS.items():
        numbers = pd.to_numeric(raw[grade], errors="coerce")
        valid = numbers.isin(grading.classes)
        expected = f", expected {grading.classes[0]} to {grading.classes[-1]}: left out of this target"
        name(raw[~valid], f"{grade} is " + _shown(raw.loc[~valid, grade]) + expected)
        discs = discs.assign(**{grade: numbers.where(valid)})
    empty = discs[list(_GRADINGS)].isna().all(axis=1)
    name(discs[empty], "no grading can be used")
    discs = discs[~empty]

    discs = discs.assign(
        sample=discs["patient"] + "_ivd" + discs["ivd"].astype("str"),
        study=discs["patient"],
        level=[f"{_VERTEBRAE[n]}/{_VERTEBRAE[n - 1]}" for n in discs["ivd"]],
        mask_label=discs["ivd"] + 200,
    )
    return discs.set_index("sample")[["patient", "study", "level", "ivd", "mask_label", *_GRADINGS]], excluded


def _shown(values: pd.Series[str]) -> pd.Series[str]:
    return values.fillna("absent")


def _patients(path: Path, sequences: tuple[str, ...]) -> pd.DataFrame:
    """Clinical columns and `split` of each patient, from the row of T2 and, where it is empty, from other sequences."""
    import pandas as pd

    table = spreadsheets.read(path)
    rows = pd.DataFrame({name: spreadsheets.column(table, source, path) for name, source in _CLINICAL.items()})
    for name in ("age", "field_strength"):
        rows[name] = pd.to_numeric(rows[name], errors="coerce")
    subset = spreadsheets.column(table, "subset", path)
    if unknown := set(subset.dropna()).difference(_SPLITS):
        raise DataError(f"{path}: subset '{min(unknown)}' is none of {', '.join(_SPLITS)}")
    rows["split"] = subset.map(_SPLITS)
    known = dict.fromkeys((*_SEQUENCES, *sequences))
    scans = [_patient_and_sequence(n, known) or (n, "") for n in spreadsheets.column(table, "new_file_name", path)]
    rows["patient"] = [patient for patient, _ in scans]
    splits = rows[["patient", "split"]].dropna().drop_duplicates()
    if len(both := splits.loc[splits.duplicated("patient"), "patient"]):
        raise DataError(f"{path}: patient {both.iloc[0]} is in two subsets, but a split must be by patient")
    rows["other"] = [sequence != "t2" for _, sequence in scans]
    return rows.sort_values("other", kind="stable").groupby("patient").first().drop(columns="other")
