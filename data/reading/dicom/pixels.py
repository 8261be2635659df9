"""Decodes the pixels of a DICOM file: stored values first, then the scanner's units of each frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float32
from data.reading import limits
from data.reading.dicom import files as dicom_files
from data.reading.dicom import headers as dicom_headers
from data.reading.dicom import streams as dicom_streams
from data.reading.dicom.files import FrameTags
from data.reading.pictures import LUMINANCE

_RLE = "1.2.840.10008.1.2.5"
_LARGEST = 1e12  # of a slope or an intercept
_UNITS = ("CT", "PT")  # whose values are in units: they are never turned from dark to bright
_BITS = (1, 8, 16, 32)
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def decode(path: Path, file: Any) -> NDArray[Any]:
    """The stored values of all frames `(F, rows, columns)`; colours are their luminance.

    Every length is checked before anything is unpacked. A picture in which low values are bright (MONOCHROME1) is
    turned, unless its values are in units (CT, PET).

    Args:
        path: The file, for messages.
        file: Its data set with pixels, from `dicom_files.read`.

    Raises:
        DataError: The pixels are absent, shorter or longer than the header gives, damaged, or of an unread kind.
    """
    with dicom_files.guarded(f"{path}: "):
        return _decode(path, file)


def in_units(tags: FrameTags, stored: NDArray[Any]) -> Float32:
    """The pixels of a frame in the scanner's units: HU, Bq/ml, raw MR.

    The Modality LUT, or the rescale slope and intercept, of the frame are applied; without these, a real-world value
    mapping if there is only one.

    Args:
        tags: The attributes of the frame.
        stored: Its stored values `(rows, columns)`.

    Raises:
        DataError: A slope is 0 or no finite number, a table is damaged, or several real-world values contradict each
            other. The message has no file.

    References:
        DICOM PS3.3, C.11.1 (Modality LUT), C.7.6.16.2.9 (Pixel Value Transformation), C.7.6.16.2.11 (Real World Value).
    """
    with dicom_files.guarded(""):
        if tables := tags.file.get("ModalityLUTSequence"):
            return _look_up(tables[0], stored)
        given, intercept = _scale(tags.get("RescaleSlope")), _scale(tags.get("RescaleIntercept"))
        if given is None and intercept is None:
            slope, intercept = _real_world(tags)
        else:
            slope, intercept = 1.0 if given is None else given, intercept or 0.0
    if slope == 0:
        raise DataError("its rescale slope is 0, so that all pixels would be equal")
    if slope == 1 and intercept == 0:
        return stored.astype(np.float32)
    return np.asarray(stored * slope + intercept, dtype=np.float32)


def _decode(path: Path, file: Any) -> NDArray[Any]:
    from pydicom.pixels.decoders.base import get_decoder

    with dicom_files.quiet():
        shape = _check(path, file)
        keyword = next(name for name in _PIXELS if name in file)
        syntax = _syntax(path, file)
        packed = bool(syntax.is_compressed) and not syntax.is_deflated
        if packed:
            dicom_streams.check(path, file, shape, rle=syntax == _RLE)
        else:
            _check_length(path, file, keyword, shape)
        photometric = FrameTags(file, -1).text("PhotometricInterpretation")
        if several := file.get("SamplesPerPixel", 1) == 3:
            _check_colours(path, file, photometric, packed=packed)
        grey = keyword == "PixelData" and not several and file.BitsAllocated > 1
        if grey and not packed:
            stored = _native(file, shape)
        elif not packed or syntax == _RLE:
            luminance = several and photometric in dicom_streams.LUMINANCE_FIRST
            options: Any = {"raw": luminance or grey, "correct_unused_bits": False}  # which would clear them silently
            stored, _ = get_decoder(syntax).as_array(file, **options)
            stored = stored[..., 0] if luminance else stored
    if packed and syntax != _RLE:
        stored = dicom_streams.unpack(path, file, shape, photometric)
    if grey:
        stored = _without_overlays(path, file, stored)
    if photometric == "PALETTE COLOR":
        stored = _in_colour(file, stored)
    colours = 3 if stored.size == 3 * np.prod(shape) else 1
    if stored.size != colours * np.prod(shape):
        raise DataError(f"{path}: {stored.shape} pixels are unpacked, but its header gives {shape}")
    if colours == 3:
        return np.asarray(stored.reshape(*shape, 3).astype(np.float32) @ LUMINANCE)
    stored = stored.reshape(shape)
    if photometric == "MONOCHROME1" and keyword == "PixelData" and file.get("Modality") not in _UNITS:
        return np.asarray(sum(_range(file)) - stored.astype(np.int64))
    return stored


def _syntax(path: Path, file: Any) -> Any:
    """The transfer syntax; a file without preamble has none, but shows how it is written."""
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    found = file.file_meta.get("TransferSyntaxUID") if hasattr(file, "file_meta") else None
    if found is None:
        return ImplicitVRLittleEndian if file.original_encoding[0] else ExplicitVRLittleEndian
    if not found.is_transfer_syntax:
        raise DataError(f"{path}: its transfer syntax is no known one: write it uncompressed")
    return found


def _check(path: Path, file: Any) -> tuple[int, int, int]:
    """The number of frames, rows and columns, after a check of the header."""
    names = [name for name in _PIXELS if name in file]
    if not names:
        raise DataError(f"{path}: can't be read, truncated or not a picture: it has no pixels")
    whole = FrameTags(file, -1)
    tags = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit")
    found = {tag: whole.number(tag) for tag in tags}
    samples = 1.0 if found["SamplesPerPixel"] is None else found["SamplesPerPixel"]
    for tag, low, high in (("Rows", 1, 65535), ("Columns", 1, 65535)):
        if (number := found[tag]) is None or not low <= number <= high:
            raise DataError(f"{path}: {tag} must be {low} to {high}, and is not")
    if samples not in (1, 3):
        raise DataError(f"{path}: has {samples:g} samples per pixel, but grey has 1 and colours 3")
    if names == ["PixelData"]:
        allocated, stored = found["BitsAllocated"], found["BitsStored"]
        if allocated not in _BITS:
            raise DataError(f"{path}: BitsAllocated {_number(allocated)} is none of 1, 8, 16, 32")
        if stored is None or not 1 <= stored <= allocated:
            raise DataError(f"{path}: BitsStored {_number(stored)} is not 1 to BitsAllocated, {allocated:g}")
        if found["HighBit"] not in (None, stored - 1):
            raise DataError(
                f"{path}: HighBit {_number(found['HighBit'])} is not BitsStored - 1, {stored - 1:g}: write it again"
            )
        if whole.number("PixelRepresentation") not in (0, 1):
            raise DataError(f"{path}: PixelRepresentation is neither 0 (unsigned) nor 1 (signed)")
    shape = dicom_headers.frames(path, file), int(found["Rows"] or 0), int(found["Columns"] or 0)
    limits.check_shape(path, shape)
    return shape


def _check_length(path: Path, file: Any, keyword: str, shape: tuple[int, int, int]) -> None:
    from pydicom.pixels.utils import get_expected_length

    if keyword == "PixelData":
        needed = get_expected_length(file)
    else:
        needed = int(np.prod(shape)) * (4 if keyword == "FloatPixelData" else 8)
    held, row = len(file[keyword].value), max(1, needed // (shape[0] * shape[1]))
    if held < needed:
        raise DataError(
            f"{path}: can't be read, truncated or not a whole picture: its pixels are {held} of {needed} bytes"
        )
    if held > needed + max(row, 1):
        raise DataError(f"{path}: has {held} bytes of pixels, but its header gives {needed}: the header is wrong")


def _in_colour(file: Any, stored: NDArray[Any]) -> NDArray[Any]:
    """The colours of a palette, with 8 bits as viewers show them."""
    from pydicom.pixels.processing import apply_color_lut

    colours = apply_color_lut(stored, file)
    return colours >> 8 if colours.dtype == np.uint16 else colours


def _check_colours(path: Path, file: Any, photometric: str, *, packed: bool) -> None:
    """Refuses three values for each pixel that are no colours which are read."""
    if photometric not in _COLOURS:
        known = ", ".join(_COLOURS)
        raise DataError(f"{path}: its 3 samples per pixel are coded as none of {known}: save it as RGB")
    if not packed and file.get("PlanarConfiguration") not in (0, 1):
        raise DataError(
            f"{path}: its PlanarConfiguration is neither 0 (colours pixel by pixel) nor 1 (colours in planes): write it"
        )


def _native(file: Any, shape: tuple[int, int, int]) -> NDArray[Any]:
    """The stored values of grey pixels that are not packed."""
    kind = f"{'>' if file.original_encoding[1] is False else '<'}{'i' if file.PixelRepresentation else 'u'}"
    stored: NDArray[Any] = np.frombuffer(file.PixelData, f"{kind}{int(file.BitsAllocated) // 8}", int(np.prod(shape)))
    return stored.reshape(shape)


def _without_overlays(path: Path, file: Any, stored: NDArray[Any]) -> NDArray[Any]:
    """Grey values without the overlays that were kept in the unused bits above a pixel (until 2004).

    Raises:
        DataError: They use bits above BitsStored that hold neither a declared overlay nor the sign.
    """
    bits, signed = int(file.BitsStored), bool(file.PixelRepresentation)
    low, high = _range(file)
    if stored.max() <= high and stored.min() >= low:
        return stored
    overlays = 0
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0102) in file and (position := int(file[group, 0x0102].value or 0)) >= bits:
            overlays |= 1 << (position - bits)
    whole = stored.view(stored.dtype.str.replace("i", "u"))
    if signed:  # the sign may fill the bits above, or leave them at 0
        whole = whole[(whole >> (bits - 1)) != (1 << (8 * stored.itemsize - bits + 1)) - 1]
    above = whole >> bits
    if int(np.bitwise_or.reduce(above, axis=None)) & ~overlays:
        raise DataError(
            f"{path}: pixels need more than the {bits} bits that BitsStored gives, and no overlay (60xx,0102) lies "
            "there: mend BitsStored and HighBit, or clear the bits above"
        )
    shift = np.array(8 * stored.itemsize - bits, dtype=stored.dtype)
    return np.asarray((stored << shift) >> shift)


def _number(value: float | None) -> str:
    return "(absent)" if value is None else f"{value:g}"


def _range(file: Any) -> tuple[int, int]:
    """The smallest and the largest stored value that the header allows."""
    bits = int(file.BitsStored)
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if file.PixelRepresentation else (0, 2**bits - 1)


def _scale(value: Any) -> float | None:
    """A slope or an intercept; None where it is absent."""
    if value is None or value == "":
        return None
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        raise DataError("its rescale slope or intercept is no number") from error
    if not abs(found) < _LARGEST:
        raise DataError(f"its rescale slope or intercept is not finite or above {_LARGEST:g}")
    return found


def _real_world(tags: FrameTags) -> tuple[float, float]:
    """Slope and intercept of the only real-world value mapping; 1 and 0 without one."""
    found = set()
    for item in tags.items("RealWorldValueMappingSequence"):
        if "RealWorldValueLUTData" in item:
            raise DataError("its real-world values are a table, which is not read: give it a rescale slope")
        slope, intercept = _scale(item.get("RealWorldValueSlope")), _scale(item.get("RealWorldValueIntercept"))
        found.add((1.0 if slope is None else slope, intercept or 0.0))
    if len(found) > 1:
        slopes = " and ".join(f"{slope:g}" for slope, _ in sorted(found))
        raise DataError(
            f"has several real-world slopes ({slopes}) and no rescale slope, so that its units are unknown: "
            "give it a rescale slope"
        )
    return found.pop() if found else (1.0, 0.0)


def _look_up(table: Any, stored: NDArray[Any]) -> Float32:
    """The values of a Modality LUT; values below and above it become its first and last."""
    try:
        count, first, bits = (int(number) for number in table.LUTDescriptor)
        data: Any = table.LUTData
        count = count or 2**16
        if isinstance(data, bytes):
            wide = len(data) > count + 1  # else one byte for each entry, and one to fill up
            values = np.frombuffer(data, dtype="<u2" if wide else "u1")[: None if wide else count]
        else:
            values = np.array(data, dtype=np.int64)
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError("its Modality LUT can't be read") from error
    if len(values) != count or bits not in range(8, 17) or int(values.max()) >> bits:
        raise DataError("its Modality LUT is not what its descriptor gives")
    return values[np.clip(stored.astype(np.int64) - first, 0, count - 1)].astype(np.float32)
