"""Reads one image from a DICOM file, or from a folder of DICOM files, whatever the sequence is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.base import DataError, Float32, Float64
from data.reading.dicom import files as dicom_files
from data.reading.dicom import headers as dicom_headers
from data.reading.dicom import parts as dicom_parts
from data.reading.dicom import pixels as dicom_pixels
from data.reading.dicom import sequences as dicom_sequences
from data.reading.dicom import stacks as dicom_stacks
from data.reading.dicom import suv as dicom_suv
from data.reading.dicom.files import FrameTags, NoImageError
from data.reading.dicom.headers import DicomHeader
from data.reading.dicom.parts import SeriesPart
from data.reading.dicom.traits import PLAIN
from data.reading.limits import Decoded
from data.text.names import digest_of

# Kinds that nobody means who names a file or a folder that also holds plain images.
_SECONDARY = ("phase", "real", "imaginary", "map", "projection", "subtraction", "localizer", "fat fraction")
_NO_STACK = ("CT", "MR", "PT", "NM", "RTDOSE")  # whose frames have a place each
_SAME_FACTOR = 1.01
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing")


class ScanPlace(NamedTuple):
    """Where an image lies.

    Args:
        path: Its file or folder.
        part: Which of several images there, from 1; 0 where there is one.
    """

    path: Path
    part: int


def split(path: Path) -> ScanPlace:
    """A file or folder, and the number behind `#` of an image in it: `FOLDER#2` is the second."""
    base, mark, number = path.name.rpartition("#")
    if mark and base and number.isdecimal() and int(number) > 0 and not path.exists():
        return ScanPlace(path.with_name(base), int(number))
    return ScanPlace(path, 0)


def files(path: Path) -> list[Path]:
    """The files of an image: the file itself, or all files in its folder; none where nothing is there."""
    place = split(path).path
    return list(dicom_files.walk(place)) if place.is_dir() else [place] if place.is_file() else []


def digest(path: Path, of_file: Callable[[Path], str]) -> str:
    """The digest of an image's file, or of all files in its folder; changes with the image that is named there."""
    place, found = split(path), files(path)
    if not found:
        return "no file"
    if found == [path]:
        return of_file(path)
    lines = [f"{place.part}", *(f"{file.relative_to(place.path)} {of_file(file)}" for file in found)]
    return digest_of(lines)


def decode(place: ScanPlace, *, suv: bool = False) -> Decoded:
    """The image in a file or folder, in the scanner's units; its slices are sorted by position.

    Args:
        place: Where it lies.
        suv: Whether the activity of PET becomes standardised uptake values.

    Raises:
        DataError: Nothing can be read, or there are several images and none is named.
    """
    if not place.path.is_dir():
        file = dicom_files.read(place.path, pixels=True)
        headers = dicom_headers.of_file(place.path, file)
        _refuse(headers[0])
        if not any(one.plane is not None for one in headers) and _has_no_place(headers[0], file):
            return _unplaced(place.path, headers, file)
        chosen, faults = _chosen(place, headers, [])
        stored = dicom_pixels.decode(place.path, file)
        frames = []
        factors: list[float] = []
        for one in chosen:
            frames.append((one, _units(one, file, stored, suv=suv, factors=factors)))
        _check_factors(place.path, factors)
        return _stacked(frames, faults)
    faults, found = [], []
    for path in dicom_files.walk(place.path):
        try:
            headers = dicom_headers.read(path)
            _refuse(headers[0])
            found += headers
        except NoImageError:
            continue  # an index or a report, as scanners add to every folder
        except DataError as error:
            faults.append(str(error))
    if not found:
        others = f": {faults[0]}" if faults else ""
        raise DataError(f"{place.path}: is a folder that holds no DICOM image{others}")
    if len({one.path for one in found}) == 1 and not place.part:  # one file, as radiographs are exported
        alone = decode(ScanPlace(found[0].path, 0), suv=suv)
        return alone._replace(faults=(*faults, *alone.faults))
    chosen, faults = _chosen(place, found, faults)
    frames = []
    factors = []
    for path, some in _by_file(chosen).items():
        try:
            file = dicom_files.read(path, pixels=True)
            stored = dicom_pixels.decode(path, file)
        except DataError as error:
            faults.append(str(error))
            continue
        for one in some:
            try:
                frames.append((one, _units(one, file, stored, suv=suv, factors=factors)))
            except DataError as error:
                faults.append(str(error))
    if not frames:
        raise DataError(f"{faults[-1]}: no slice can be read")
    _check_factors(place.path, factors)
    return _stacked(frames, faults)


def _units(one: DicomHeader, file: Any, stored: Any, *, suv: bool, factors: list[float]) -> Float32:
    """The pixels of a frame in its units or in SUV, whose factor is added to `factors`."""
    with dicom_files.guarded(f"{dicom_stacks.named(one)}: "):
        tags = FrameTags(file, one.frame)
        pixels = dicom_pixels.in_units(tags, stored[one.frame])
        if not suv:
            return pixels
        factors.append(dicom_suv.factor(tags))
        return np.asarray(pixels * np.float32(factors[-1]))


def _check_factors(path: Path, factors: list[float]) -> None:
    """Refuses slices of one image whose weight, dose or times contradict each other."""
    if factors and max(factors) > _SAME_FACTOR * min(factors):
        raise DataError(
            f"{path}: its slices differ in weight, dose or times, so that their factors to SUV lie between "
            f"{min(factors):.4g} and {max(factors):.4g}: complete the headers of one examination alike"
        )


def _stacked(frames: list[tuple[DicomHeader, Float32]], faults: list[str]) -> Decoded:
    image = dicom_stacks.stack(frames, faults)
    reference = frames[0][0].reference
    return Decoded(image.pixels, image.affine, planes=image.planes, faults=image.faults, reference=reference)


def _by_file(headers: Iterable[DicomHeader]) -> dict[Path, list[DicomHeader]]:
    found: dict[Path, list[DicomHeader]] = defaultdict(list)
    for one in headers:
        found[one.path].append(one)
    return found


def _refuse(one: DicomHeader) -> None:
    if one.modality == "SEG":
        raise DataError(f"{one.path}: is a segmentation, not a scan: name it as the mask of its image")


def _has_no_place(one: DicomHeader, file: Any) -> bool:
    """Whether the header does not place the image at all, as with a radiograph or ultrasound."""
    tags = FrameTags(file, 0)
    if any(tags.get(tag) is not None for tag in ("ImagePositionPatient", "ImageOrientationPatient")):
        return False
    return one.frames == 1 or one.modality not in _NO_STACK


def _unplaced(path: Path, headers: list[DicomHeader], file: Any) -> Decoded:
    """A radiograph, an ultrasound clip or a photograph: pixels of the size that the header gives, or of 1 mm."""
    stored = dicom_pixels.decode(path, file)
    pixels = np.stack([_units(one, file, stored, suv=False, factors=[]) for one in headers])
    with dicom_files.guarded(f"{path}: "):
        sides = next((found for tag in _SPACINGS if (found := FrameTags(file, 0).numbers(tag))), [1.0, 1.0])
    if len(sides) != 2 or not all(dicom_headers.SMALLEST <= side <= dicom_headers.LARGEST for side in sides):
        raise DataError(f"{path}: pixels of {' x '.join(f'{side:g}' for side in sides)} mm are not possible")
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, sides[1]], [0, sides[0], 0], [headers[0].between, 0, 0]])
    return Decoded(pixels, affine)


def _chosen(place: ScanPlace, headers: list[DicomHeader], faults: list[str]) -> tuple[list[DicomHeader], list[str]]:
    """The frames of the image that is named or the only one, and the faults with those that are not used."""
    placed = [one for one in headers if one.plane is not None]
    placed = [one for one in placed if not one.colours] or placed
    used = set(map(id, placed))
    for one in headers:
        if id(one) not in used:
            why = one.fault or "is a colour picture beside the grey slices, which is not used"
            faults = [*faults, f"{dicom_stacks.named(one)}: {why}"]
    if not placed:
        raise DataError(faults[-1])
    parts = _parts(placed)
    if place.part:
        if place.part > len(parts):
            raise DataError(f"{place.path}: has no image #{place.part}: it has {_listed(parts)}")
        return parts[place.part - 1].headers, faults
    main = [part for part in parts if part.headers[0].traits.get("kind", PLAIN) not in _SECONDARY] or parts
    if len(main) > 1:
        raise DataError(
            f"{place.path}: holds {len(main)} images: {_listed(parts)}: name one, as in {place.path.name}#1"
        )
    others = [f"{place.path}: {_words(part)} is another image, which is not used" for part in parts if part != main[0]]
    return main[0].headers, [*faults, *others]


def _parts(headers: list[DicomHeader]) -> list[SeriesPart]:
    """The images among some frames: those of one series and plane with one image of each place."""
    groups: dict[str, list[DicomHeader]] = defaultdict(list)
    for one in headers:
        groups[one.series or str(one.path.parent)].append(one)
    found = []
    several = len({one.modality for one in headers}) > 1
    for group in sorted(groups.values(), key=lambda some: (some[0].number is None, some[0].number or 0)):
        group.sort(key=lambda one: one.instance or 0)
        number = f"series {group[0].number}" if group[0].number is not None and len(groups) > 1 else ""
        number = f"{group[0].modality} {number}" if several else number
        for plane, some in dicom_sequences.by_plane(group):
            for alike in _alike(some):
                for part in dicom_parts.parted(alike.headers):
                    words = filter(None, (number, plane, alike.words, part.words))
                    found.append(SeriesPart(" ".join(words), part.headers))
    return found


def _alike(headers: list[DicomHeader]) -> list[SeriesPart]:
    """The frames of one patient, frame of reference and grid of pixels: nothing else can be one stack.

    Anonymisers give one SeriesInstanceUID to several patients, leave identifiers out, or give each file a frame of
    reference of its own, which then says nothing. Identifiers are counted, not shown.
    """
    patient, reference = (_the_only([getattr(one, name) for one in headers]) for name in ("patient", "reference"))
    if len({one.reference for one in headers}) == len(headers):
        reference = ""
    keys = [
        (
            one.patient if patient is None else patient,
            one.reference if reference is None else reference,
            dicom_stacks.grid(one.shape, _plane(one)),
        )
        for one in headers
    ]
    patients, references, grids = (list(dict.fromkeys(some)) for some in zip(*keys, strict=True))
    found: dict[tuple[str, str, tuple[int, int, float, float]], list[DicomHeader]] = defaultdict(list)
    for key, one in zip(keys, headers, strict=True):
        found[key].append(one)
    parts = []
    for key, some in found.items():
        words = [f"of patient {patients.index(key[0]) + 1}"] if len(patients) > 1 else []
        words += [f"in frame of reference {references.index(key[1]) + 1}"] if len(references) > 1 else []
        words += [f"of {dicom_stacks.in_words(key[2])}"] if len(grids) > 1 else []
        parts.append(SeriesPart(" ".join(words), some))
    return parts


def _the_only(identifiers: list[str]) -> str | None:
    """The identifier of all frames that have one; None if there are several."""
    known = set(identifiers) - {""}
    return None if len(known) > 1 else next(iter(known), "")


def _plane(one: DicomHeader) -> Float64:
    if one.plane is None:
        raise DataError(f"{dicom_stacks.named(one)}: {one.fault}")
    return one.plane


def _words(part: SeriesPart) -> str:
    return f"{part.words} ({len(part.headers)} slice{'s' if len(part.headers) > 1 else ''})"


def _listed(parts: list[SeriesPart]) -> str:
    shown = [f"#{number} {_words(part)}" for number, part in enumerate(parts, start=1)]
    return "; ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
