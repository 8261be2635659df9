"""Opens DICOM files of any name, and finds the attributes of each frame; free text is never shown."""

from __future__ import annotations

import io
import math
import os
import re
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from data.base import DataError

_MAGIC = b"DICM"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_PIXEL_DATA, _UNDEFINED = 0x7FE00010, 0xFFFFFFFF
_AFTER_PIXELS = (b"\xfc\xff", b"\xfa\xff", b"\xff\xfc", b"\xff\xfa")  # groups of padding and signatures
_META_START = 144  # preamble, "DICM" and the group length
MAX_BYTES = 2**32  # of a file and of its pixels: the largest native PixelData
_DENSEST, _SMALL = 64, 2**27  # deflated images are less dense, or else small
UNREADABLE = "can't be read, truncated or not a DICOM file"
_FARTHEST = 1e6
_lock = threading.RLock()

# The functional group that holds an attribute of a frame, of PS3.3 C.7.6.16.
_GROUPS: dict[str, tuple[str, ...]] = {
    "ImagePositionPatient": ("PlanePositionSequence",),
    "ImageOrientationPatient": ("PlaneOrientationSequence",),
    "PixelSpacing": ("PixelMeasuresSequence",),
    "SliceThickness": ("PixelMeasuresSequence",),
    "SpacingBetweenSlices": ("PixelMeasuresSequence",),
    "RescaleSlope": ("PixelValueTransformationSequence",),
    "RescaleIntercept": ("PixelValueTransformationSequence",),
    "EffectiveEchoTime": ("MREchoSequence",),
    "RepetitionTime": ("MRTimingAndRelatedParametersSequence",),
    "InversionTimes": ("MRModifierSequence",),
    "DiffusionBValue": ("MRDiffusionSequence",),
    "DimensionIndexValues": ("FrameContentSequence",),
    "TemporalPositionIndex": ("FrameContentSequence",),
    "FrameAcquisitionNumber": ("FrameContentSequence",),
    "NominalCardiacTriggerDelayTime": ("CardiacSynchronizationSequence",),
    "TemporalPositionTimeOffset": ("TemporalPositionSequence",),
    "ConvolutionKernel": ("CTReconstructionSequence",),
    "KVP": ("CTXRayDetailsSequence",),
    "ReferencedSegmentNumber": ("SegmentIdentificationSequence",),
}
_FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")
_GROUPS |= dict.fromkeys(("FrameType", "ComplexImageComponent"), _FRAME_TYPES)


class NoImageError(DataError):
    """A sound DICOM file without a picture, such as an index or a report."""


class FrameTags:
    """The attributes of one frame: from its own functional groups, those that all frames share, or the file.

    Args:
        file: The data set of the file.
        number: The frame, from 0.
    """

    def __init__(self, file: Any, number: int) -> None:
        self.file = file
        shared = file.get("SharedFunctionalGroupsSequence") or ()
        frames = file.get("PerFrameFunctionalGroupsSequence") or ()
        self.groups = [*frames[number : number + 1], *shared[:1]]
        self._held = file.keys()

    def get(self, tag: str) -> Any:
        """The value of an attribute; None where it is absent or empty.

        Raises:
            DataError: It is damaged.
        """
        names = _GROUPS.get(tag, ()) if self.groups else ()
        number = _number(tag)
        try:
            for groups in self.groups if names else ():
                for name in names:
                    if (items := groups.get(name)) and (value := items[0].get(tag)) is not None:
                        return value
            return self.file[number].value if number in self._held else None
        except Exception as error:  # pydicom converts a value when it is asked for, and fails in many ways
            raise DataError(f"tag {written(tag)} is damaged") from error

    def items(self, sequence: str) -> Any:
        """The items of a sequence that is a functional group or lies at the top of the file."""
        return next((found for groups in self.groups if (found := groups.get(sequence))), self.file.get(sequence) or ())

    def numbers(self, tag: str) -> list[float]:
        """The finite numbers in an attribute; empty where it is absent.

        Raises:
            DataError: A value is no finite number, or is above 1e6. It is not shown: it may be a patient's name.
        """
        try:
            found = [float(one) for one in as_list(self.get(tag)) if str(one).strip()]
        except Exception as error:  # as above
            raise DataError(f"tag {written(tag)} holds no number") from error
        if not all(abs(number) < _FARTHEST for number in found):
            raise DataError(f"tag {written(tag)} holds a number that is not finite or above {_FARTHEST:g}")
        return found

    def number(self, tag: str) -> float | None:
        """The first number in an attribute; None where there is none."""
        try:
            found = float(as_list(self.get(tag))[0])
        except Exception:  # as above
            return None
        return found if math.isfinite(found) else None

    def text(self, tag: str) -> str:
        """An attribute as text; backslashes separate several values."""
        return "\\".join(str(one).strip() for one in as_list(self.get(tag)))


@cache
def _number(tag: str) -> Any:
    """The number of an attribute, of the type that pydicom looks up fastest."""
    from pydicom.tag import Tag

    return Tag(tag)


def as_list(value: Any) -> list[Any]:
    """The values of an attribute, of which an absent one has none."""
    if value is None:
        return []
    several = isinstance(value, list) or type(value).__name__ in ("MultiValue", "array")
    return [one for one in value if one is not None] if several else [value]


def written(tag: str) -> str:
    """The number of an attribute, as `0028|0030`, and its keyword."""
    number = _number(tag)
    return f"{number >> 16:04x}|{number & 0xFFFF:04x} {tag}"


@contextmanager
def guarded(where: str) -> Iterator[None]:
    """Turns what pydicom raises about a damaged file into one line that begins with `where`, such as `FILE: `.

    Raises:
        DataError: Something was raised.
    """
    try:
        yield
    except DataError as error:
        if str(error).startswith(where):
            raise
        raise DataError(f"{where}{error}") from error
    except MemoryError as error:
        raise DataError(f"{where}does not fit into memory: read fewer at a time (--jobs 1)") from error
    except Exception as error:
        raise DataError(f"{where}{UNREADABLE}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, which quote values; one thread at a time, since filters of warnings are global to all."""
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, in the order of their numbers, without hidden files."""
    for name, inner, files in os.walk(folder):
        inner[:] = sorted((f for f in inner if not f.startswith((".", "__MACOSX"))), key=_natural)
        yield from (Path(name) / file for file in sorted(files, key=_natural) if not file.startswith("."))


def read(path: Path, *, pixels: bool) -> Any:
    """The data set of a file, with or without its pixels, which are not yet decoded.

    Raises:
        DataError: There is no such file, it is not a DICOM file, ends within its header, or has more than 4 GiB.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'is no regular file' if path.exists() else 'no such file'}")
    import pydicom

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE  # its warnings quote values
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(1024)
        bare = start[128:132] != _MAGIC
        if bare and start[:2] not in (b"\x08\x00", b"\x02\x00"):
            raise DataError(f"{path}: {UNREADABLE}")
        if size > MAX_BYTES:
            raise DataError(f"{path}: has {size / 2**30:.3g} GiB, but a DICOM file has at most {MAX_BYTES >> 30} GiB")
        file.seek(0)
        deflated = _DEFLATED in start
        source: Any = io.BytesIO(file.read()) if pixels or deflated else file
        with guarded(f"{path}: "), quiet():
            if deflated:
                _check_deflated(path, source)
            found = pydicom.dcmread(source, stop_before_pixels=not pixels, force=bare)
            if pixels and not deflated:
                _check_end(path, found, source)
    if not len(found):
        raise DataError(f"{path}: {UNREADABLE}")
    return found


def _check_end(path: Path, found: Any, source: Any) -> None:
    """Refuses bytes behind the pixels that are no element: then bytes were lost or added before them."""
    pixels = found.get_item(_PIXEL_DATA)
    if pixels is None or getattr(pixels, "value_tell", None) is None:
        return
    packed = pixels.length == _UNDEFINED
    source.seek(pixels.value_tell + len(pixels.value or b"") + (8 if packed else 0))
    rest = source.read()
    if not rest or (len(rest) >= 8 and (rest[:2] in _AFTER_PIXELS or not rest.strip(b"\0"))):
        return
    raise DataError(f"{path}: {len(rest)} bytes behind its pixels are no part of it, so it is damaged: copy it again")


def _check_deflated(path: Path, source: Any) -> None:
    """Refuses a packed data set that unpacks to more than any image does, or that breaks off."""
    from pydicom.filereader import read_file_meta_info

    source.seek(_META_START + int(read_file_meta_info(path).FileMetaInformationGroupLength))
    unpacker, length = zlib.decompressobj(-zlib.MAX_WBITS), 0
    packed = source.read()
    most = max(_SMALL, _DENSEST * len(packed))
    while packed:
        length += len(unpacker.decompress(packed, 2**24))
        if length > most:
            raise DataError(f"{path}: unpacks to more than {most >> 20} MiB, which no image does: save it unpacked")
        packed = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise DataError(f"{path}: {UNREADABLE}")
    source.seek(0)


def _natural(name: str) -> list[tuple[int, str]]:
    """A key for sorting that puts 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
