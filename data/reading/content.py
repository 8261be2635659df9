"""Finds from the first bytes of a file which kind of image it holds; its name decides nothing."""

from __future__ import annotations

import zlib
from pathlib import Path

from data.base import DataError

READ = "DICOM, .mha, .mhd, .nii, .nii.gz, .nrrd, PNG, JPEG and TIFF are read"

_STARTS = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"NRRD000": "nrrd",
}
_REFUSED = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`",
    b"BM": "a BMP picture, which is not read: save it as PNG",
    b"GIF8": "a GIF picture, which is not read: save it as PNG",
    b"RIFF": "a WebP picture, which is not read: save it as PNG",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture, which is not read: save it as PNG",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture, which is not read: save it as PNG",
    b"\x93NUMPY": "a NumPy array, which has no place and no unit: save it as .nii.gz or .mha",
    b"PK": "a zip archive: unpack it, and name the image in it",
    b"\x89HDF": "an HDF5 file, which is not read: save its image as .nii.gz or .mha",
    b"%PDF": "a PDF: save the picture in it as PNG",
    b"<": "text of a web page or XML, not an image: fetch the file again",
}
_NIFTI_1, _NIFTI_2 = (b"n+1\0", b"ni1\0"), (b"n+2\0", b"ni2\0")
_HEAD = 1024


def kind(path: Path) -> str:
    """One of `meta_image`, `nifti`, `nrrd`, `tiff`, `png`, `jpeg` and `dicom`.

    Raises:
        DataError: The file is missing, not a regular file, empty, or nothing that is read.
    """
    head = start(path)
    for begins, found in _STARTS.items():
        if head.startswith(begins):
            return found
    if head[128:132] == b"DICM":
        return "dicom"
    plain = _unzipped_start(path, head) if head.startswith(b"\x1f\x8b") else head
    if plain[344:348] in _NIFTI_1 or plain[4:8] in _NIFTI_2:
        if plain[344:347] == b"ni1" or plain[4:7] == b"ni2":
            raise DataError(f"{path}: is one half of a pair .hdr and .img, which is not read: save it as one .nii.gz")
        return "nifti"
    if plain is not head:
        raise DataError(f"{path}: is packed with gzip, but holds no NIfTI volume: unpack it, and name the file in it")
    if b"NDims" in head and b"=" in head.partition(b"\n")[0]:
        return "meta_image"
    for begins, why in _REFUSED.items():
        if head.startswith(begins):
            raise DataError(f"{path}: is {why}")
    if _is_bare_dicom(head):
        return "dicom"
    named = f", though its name ends in {path.suffix}" if path.suffix else ""
    raise DataError(f"{path}: its content is no image that is read{named}: {READ}")


def start(path: Path) -> bytes:
    """The first bytes of a regular file that is not empty; a pipe or a device is never opened.

    Raises:
        DataError: The file is missing, not a regular file, unreadable or empty.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder, but an image is a file")
    if not path.exists():
        base = path.name.rpartition("#")[0]
        if base and path.with_name(base).exists():
            raise DataError(
                f"{path}: no such file: behind # stands the number of an image in {base}, a whole number from 1 on, as "
                f"in {base}#1"
            )
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: is a pipe or a device, but an image is a regular file")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror or error}") from error
    if not head:
        raise DataError(f"{path}: truncated: it has no content")
    if not head.strip(b"\0") and path.stat().st_size > _HEAD:
        raise DataError(f"{path}: begins with {len(head)} zeros, so it was not copied in full: copy it again")
    return head


def _unzipped_start(path: Path, head: bytes) -> bytes:
    try:
        plain = zlib.decompressobj(31).decompress(head, _HEAD)
    except zlib.error as error:
        raise DataError(f"{path}: is damaged: gzip reports '{error}': copy it again") from error
    if len(plain) < 348:
        raise DataError(f"{path}: truncated: its header has {len(plain)} of 348 bytes")
    return plain


def _is_bare_dicom(head: bytes) -> bool:
    """Whether a data set begins without preamble: an element of group 2 or 8, in either coding and byte order."""
    group = head[:2]
    return len(head) > 8 and group in (b"\2\0", b"\x08\0", b"\0\2", b"\0\x08") and (head[2] == 0 or head[3] == 0)
