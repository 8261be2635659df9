"""Your own images, from a table of files, labels and patients."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from data.base import DataError, Dataset, Exclusion, Image, Target, exclusions
from data.reading import spreadsheets, volumes

if TYPE_CHECKING:
    import pandas as pd

_SPLITS = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "test"}
_OURS = frozenset(("sample", "patient", "study", "split", "series", "file", "mask file"))


class _TableContent(NamedTuple):
    samples: pd.DataFrame
    excluded: list[Exclusion]
    scans: dict[tuple[str, str], tuple[Path, Path | None]]  # image and mask by study and sequence
    sequences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ImageTable(Dataset):
    """A CSV or Excel table with one image file in each row (PNG, JPEG, TIFF, DICOM, .mha, .nii.gz).

    Images keep their own units. Rows of one patient and place are the sequences of one sample, called
    `{patient}_{place}`. Labels are whole numbers or words. Where all samples of a patient have the same files, such as
    the levels of one volume, they share a study.

    Args:
        table: The table's file, as seen from the folder where the command is started.
        root: The folder that image paths are relative to; "" takes the table's folder.
        image: Column of image paths.
        patient: Column of patient ids; "" makes every row a patient of its own, which every table then notes.
        sequence: Column of sequences; without a column `sequence` there is a single one, "image".
        locations: Columns that locate a sample in the body; with the patient they identify the sample.
        labels: Columns to predict whose classes have no order.
        ordinal: Columns to predict whose classes are whole numbers in order.
        clinical: Columns that describe the patient or the scan.
        mask: Column of mask paths, if there is one.
        split: Column with train, val or test, if there is one.
        orientation: `"sagittal"`, `"axial"` or `"coronal"` turns volumes to such slices; "" keeps the file's order.
    """

    words = "images that a table lists"
    source = "table"
    packages = ("simpleitk",)

    reading_fields: ClassVar[tuple[str, ...]] = ("orientation",)

    table: str = ""
    root: str = ""
    image: str = "image"
    patient: str = "patient"
    sequence: str = "sequence"
    locations: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    ordinal: tuple[str, ...] = ()
    clinical: tuple[str, ...] = ()
    mask: str = "mask"
    split: str = "split"
    orientation: str = ""

    @property
    def within(self) -> tuple[str, ...]:
        """The level, where the table has one."""
        return ("level",) if "level" in self.locations else self.locations

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
        samples = self._read.samples
        return [
            Target(name, name, tuple(sorted(samples[name].dropna().unique().tolist())), ordinal=name in self.ordinal)
            for name in self._labels
        ]

    def samples(self) -> pd.DataFrame:
        """One row for each patient and place, in the order of the table; a copy."""
        return self._read.samples.copy()

    def excluded(self) -> pd.DataFrame:
        """Rows without an image, patient or place, samples with contradictions, and absent labels."""
        return exclusions(self._read.excluded)

    def digest(self, study: str, of_file: Callable[[Path], str]) -> str:
        """Also changes when the table gives a file to another sequence, or another role."""
        lines = [
            f"{sequence} {role} {of_file(path) if path.is_file() else 'no file'}"
            for sequence in self.sequences
            for role, path in zip(("image", "mask"), self._read.scans.get((study, sequence), ()), strict=False)
            if path is not None
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def load(self, study: str, sequence: str) -> Image | None:
        """The image in its file's own units."""
        if (study, sequence) not in self._read.scans:
            return None
        image, mask = self._read.scans[study, sequence]
        return volumes.read(image, mask=mask, orientation=self.orientation or None)

    def files(self, study: str) -> list[Path]:
        """The study's images and masks."""
        return [path for path in self._paths(study) if path.is_file()]

    def absent(self, study: str) -> list[Path]:
        """The study's images and masks that the table names but that do not exist."""
        return [path for path in self._paths(study) if not path.is_file()]

    def _paths(self, study: str) -> list[Path]:
        """The files that the table names for a study."""
        found = [self._read.scans[study, s] for s in self.sequences if (study, s) in self._read.scans]
        return [path for pair in found for path in pair if path is not None]

    def _one_role_each(self, path: Path) -> None:
        """Raises a `DataError` if a column is a label and something else, which would give the label away."""
        roles: dict[str, str] = {}
        named = {"locations": self.locations, "clinical": self.clinical, "labels": self._labels}
        named |= {role: (getattr(self, role),) for role in ("image", "patient", "sequence", "mask")}
        for role, columns in named.items():
            for column in filter(None, columns):
                if (before := roles.setdefault(column.casefold(), role)) != role:
                    raise DataError(
                        f"{path}: column '{column}' is in `{before}` and in `{role}`: name it in one of them"
                    )

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.labels, *self.ordinal)))

    @cached_property
    def _read(self) -> _TableContent:
        if not self.table:
            raise DataError("image_table has no table: set `table` to a CSV or Excel file with a column of image paths")
        path = Path(self.table)
        rows, excluded = self._rows(path)
        samples, contradictions = self._merged(rows, path)
        rows = rows[rows["sample"].isin(samples.index)]
        studies = _studies(rows)
        samples.insert(1, "study", studies.reindex(samples.index))
        scans = {
            (studies[sample], series): (Path(file), Path(mask) if mask else None)
            for sample, series, file, mask in zip(
                rows["sample"], rows["series"], rows["file"], rows["mask file"].fillna(""), strict=True
            )
        }
        return _TableContent(samples, excluded + contradictions, scans, tuple(rows["series"].unique()))

    def _rows(self, path: Path) -> tuple[pd.DataFrame, list[Exclusion]]:
        """The table's usable rows: `sample`, `series`, `file`, `mask file`, and the columns that the fields name."""
        import pandas as pd

        table = spreadsheets.read(path)
        root = Path(self.root) if self.root else path.parent
        present = {str(name).casefold() for name in table.columns}

        def column(name: str) -> pd.Series[str]:
            return spreadsheets.column(table, name, path)

        def has(name: str, default: str) -> bool:
            return name.casefold() in present or (bool(name) and name != default)

        if taken := _OURS.intersection((*self.locations, *self._labels, *self.clinical)):
            raise DataError(f"{path}: a label, place or clinical column can't be named '{min(taken)}': rename it")
        self._one_role_each(path)
        if self.image.casefold() not in present:
            known = ", ".join(map(str, table.columns))
            raise DataError(f"{path}: no column '{self.image}' of image files; it has {known}: name one in `image`")

        rows = pd.DataFrame({"file": column(self.image).map(lambda cell: str(root / cell), na_action="ignore")})
        if self.patient and self.patient.casefold() not in present:
            known = ", ".join(map(str, table.columns))
            raise DataError(
                f"{path}: no column '{self.patient}' of patients; it has {known}: name the column in `patient`, "
                'or set patient: "" if each row is a patient of its own'
            )
        rows["patient"] = column(self.patient) if self.patient else "row" + rows.index.astype("str")
        rows["series"] = column(self.sequence) if has(self.sequence, "sequence") else "image"
        rows["mask file"] = column(self.mask) if has(self.mask, "mask") else None
        rows["mask file"] = rows["mask file"].map(lambda cell: str(root / cell), na_action="ignore")
        for name in (*self.locations, *self._labels, *self.clinical):
            rows[name] = column(name)
        if has(self.split, "split"):
            split = column(self.split).str.lower()
            if unknown := set(split.dropna()).difference(_SPLITS):
                raise DataError(f"{path}: split '{min(unknown)}' is none of train, val, test")
            rows["split"] = split.map(_SPLITS)

        needed = {"file": self.image, "patient": self.patient, "series": self.sequence}
        needed |= {name: name for name in self.locations}
        holes = rows[list(needed)].isna()
        excluded = [
            (path.name, "", "", f"line {line}: no {' and no '.join(needed[n] for n in needed if hole[n])}")
            for line, hole in holes[holes.any(axis=1)].iterrows()
        ]
        rows = rows[~holes.any(axis=1)]
        if rows.empty:
            raise DataError(f"{path}: no row names {', '.join(needed.values())}")
        for name, written in needed.items():
            if name != "file":
                _one_spelling(rows[name], written, path)
        for name in self._labels:
            _one_spelling(rows[name].dropna(), name, path)
        rows = rows.assign(sample=rows[["patient", *self.locations]].agg("_".join, axis=1))
        twice = rows.duplicated(["sample", "series"], keep=False)
        if twice.any():
            sample, series = rows.loc[twice, ["sample", "series"]].iloc[0]
            lines = rows.index[(rows["sample"] == sample) & (rows["series"] == series)]
            raise DataError(
                f"{path}: lines {lines[0]} and {lines[1]} are both sample '{sample}' in sequence '{series}': "
                "name the columns that tell them apart in `locations` or `sequence`, or delete one of the lines"
            )
        return rows, excluded

    def _merged(self, rows: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[Exclusion]]:
        """One row for each sample, with the values on which its sequences agree."""
        excluded: list[Exclusion] = []
        agreed = [*self._labels, *(["split"] if "split" in rows else [])]
        groups = rows.groupby("sample", sort=False)
        samples = groups[["patient", *self.locations, *agreed, *self.clinical]].first()
        for name in agreed:
            for sample in samples.index[groups[name].agg("nunique") > 1]:
                cells = rows.loc[rows["sample"] == sample, name].dropna()
                why = " and ".join(f"{cell} (line {line})" for line, cell in cells.items())
                excluded.append((path.name, sample, "", f"its sequences contradict each other in {name}: {why}"))
        samples = samples.drop(index=[sample for _, sample, _, _ in excluded])
        for name in self._labels:
            absent = samples.index[samples[name].isna()]
            excluded += [(path.name, sample, "", f"{name} is absent: left out of this target") for sample in absent]
            samples[name] = _numbers(samples[name], whole=True)
            if _numbers(samples[name], whole=False).dtype.kind == "f" and samples[name].dtype.kind not in "if":
                raise DataError(
                    f"{path}: '{name}' holds fractions, but labels are whole numbers or words: cut it into classes"
                )
            if name in self.ordinal and samples[name].dtype.kind not in "if":
                raise DataError(f"{path}: '{name}' is ordinal, so its labels must be whole numbers: write 0, 1, 2 ...")
        if self._labels:
            empty = samples.index[samples[list(self._labels)].isna().all(axis=1)]
            excluded += [(path.name, sample, "", "no label can be used") for sample in empty]
            samples = samples.drop(index=empty)
        for name in self.clinical:
            samples[name] = _numbers(samples[name], whole=False)
        return samples, excluded


def _one_spelling(cells: pd.Series[str], column: str, path: Path) -> None:
    """Raises where two values differ only in case or spaces: 'P02' would be another patient than 'p02'."""
    lines: dict[str, tuple[object, str]] = {}
    for line, cell in cells.drop_duplicates().items():
        before, first = lines.setdefault(" ".join(cell.casefold().split()), (line, cell))
        if first != cell:
            raise DataError(
                f"{path}: {column} is '{first}' in line {before} and '{cell}' in line {line}, which differ only in "
                "case or spaces: write both the same way, or rename one if they are two"
            )


def _studies(rows: pd.DataFrame) -> pd.Series[str]:
    """The study of each sample: the patient where all samples of the patient have the same files, else the sample."""
    shown = rows.assign(scan=rows["series"] + "\n" + rows["file"] + "\n" + rows["mask file"].fillna(""))
    samples = shown.groupby("sample", sort=False).agg(patient=("patient", "first"), scans=("scan", frozenset))
    shared = samples.groupby("patient")["scans"].transform(lambda scans: len(set(scans)) == 1).astype("bool")
    return samples["patient"].where(shared, samples.index.to_series())


def _numbers(cells: pd.Series[str], *, whole: bool) -> pd.Series[float] | pd.Series[str]:
    """The cells as numbers if all are numbers (with `whole`, whole numbers), otherwise unchanged."""
    import pandas as pd

    numbers = pd.to_numeric(cells, errors="coerce")
    is_number = bool((numbers.notna() == cells.notna()).all()) and bool(numbers.notna().any())
    return numbers if is_number and not (whole and (numbers.dropna() % 1).any()) else cells
