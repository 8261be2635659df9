"""Volumes and DICOM files for the tests of reading."""

import struct

import numpy as np
import SimpleITK as sitk  # noqa: N813

DIRECTIONS = {
    "sagittal": [(1, 0, 0), (0, 0, -1), (0, 1, 0)],
    "axial": [(0, 0, 1), (0, 1, 0), (1, 0, 0)],
    "coronal": [(0, 1, 0), (0, 0, -1), (1, 0, 0)],
}


ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"


def itk_volume(rng, shape=(5, 6, 7), direction=None, dtype=np.int16):
    image = sitk.GetImageFromArray(rng.integers(-1000, 3000, shape).astype(dtype))
    image.SetSpacing((0.5, 0.75, 3.0))
    image.SetOrigin((11.0, -22.0, 33.0))
    if direction is not None:
        image.SetDirection(np.asarray(direction, dtype=float).ravel().tolist())
    return image


def write_dicom(path, pixels, *, sop_class=ENHANCED_MR, rle=True, rescale=None):
    """One sagittal frame as in RSNA's files: no SOP class in the data set, geometry at the top level."""
    syntax = "1.2.840.10008.1.2.5" if rle else "1.2.840.10008.1.2.1"
    meta = element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", sop_class) + element(2, 3, b"UI", "1.2.3")
    meta += element(2, 0x10, b"UI", syntax) + element(2, 0x12, b"UI", "1.2.3.4")
    body = element(0x08, 0x18, b"UI", "100206310.1.1") + element(0x08, 0x60, b"CS", "MR")
    body += element(0x18, 0x50, b"DS", "4.0") + element(0x18, 0x88, b"DS", "4.4")
    body += element(0x20, 0x32, b"DS", r"10.5\-20\30") + element(0x20, 0x37, b"DS", r"0\1\0\0\0\-1")
    body += element(0x28, 0x02, b"US", 1) + element(0x28, 0x04, b"CS", "MONOCHROME2")
    body += element(0x28, 0x10, b"US", pixels.shape[0]) + element(0x28, 0x11, b"US", pixels.shape[1])
    body += element(0x28, 0x30, b"DS", r"0.5\0.7")
    for tag, number in ((0x100, 16), (0x101, 12), (0x102, 11), (0x103, 0)):
        body += element(0x28, tag, b"US", number)
    if rescale is not None:
        body += element(0x28, 0x1052, b"DS", str(rescale[1])) + element(0x28, 0x1053, b"DS", str(rescale[0]))
    if rle:
        frame = run_lengths(pixels)
        body += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        body += struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    else:
        body += element(0x7FE0, 0x10, b"OW", pixels.astype("<u2").tobytes())
    path.write_bytes(b"\0" * 128 + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + body)


def element(group, tag, kind, value):
    if isinstance(value, int):
        value = struct.pack("<H", value)
    elif isinstance(value, str):
        value = value.encode()
    value += (b"\0" if kind in (b"UI", b"OB") else b" ") * (len(value) % 2)
    length = struct.pack("<HI", 0, len(value)) if kind in (b"OB", b"OW") else struct.pack("<H", len(value))
    return struct.pack("<HH2s", group, tag, kind) + length + value


def run_lengths(pixels):
    """DICOM RLE of literal runs: the high bytes, then the low bytes."""
    segments = []
    for byte in (1, 0):
        plane = pixels.astype("<u2").view(np.uint8).reshape(-1, 2)[:, byte].tobytes()
        runs = [bytes([len(plane[i : i + 128]) - 1]) + plane[i : i + 128] for i in range(0, len(plane), 128)]
        segments.append(b"".join(runs))
        segments[-1] += b"\0" * (len(segments[-1]) % 2)
    return struct.pack("<16I", 2, 64, 64 + len(segments[0]), *[0] * 13) + b"".join(segments)
