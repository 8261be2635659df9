"""RSNA 2024: lumbar spine MRI in three sequences, graded for stenosis at 25 places in each study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from data.base import DataError, Dataset, Exclusion, Float64, Image, Target, exclusions
from data.reading.dicom import series
from data.reading.tables.column_rules import ColumnRules
from data.rsna_challenge import submission as rsna_submission
from data.rsna_challenge import tables as rsna_tables
from data.rsna_challenge.metric import SCORES, rsna_log_loss
from data.rsna_challenge.places import CLASSES, SEQUENCES, SHOWN
from data.rsna_challenge.tables import AnnotatedPoint
from data.text.names import digest_of

if TYPE_CHECKING:
    from collections.abc import Collection  # an import that is not needed here changes no key

    import pandas as pd

_IMAGES = "train_images"


class _StudiesRead(NamedTuple):
    samples: pd.DataFrame
    series: dict[str, dict[str, str]]  # the sequence of each series, by study and series
    seen: dict[tuple[str, str], list[str]]  # the series with a folder, by study and sequence
    points: dict[str, list[AnnotatedPoint]]
    excluded: list[Exclusion]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rsna(Dataset):
    """Lumbar spine MRI in RSNA 2024's layout; a sample is one grading of one level, 25 in each study.

    Several DICOM series of one sequence are joined and sorted by position. Sagittal slices are turned so that D grows
    to the patient's left, H to the feet, W to the back; axial ones so that D grows to the head, H to the back, W to the
    left. Pixels keep the scanner's units. Patient and study are the same.

    Annotated points are x (column) and y (row) of the file `{instance_number}.dcm`, as continuous pixel indices: the
    centre of the first pixel is (0, 0).

    Args:
        folder: Holds `train.csv`, `train_series_descriptions.csv`, `train_label_coordinates.csv` and `train_images/`.
        sequences: The sequences to read, of `sagittal_t1`, `sagittal_t2` (or STIR) and `axial_t2`.
        clinical: Columns of `train_clinical.csv` that describe the patient, such as `age`. The file has a row for each
            `study_id`; a study without one has gaps. The challenge has no such file: write one, or use a phantom.
        types: `number` or `words` for clinical columns that hold both, as in `image_table`.
        missing: The values that mean a missing one, by clinical column, as in `image_table`.

    References:
        T. Richards et al., RSNA 2024 Lumbar Spine Degenerative Classification, kaggle.com, 2024.
    """

    losses: ClassVar[tuple[str, ...]] = SCORES
    words = "lumbar spine MRI of the RSNA 2024 challenge"
    cites = ("richards2024",)
    packages = ("pydicom",)
    column_fields = ("clinical", "types", "missing")

    new_studies: ClassVar[str] = "dicom_study"
    shown = SHOWN

    folder: str = ""
    sequences: tuple[str, ...] = SEQUENCES
    clinical: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def locations(self) -> tuple[str, ...]:
        """The condition, the side and the level."""
        return ("condition", "side", "level")

    def targets(self) -> list[Target]:
        """All gradings pooled; one target for each condition, for each condition and side, and for each place."""
        return rsna_tables.targets()

    def samples(self) -> pd.DataFrame:
        """One row for each grading of a study with an image, in the order of `train.csv`; a copy."""
        return self._read.samples.copy()

    def excluded(self) -> pd.DataFrame:
        """Absent and unknown labels, studies without images, absent or unknown series, and odd rows."""
        return exclusions(self._read.excluded)

    def table_notes(self) -> tuple[str, ...]:
        """Clinical cells that were not taken as they are written, and studies without them."""
        return self._read.notes

    def fitting_fields(self, fields: Mapping[str, Any], said: Collection[str]) -> dict[str, Any]:
        """Fields of known data whose columns `train_clinical.csv` has; none without that file."""
        from data.describing.known_columns import fitting
        from data.reading.tables import spreadsheets

        path = Path(self.folder) / rsna_tables.CLINICAL_FILE
        if not path.is_file():
            return {}
        table = spreadsheets.read(path, [])
        return fitting(fields, self.clinical, lambda name: spreadsheets.find(table, name, path) is not None)

    def may_have_masks(self) -> bool:
        """False."""
        return False

    def load(self, study: str, sequence: str) -> Image | None:
        """All series of a sequence as one stack; its `faults` name the files that could not be read."""
        folders = self._folders(study, sequence)
        if not folders:
            return None
        plane, _, weight = sequence.partition("_")
        image = series.read(folders, plane, weight)
        marked = {series.file_of(self._images / study / m.series, m.instance) for m in self._read.points.get(study, [])}
        absent = sorted(path for path in marked if path.parent in folders and not path.is_file())
        return replace(image, faults=(*image.faults, *(f"{path}: marked, but it is missing" for path in absent)))

    def files(self, study: str) -> list[Path]:
        """The DICOM files of the study's series, and the files of other series on which a point was marked."""
        folders = [folder for sequence in self.sequences for folder in self._folders(study, sequence)]
        marked = {series.file_of(self._images / study / m.series, m.instance) for m in self._read.points.get(study, [])}
        elsewhere = sorted(path for path in marked if path.parent not in folders and path.is_file())
        return [path for folder in folders for path in sorted(series.files(folder))] + elsewhere

    def digest(self, study: str, of_file: Callable[[Path], str]) -> str:
        """Changes with the study's DICOM files, and with its rows in the tables of series and coordinates."""
        rows = [f"{name} {sequence}" for name, sequence in self._read.series.get(study, {}).items()]
        rows += [" ".join(map(str, mark)) for mark in self._read.points.get(study, [])]
        files = [f"{path.parent.name}/{path.name} {of_file(path)}" for path in self.files(study)]
        return digest_of(rows + files)

    def points(self, study: str) -> pd.DataFrame:
        """The points of the coordinates table in patient mm, from the tags of the slice on which each was marked."""
        import pandas as pd

        listed = self._read.series.get(study, {})
        places: dict[Path, series.SlicePlace | DataError] = {}
        rows = []
        for mark in self._read.points.get(study, []):
            place, fault = np.full(3, np.nan), ""
            try:
                if mark.series not in listed:
                    raise DataError(f"{rsna_tables.SERIES_FILE}: the marked series {mark.series} has no row")
                path = series.file_of(self._images / study / mark.series, mark.instance)
                place = _place(path, mark.x, mark.y, places)
            except DataError as error:
                fault = str(error)
            rows.append((mark.sample, listed.get(mark.series, ""), *place, fault))
        columns = ["sample", "sequence", "x", "y", "z", "fault"]
        return pd.DataFrame(rows, columns=columns).set_index("sample")

    def scores(self, predictions: pd.DataFrame, weights: Float64 | None = None) -> dict[str, Float64]:
        """RSNA's score and its terms if all three conditions are predicted; see `rsna_log_loss`.

        Raises:
            ValueError: A sample is not in the dataset.
        """
        columns = [f"p_{k}" for k in range(len(CLASSES))]
        if not set(columns).issubset(predictions.columns):
            return {}
        samples = self._read.samples
        rows = samples.index.get_indexer(predictions.index)
        if (rows < 0).any():
            raise ValueError(f"no sample '{predictions.index[rows < 0][0]}' in {self.folder}")
        study, condition = (samples[name].to_numpy(dtype=str)[rows] for name in ("study", "condition"))
        y = predictions["y"].to_numpy(dtype=np.int64)
        return rsna_log_loss(study, condition, y, predictions[columns].to_numpy(dtype=np.float64), weights)

    @classmethod
    def submission(
        cls,
        studies: Mapping[str, Mapping[tuple[str, ...], Sequence[float]]],
        *,
        classes: Sequence[str],
        base_rates: Mapping[str, Sequence[float]],
    ) -> pd.DataFrame:
        """Kaggle's `submission.csv`."""
        return rsna_submission.submission(studies, classes=classes, base_rates=base_rates)

    @property
    def _images(self) -> Path:
        return Path(self.folder) / _IMAGES

    def _folders(self, study: str, sequence: str) -> list[Path]:
        return [self._images / study / name for name in self._read.seen.get((study, sequence), [])]

    @cached_property
    def _read(self) -> _StudiesRead:
        if not self.folder:
            raise DataError(f"rsna has no folder: set `folder` to where {rsna_tables.GRADINGS_FILE} and {_IMAGES}/ lie")
        if unknown := set(self.sequences).difference(SEQUENCES):
            raise DataError(f"rsna has no sequence '{min(unknown)}': use some of {', '.join(SEQUENCES)}")
        if not self._images.is_dir():
            raise DataError(f"{self._images}: no such folder: RSNA's scans lie in {_IMAGES}/STUDY/SERIES/INSTANCE.dcm")
        folder = Path(self.folder)
        excluded: list[Exclusion] = []
        listed = rsna_tables.read_series(folder / rsna_tables.SERIES_FILE, excluded)
        seen: dict[tuple[str, str], list[str]] = {}
        for study, sequences in listed.items():
            for name, sequence in sequences.items():
                if sequence not in self.sequences:
                    continue
                if (self._images / study / name).is_dir():
                    seen.setdefault((study, sequence), []).append(name)
                else:
                    why = f"listed in {rsna_tables.SERIES_FILE}, but there is no such folder"
                    excluded.append((f"{_IMAGES}/{study}/{name}", "", sequence, why))
        scanned = {study for study, _ in seen}
        samples = rsna_tables.read_gradings(folder / rsna_tables.GRADINGS_FILE, scanned, excluded)
        notes: list[str] = []
        if self.clinical or self.types or self.missing:
            rules = ColumnRules(folder / rsna_tables.CLINICAL_FILE, self.types, self.missing)
            patients, notes = rsna_tables.read_clinical(rules, self.clinical, scanned, excluded)
            samples = samples.join(patients, on="study")
        points = rsna_tables.read_points(folder / rsna_tables.POINTS_FILE, excluded)
        return _StudiesRead(samples, listed, seen, points, excluded, tuple(notes))


def _place(path: Path, x: float, y: float, places: dict[Path, series.SlicePlace | DataError]) -> Float64:
    """LPS mm `(3,)` of a pixel index in a file; each header is read once.

    Raises:
        DataError: The file can't be read, or the point lies outside its image.
    """
    if path not in places:
        try:
            places[path] = series.read_place(path)
        except DataError as error:
            places[path] = error
    place = places[path]
    if isinstance(place, DataError):
        raise place
    rows, columns = place.shape
    if not (-0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5):
        raise DataError(f"{path}: the point x {x:g}, y {y:g} lies outside its {columns} x {rows} pixels")
    return np.asarray(place.plane[:3] @ [0.0, y, x, 1.0])
