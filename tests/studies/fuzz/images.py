"""Sound image files, and what an independent reader makes of a damaged one.

An independent reader here checks every checksum and length that its container has, by Python's own zlib, gzip and
zipfile, or is another library than the project's. It gives the pixels, or raises anything where the file is damaged.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float64]
Rng = np.random.Generator
TYPES = {"MET_SHORT": "<i2", "MET_USHORT": "<u2", "MET_UCHAR": "<u1", "MET_FLOAT": "<f4"}
NIFTI_TYPES = {4: "<i2", 512: "<u2", 2: "<u1", 16: "<f4"}


@dataclass(frozen=True)
class ImageKind:
    """A format.

    Args:
        suffix: The ending of its files.
        write: Gives the bytes of a sound file and its pixels `(D, H, W)`.
        independent: The pixels in a file's bytes, by another reader; raises where the file is damaged.
        tolerance: By how much pixels may differ, for formats with loss.
    """

    suffix: str
    write: Callable[[Rng], tuple[bytes, Pixels]]
    independent: Callable[[bytes], Pixels]
    tolerance: float = 0.0


def drawn(rng: Rng, shape: tuple[int, ...], most: int = 1500) -> NDArray[np.int16]:
    """A smooth random volume with some noise, from 0 to `most`."""
    from scipy.ndimage import gaussian_filter

    values = gaussian_filter(rng.standard_normal(shape), 2) * 4 + 0.1 * rng.standard_normal(shape)
    values = (values - values.min()) / np.ptp(values) * most
    return np.asarray(values.round(), dtype=np.int16)


def _mha(rng: Rng, *, compressed: bool) -> tuple[bytes, Pixels]:
    volume = drawn(rng, (3, 20, 24))
    data = volume.astype("<i2").tobytes()
    packed = zlib.compress(data) if compressed else data
    sizes = f"CompressedData = True\nCompressedDataSize = {len(packed)}\n" if compressed else "CompressedData = False\n"
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"{sizes}TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 0.8 0.8 4\n"
        "DimSize = 24 20 3\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    return header.encode() + packed, volume.astype(np.float64)


def _read_mha(data: bytes) -> Pixels:
    end = data.index(b"ElementDataFile = LOCAL\n") + len(b"ElementDataFile = LOCAL\n")
    lines = (line.split(" = ", 1) for line in data[:end].decode("ascii").splitlines())
    keys = {name.strip(): value.strip() for name, value in lines}
    sizes = [int(n) for n in keys["DimSize"].split()]
    kind = np.dtype(TYPES[keys["ElementType"]])
    wanted = int(np.prod(sizes)) * kind.itemsize
    rest = data[end:]
    if keys["CompressedData"] == "True":
        packed = zlib.decompressobj()
        rest = packed.decompress(rest[: int(keys["CompressedDataSize"])])
        if not packed.eof:
            raise ValueError("the stream has no end")
    if len(rest) < wanted:
        raise ValueError("short")
    if len(sizes) != int(keys["NDims"]) or keys["BinaryDataByteOrderMSB"] not in ("True", "False"):
        raise ValueError("header")
    kind = kind.newbyteorder(">") if keys["BinaryDataByteOrderMSB"] == "True" else kind
    return np.frombuffer(rest[:wanted], kind).reshape(sizes[::-1]).astype(np.float64)


def _nii_gz(rng: Rng) -> tuple[bytes, Pixels]:
    volume = drawn(rng, (3, 20, 24))
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 24, 20, 3, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 0.8, 0.8, 4, 1, 1, 1, 1)
    struct.pack_into("<fff", header, 108, 352, 1, 0)
    struct.pack_into("<hh", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, 0.8, 0, 0, 0, 0, 0.8, 0, 0, 0, 0, 4, 0)
    header[344:348] = b"n+1\x00"
    return gzip.compress(bytes(header) + volume.astype("<i2").tobytes(), mtime=0), volume.astype(np.float64)


def _read_nii_gz(data: bytes) -> Pixels:
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)  # checks CRC and length of every member
    if struct.unpack_from("<i", data, 0)[0] != 348:
        raise ValueError("no NIfTI-1")
    axes, *sizes = struct.unpack_from("<8h", data, 40)
    kind = np.dtype(NIFTI_TYPES[struct.unpack_from("<h", data, 70)[0]])
    start, slope, shift = struct.unpack_from("<fff", data, 108)
    sizes = sizes[:axes]
    n = int(np.prod(sizes))
    values = np.frombuffer(data, kind, n, int(start)).reshape(sizes[::-1]).astype(np.float64)
    return values * slope + shift if slope else values


def _png(rng: Rng) -> tuple[bytes, Pixels]:
    from PIL import Image as Pillow

    picture = drawn(rng, (24, 30), 255).astype(np.uint8)
    out = io.BytesIO()
    Pillow.fromarray(picture).save(out, "png")
    return out.getvalue(), picture[None].astype(np.float64)


def _read_png(data: bytes) -> Pixels:
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    at, kinds = 8, []
    while at < len(data) and (not kinds or kinds[-1] != b"IEND"):
        (n,) = struct.unpack_from(">I", data, at)
        kinds.append(data[at + 4 : at + 8])
        (crc,) = struct.unpack_from(">I", data, at + 8 + n)
        if zlib.crc32(data[at + 4 : at + 8 + n]) != crc:
            raise ValueError("CRC")
        at += 12 + n
    if kinds[-1] != b"IEND":
        raise ValueError("no end")
    return _by_pillow(data)


def _by_pillow(data: bytes) -> Pixels:
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(data)) as opened:
        frames = []
        for i in range(getattr(opened, "n_frames", 1)):
            opened.seek(i)
            frames.append(np.asarray(opened.convert("L") if opened.mode in ("P", "RGB", "LA") else opened))
    return np.stack(frames).astype(np.float64)


def _jpeg(rng: Rng) -> tuple[bytes, Pixels]:
    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.fromarray(drawn(rng, (24, 30), 255).astype(np.uint8)).save(out, "jpeg", quality=95)
    return out.getvalue(), _by_pillow(out.getvalue())


def _tiff(rng: Rng) -> tuple[bytes, Pixels]:
    import tifffile

    volume = drawn(rng, (3, 20, 24)).astype(np.uint16)
    out = io.BytesIO()
    tifffile.imwrite(out, volume, compression="zlib", photometric="minisblack")
    return out.getvalue(), volume.astype(np.float64)


def _read_tiff(data: bytes) -> Pixels:
    return _by_pillow(data)


def _npz(rng: Rng) -> tuple[bytes, Pixels]:
    volume, out = drawn(rng, (3, 20, 24)), io.BytesIO()
    np.savez_compressed(out, volume=volume)
    return out.getvalue(), volume.astype(np.float64)


def _dicom(rng: Rng) -> tuple[bytes, Pixels]:
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    picture = drawn(rng, (24, 30))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, generate_uid(entropy_srcs=["fuzz"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = Dataset()
    made.file_meta = meta
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.Modality, made.PatientID = "MR", "1"
    made.Rows, made.Columns = picture.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    made.PixelSpacing, made.SliceThickness = [0.8, 0.8], 4
    made.ImagePositionPatient, made.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    made.RescaleSlope, made.RescaleIntercept = 1, 0
    made.PixelData = picture.astype("<i2").tobytes()
    out = io.BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue(), picture[None].astype(np.float64)


def _read_dicom(data: bytes) -> Pixels:
    import pydicom

    found: Any = pydicom.dcmread(io.BytesIO(data))
    pixels = found.pixel_array.astype(np.float64)
    pixels = pixels * float(found.get("RescaleSlope", 1)) + float(found.get("RescaleIntercept", 0))
    return np.asarray(pixels if pixels.ndim == 3 else pixels[None], dtype=np.float64)


IMAGES = {
    "mha": ImageKind(".mha", lambda rng: _mha(rng, compressed=False), _read_mha),
    "mha, compressed": ImageKind(".mha", lambda rng: _mha(rng, compressed=True), _read_mha),
    "nii.gz": ImageKind(".nii.gz", _nii_gz, _read_nii_gz),
    "png": ImageKind(".png", _png, _read_png),
    "jpeg": ImageKind(".jpg", _jpeg, _by_pillow, tolerance=4.0),
    "tiff": ImageKind(".tif", _tiff, _read_tiff),
    "dicom": ImageKind(".dcm", _dicom, _read_dicom),
}
