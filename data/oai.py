"""OAI: MRI of both knees (DESS), graded for osteoarthritis after Kellgren and Lawrence."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data.base import DataError, Dataset, Exclusion, Image, Target, exclusions
from data.reading.dicom import series
from data.reading.tables import spreadsheets

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

_TABLE = "kXR_SQ_BU00.txt"
_GRADES = (0, 1, 2, 3, 4)
_ARTHRITIS = 2
_PROJECT = 15  # the reading project that graded every knee
_SIDES = {1: "right", 2: "left"}
_SEQUENCE = "dess"
_SHOWN = {"side": {"left": "Left knee", "right": "Right knee"}, "sequence": {_SEQUENCE: "Sagittal DESS"}}
_SERIES = re.compile(r"SAG_3D_DESS_(LEFT|RIGHT)", re.IGNORECASE)
_PARTICIPANT = re.compile(r"\d{7}")
_VISIT = re.compile(r"(\d+)m")


class _KneesRead(NamedTuple):
    samples: pd.DataFrame
    scans: dict[str, Path]  # the series of each knee
    excluded: list[Exclusion]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Oai(Dataset):
    """Knee MRI in the layouts of the Osteoarthritis Initiative; a sample is a knee, which is a study of its own.

    Series are found below a folder with the participant's seven digits. They are laid out as released,
    `00m/0.C.2/{ID}/{date}/{number}/001`, where SeriesDescription identifies them, or sorted by name,
    `{ID}/.../SAG_3D_DESS_{LEFT|RIGHT}/*`. Where folder and header name different sides, the series is left out. Of
    several series of a knee, the first by date and name is kept. Only the baseline is read, since the table grades no
    other visit: folders of later visits (`12m`) are left out.

    Slices are turned so that D grows to the patient's left, H to the feet and W to the back. Pixels keep the scanner's
    units. The inner side of a left knee comes first, and that of a right knee last; region `whole` can mirror left
    knees.

    Args:
        folder: The folder that holds the participants' folders, at any depth.
        table: The table of grades, separated by `|`; "" takes `kXR_SQ_BU00.txt` of the folder. Only rows of READPRJ 15
            are used.

    References:
        C. G. Peterfy et al., The osteoarthritis initiative: report on the design rationale for the magnetic resonance
        imaging protocol for the knee, Osteoarthritis and Cartilage 16, 2008, doi:10.1016/j.joca.2008.06.016.
    """

    words = "knee MRI of the Osteoarthritis Initiative"
    cites = ("peterfy2008",)
    packages = ("pydicom",)

    shown = _SHOWN

    folder: str = ""
    table: str = ""

    @property
    def sequences(self) -> tuple[str, ...]:
        """The 3D dual-echo steady state (DESS) with water excitation."""
        return (_SEQUENCE,)

    @property
    def locations(self) -> tuple[str, ...]:
        """The side of the knee."""
        return ("side",)

    def targets(self) -> list[Target]:
        """The Kellgren-Lawrence grade, and whether it is 2 or more."""
        return [Target("kl", "kl", _GRADES, ordinal=True), Target("oa", "oa", (0, 1))]

    def samples(self) -> pd.DataFrame:
        """One row for each knee with a grade and a series, in the order of the table; a copy."""
        return self._read.samples.copy()

    def excluded(self) -> pd.DataFrame:
        """Rows without a grade, knees without a grade or a series, and series that are unknown or not needed."""
        return exclusions(self._read.excluded)

    def table_notes(self) -> tuple[str, ...]:
        """What else is in the table, if it is an Excel file."""
        return self._read.notes

    def may_have_masks(self) -> bool:
        """False."""
        return False

    def load(self, study: str, sequence: str) -> Image | None:
        """The knee in sagittal slices; its `faults` name the files that could not be read."""
        if sequence != _SEQUENCE or study not in self._read.scans:
            return None
        return series.read([self._read.scans[study]], "sagittal")

    def files(self, study: str) -> list[Path]:
        """The files of the knee's series."""
        return series.files(self._read.scans[study]) if study in self._read.scans else []

    @cached_property
    def _read(self) -> _KneesRead:
        if not self.folder:
            raise DataError(f"oai has no folder: set `folder` to the folder of {_TABLE} and the participants' folders")
        folder = Path(self.folder)
        if not folder.is_dir():
            raise DataError(
                f"{folder}: no such folder: OAI's series are below folders with a participant's seven digits"
            )
        path = Path(self.table) if self.table else _table_of(folder)
        excluded: list[Exclusion] = []
        notes: list[str] = []
        grades = _grades(path, excluded, notes)
        scans = _scans(folder, excluded)
        if not scans:
            raise DataError(
                f"{folder}: no series SAG_3D_DESS_LEFT or _RIGHT below a folder with a participant's seven digits"
            )
        excluded += _unpaired(path, grades, scans)
        samples = grades[grades.index.isin(scans)]
        return _KneesRead(samples, {knee: scans[knee] for knee in samples.index}, excluded, tuple(notes))


def _table_of(folder: Path) -> Path:
    found = sorted(path for path in folder.iterdir() if path.name.casefold() == _TABLE.casefold())
    if not found:
        raise DataError(f"{folder}: no {_TABLE}: set `table` to the file of the grades")
    return found[0]


def _grades(path: Path, excluded: list[Exclusion], notes: list[str]) -> pd.DataFrame:
    """One row for each graded knee; unusable rows are added to `excluded`, notes on the file to `notes`."""
    import pandas as pd

    table = spreadsheets.read(path, notes)
    names = {"patient": "ID", "side": "SIDE", "project": "READPRJ", "kl": "V00XRKL"}
    cells = pd.DataFrame({name: spreadsheets.column(table, column, path) for name, column in names.items()})
    # A cell is a code, with or without its meaning: "2: Minimal".
    rows = cells.apply(lambda column: column.str.extract(r"^(\d+)(?:\.0*)?(?:\s*:.*)?$")[0]).assign(knee="")
    rows["line"] = rows.index.astype("str")

    def leave_out(bad: pd.Series[bool], why: pd.Series[str] | str) -> pd.DataFrame:
        reasons = "line " + rows.loc[bad, "line"] + ": " + why
        excluded.extend((path.name, k, "", reason) for k, reason in zip(rows.loc[bad, "knee"], reasons, strict=True))
        kept: pd.DataFrame = rows.loc[~bad]
        return kept

    others = rows["project"] != str(_PROJECT)
    for project, count in cells.loc[others, "project"].fillna("absent").value_counts(sort=False).items():
        excluded.append((path.name, "", "", f"{count} rows of READPRJ {project}: only project {_PROJECT} is used"))
    rows = rows[~others]

    rows = leave_out(rows["patient"].isna(), "has no participant")
    sides = rows["side"].map({str(code): side for code, side in _SIDES.items()})
    unknown = sides.isna()
    rows = leave_out(
        unknown, "SIDE is " + cells.loc[rows.index[unknown], "side"].fillna("absent") + ", expected 1 or 2"
    )
    rows = rows.assign(side=sides[rows.index], knee=rows["patient"] + "_" + sides[rows.index])
    graded = rows["kl"].isin(map(str, _GRADES))
    others = cells.loc[rows.index[~graded], "kl"].fillna("absent")
    rows = leave_out(~graded, "V00XRKL is " + others + f", expected {_GRADES[0]} to {_GRADES[-1]}")
    repeated = rows.duplicated(["knee", "kl"])
    first = rows.groupby("knee")["line"].transform("first")[repeated]
    rows = leave_out(repeated, "the same as line " + first + ", which is kept")
    rows = leave_out(rows.duplicated("knee", keep=False), "another row contradicts it, so none is kept")

    kl = rows["kl"].astype("int64")
    columns = {
        "patient": rows["patient"],
        "study": rows["knee"],
        "side": rows["side"],
        "kl": kl,
        "oa": kl >= _ARTHRITIS,
    }
    return pd.DataFrame(columns).astype({"oa": "int64"}).set_index(pd.Index(rows["knee"], name="sample"))


def _scans(root: Path, excluded: list[Exclusion]) -> dict[str, Path]:
    """The folder of each knee's series; unknown and unneeded series are added to `excluded`."""
    found: list[tuple[tuple[str, ...], str, Path]] = []
    for path, patient in _folders(root, excluded):
        named = _side(str(path.relative_to(root)))
        where = str(path)
        if patient is None:
            if named:
                excluded.append((where, "", _SEQUENCE, "is not below a participant's folder (seven digits)"))
            continue
        files = series.files(path)
        if not files:
            if named:
                why = "holds no .dcm file and no file named by a number"
                excluded.append((where, f"{patient}_{named}", _SEQUENCE, why))
            continue
        try:
            described = _side(_description(files))
        except DataError as error:
            if not named:
                excluded.append((where, "", "", f"no file names its series: {error}"))
                continue
            described = named
        if named and described and named != described:
            excluded.append(
                (where, "", _SEQUENCE, f"its folder is named {named}, its files are described as {described}")
            )
        elif side := named or described:
            parts = path.relative_to(root).parts
            found.append((parts[parts.index(patient) :], f"{patient}_{side}", path))
    scans: dict[str, Path] = {}
    for _, knee, path in sorted(found):
        if (kept := scans.setdefault(knee, path)) != path:
            excluded.append((str(path), knee, _SEQUENCE, f"shows the same knee as {kept}, which is kept"))
    return scans


def _folders(root: Path, excluded: list[Exclusion]) -> Iterator[tuple[Path, str | None]]:
    """Folders with files or without folders inside, each with the participant that its path names, or None."""
    for name, inner, files in os.walk(root):
        path = Path(name)
        for later in sorted(f for f in inner if (visit := _VISIT.fullmatch(f)) and int(visit[1])):
            inner.remove(later)
            excluded.append((str(path / later), "", _SEQUENCE, "a later visit: only the baseline (00m) is graded"))
        inner.sort()
        if files or not inner:
            parts = path.relative_to(root).parts
            yield path, next((part for part in parts if _PARTICIPANT.fullmatch(part)), None)


def _description(files: list[Path]) -> str:
    """The SeriesDescription of the first readable file.

    Raises:
        DataError: No file can be read.
    """
    failures = []
    for path in files:
        try:
            return series.description(path)
        except DataError as error:
            failures.append(error)
    raise failures[0]


def _side(text: str) -> str | None:
    match = _SERIES.search(text)
    return match[1].casefold() if match else None


def _unpaired(path: Path, grades: pd.DataFrame, scans: dict[str, Path]) -> list[Exclusion]:
    """Exclusions of knees with a series and no grade, and of knees with a grade and no series."""
    ungraded = sorted(set(scans).difference(grades.index))
    rows = [(str(scans[knee]), knee, _SEQUENCE, f"no usable grade in {path.name}") for knee in ungraded]
    unseen = grades[~grades.index.isin(scans)]
    known = unseen["patient"].isin({knee.partition("_")[0] for knee in scans})
    why = "graded, but no series SAG_3D_DESS_"
    seen = unseen[known]
    rows += [(path.name, k, _SEQUENCE, f"{why}{s.upper()}") for k, s in zip(seen.index, seen["side"], strict=True)]
    if absent := int((~known).sum()):
        patients = unseen.loc[~known, "patient"].nunique()
        rows.append((path.name, "", "", f"{patients} participants with {absent} graded knees have no series"))
    return rows
