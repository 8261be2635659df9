"""Groups the files of a study's folder into series, and chooses the series of each sequence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data.base import DataError, Exclusion
from data.reading.dicom import files as dicom_files
from data.reading.dicom import headers as dicom_headers
from data.reading.dicom import parts as dicom_parts
from data.reading.dicom import sequences as dicom_sequences
from data.reading.dicom.headers import DicomHeader
from data.text.names import readable

MIN_SLICES = 3
_MODALITY = "MR"


@dataclass(frozen=True)
class Rules:
    """How the user wants studies to be read; the fields are those of `DicomStudy`.

    Args:
        sequences: The sequences to read.
        named: The sequence of a series, by its name (`series_1`) or that of its folder.
        listed: The same, from a table.
        max_bytes: Largest size of a study's pixels.
        keep_names: Whether names of folders and files may be shown.
    """

    sequences: tuple[str, ...]
    named: Mapping[str, str]
    listed: Mapping[str, str]
    max_bytes: int
    keep_names: bool


@dataclass
class StudyFiles:
    """The files of a study's folder.

    Args:
        used: The headers of each sequence.
        recognised: For each series its name, orientation, slices, sequence, and how that was recognised.
        excluded: The files and series that are not used, with reasons.
        unread: The files that can't be read, with reasons.
        named: For each used frame, by file and number, the name of its series.
        shown: The name of each file in messages.
    """

    used: dict[str, list[DicomHeader]] = field(default_factory=dict)
    recognised: list[tuple[str, str, int, str, str]] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)
    unread: dict[Path, str] = field(default_factory=dict)
    named: dict[tuple[Path, int], str] = field(default_factory=dict)
    shown: dict[Path, str] = field(default_factory=dict)

    def faults(self, sequence: str) -> list[str]:
        """The files that can't be read in the folders of a sequence, each as `file: reason`."""
        kinds = {(one.path.parent, one.path.suffix) for one in self.used[sequence]}
        return [
            f"{self.shown[path]}: {why}" for path, why in self.unread.items() if (path.parent, path.suffix) in kinds
        ]


@dataclass
class _Series:
    """A series in one plane, or its part with one image of each place; the parts of a series have the same `whole`."""

    name: str
    plane: str
    whole: int
    words: str
    headers: list[DicomHeader]
    sequence: str = ""
    how: str = ""
    plain: bool = True
    named: str = ""


def read_study(folder: Path, name: str, place: str, rules: Rules) -> StudyFiles:
    """Reads all headers below a folder and recognises the sequences.

    Args:
        folder: The folder of one study.
        name: Name of the study.
        place: Name of its folder in messages.
        rules: How it is to be read.

    Raises:
        DataError: There is no such folder, or it has no DICOM image, no MRI, files of several patients or examinations,
            no series of a sequence with at least 3 slices, or more pixels than allowed.
    """
    if not folder.is_dir():
        what = "is a file: give the folder that holds the study's DICOM files" if folder.exists() else "no such folder"
        raise DataError(f"{place}: {what}")
    folder = folder.absolute()  # a relative path such as "." would be found in every text
    study, headers = StudyFiles(), []
    paths = list(dicom_files.walk(folder))
    for number, path in enumerate(paths, start=1):
        study.shown[path] = readable(f"{path}") if rules.keep_names else f"{name}/file {number} of {len(paths)}"
        try:
            headers.extend(dicom_headers.read(path))
        except dicom_files.NoImageError as error:
            study.excluded.append((study.shown[path], "", "", str(error).removeprefix(readable(f"{path}: "))))
        except DataError as error:
            study.unread[path] = str(error).removeprefix(readable(f"{path}: "))
    if not headers:
        count = len(study.unread) + len(study.excluded)
        raise DataError(
            f"{place}: holds no DICOM image ({count} other files): give the folder of a study's DICOM files"
        )
    _check_patient(headers, place, study)
    modalities = Counter(one.modality for one in headers)
    if not modalities.keys() & {"", _MODALITY}:
        others = ", ".join(f"{modality} ({count} files)" for modality, count in sorted(modalities.items()))
        raise DataError(f"{place}: holds no MRI but {others}: give the folder of an MRI study")
    found = _group(headers)
    for one, called in zip(found, _names(found, folder, rules), strict=True):
        one.name = called
        if not rules.keep_names:
            times = Counter(header.instance for header in one.headers)
            alone = [header for header in one.headers if header.instance is not None and times[header.instance] == 1]
            study.shown.update((header.path, f"{name}/{called}/slice {header.instance}") for header in alone)
    _recognise(found, rules, place)
    _choose(found, rules)
    for one in found:
        study.recognised.append((one.name, one.plane, len(one.headers), one.sequence, one.how))
        if one.sequence:
            study.used.setdefault(one.sequence, []).extend(one.headers)
            study.named.update(((header.path, header.frame), one.name) for header in one.headers)
        else:
            study.excluded.append((f"{name}/{one.name}", "", "", f"series not used: {one.how}"))
    study.excluded += [(study.shown[path], "", "", why) for path, why in study.unread.items()]
    _check_used(study, found, place, rules)
    return study


def _check_patient(headers: list[DicomHeader], place: str, study: StudyFiles) -> None:
    """Refuses several patients; a file without an id belongs to the patient of its examination, or of its frame."""
    owner = {one.study: one.patient for one in headers if one.patient and one.study}
    first: dict[str, Path] = {}
    for one in headers:
        first.setdefault(one.patient or owner.get(one.study) or one.study or one.reference, one.path)
    if len(first) > 1:
        examples = ", ".join(study.shown[path] for path in list(first.values())[:2])
        why = f"holds files of {len(first)} patients, such as {examples}: give each patient a folder"
        raise DataError(f"{place}: {why}")


def _group(headers: list[DicomHeader]) -> list[_Series]:
    """The parts of the series, by SeriesNumber.

    Frames of a series have one identifier and description; without an identifier, files of one folder.
    """
    groups: dict[tuple[str, ...], list[DicomHeader]] = defaultdict(list)
    for one in headers:
        groups[one.series or str(one.path.parent), one.description, one.modality].append(one)
    found: list[_Series] = []
    for group in groups.values():
        group.sort(key=lambda one: one.instance or 0)  # of images at one place the first is kept
        for plane, some in dicom_sequences.by_plane(group):
            whole = len(found)
            found += [_Series("", plane, whole, part.words, part.headers) for part in dicom_parts.parted(some)]
    return sorted(found, key=lambda one: (one.headers[0].number is None, one.headers[0].number or 0))


def _names(found: list[_Series], folder: Path, rules: Rules) -> list[str]:
    """The name of each series: `series_1` and so on, or its folder."""
    if not rules.keep_names:
        return [f"series_{number}" for number in range(1, len(found) + 1)]
    places = [readable(one.headers[0].path.parent.relative_to(folder).as_posix()) for one in found]
    return [
        place if places.count(place) == 1 else f"{place}#{places[: i + 1].count(place)}"
        for i, place in enumerate(places)
    ]


def _recognise(found: list[_Series], rules: Rules, place: str) -> None:
    missing = dict(rules.named)
    for one in found:
        known = {one.name, one.headers[0].path.parent.name}
        for source, how in ((rules.named, "named in `series`"), (rules.listed, "listed in the table of descriptions")):
            for key in sorted(known.intersection(source)):
                missing.pop(key, None)
                one.sequence, one.how, one.named = source[key], how, key
            if one.named:
                break
        if not one.named:
            one.sequence, one.how, one.plain = dicom_sequences.recognise(one.headers[0], one.plane)
        _refuse(one)
    if missing:
        which = f"'{min(missing)}'" if rules.keep_names else f"of entry {list(rules.named).index(min(missing)) + 1}"
        names = ", ".join(one.name for one in found)
        raise DataError(f"{place}: no series {which} of `series`: use one of {names}")


def _refuse(one: _Series) -> None:
    """Removes the sequence of a series that can't be used for it."""
    head, why = one.headers[0], ""
    if head.modality not in ("", _MODALITY):
        why = f"modality {head.modality}, not MRI"
    elif not one.sequence:
        return
    elif not one.sequence.startswith(f"{one.plane}_"):
        why = f"{one.how} as {one.sequence}, but its slices are {one.plane or 'without orientation'}"
    elif len(one.headers) < MIN_SLICES:
        why = f"{one.sequence} of {_slices(one)}, fewer than {MIN_SLICES} ({one.how})"
    if why:
        one.sequence, one.how = "", why


def _choose(found: list[_Series], rules: Rules) -> None:
    """Keeps for each sequence the series that the user named, else one sagittal series or axial series of a kind.

    Of the parts of a series one is kept, such as one of two echoes.
    """
    for whole in {one.whole for one in found}:
        for sequence in {one.sequence for one in found if one.whole == whole and one.sequence}:
            _choose_part([one for one in found if one.whole == whole and one.sequence == sequence], sequence)
    for sequence in {one.sequence for one in found if one.sequence}:
        rivals = [one for one in found if one.sequence == sequence]
        best = min(rivals, key=lambda one: (not one.named, not one.plain, -len(one.headers)))
        for one in rivals:
            if sequence not in rules.sequences:
                one.sequence, one.how = "", f"{sequence}, which is not wanted ({one.how})"
            elif one is best or (one.named and best.named):
                continue
            elif best.named or sequence.startswith("sagittal") or one.plain != best.plain:
                one.sequence, one.how = "", f"{sequence}, but {best.name} is used for it ({one.how})"


def _choose_part(parts: list[_Series], sequence: str) -> None:
    """Keeps the part that the user named by its own name, else the one that fits the sequence best."""
    mine = [one for one in parts if one.named == one.name]
    best = dicom_parts.preferred(
        [dicom_parts.SeriesPart(one.words, one.headers) for one in mine or parts], sequence.partition("_")[2]
    )
    kept = (mine or parts)[best]
    for one in parts:
        if one is not kept:
            why = f"{one.words}: another image of the places of {kept.name} ({kept.words}), which is used"
            one.sequence, one.how = "", why


def _check_used(study: StudyFiles, found: list[_Series], place: str, rules: Rules) -> None:
    if not study.used:
        series = "; ".join(f"{one.name}: {one.how}" for one in found[:4])
        others = f" and {len(found) - 4} more" if len(found) > 4 else ""
        could_be = [one for one in found if len(one.headers) >= MIN_SLICES and one.plane]
        hint = ": if one is, name it in `series`" if could_be else ""
        raise DataError(f"{place}: no series is one of {', '.join(rules.sequences)} ({series}{others}){hint}")
    used = [one for headers in study.used.values() for one in headers]
    exams = {one.study for one in used if one.study}
    if len(exams) > 1:
        raise DataError(f"{place}: holds {len(exams)} examinations of one patient: give each a folder")
    size = sum(one.bytes for one in used)
    if size > rules.max_bytes:
        large = f"{len(used)} slices of {size / 1e9:.3g} GB, more than {rules.max_bytes / 1e9:.3g} GB"
        raise DataError(f"{place}: {large}: is it one study? If so, set `max_bytes`")


def _slices(one: _Series) -> str:
    return "1 slice" if len(one.headers) == 1 else f"{len(one.headers)} slices"
