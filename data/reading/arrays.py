"""Reads one array of an .npz file; its sizes are held against the file before anything is allocated."""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError
from data.reading import content, limits


def read(path: Path, name: str) -> NDArray[Any]:
    """The array of a name, with the checksum of its part of the archive verified.

    Raises:
        DataError: There is no such file or array, it is damaged, holds objects, or does not fit into memory.
    """
    content.start(path)
    with limits.naming(path, ".npz"):
        try:
            with zipfile.ZipFile(path) as archive:
                if f"{name}.npy" not in archive.namelist():
                    held = ", ".join(part.removesuffix(".npy") for part in archive.namelist()[:9])
                    raise DataError(f"{path}: no array '{name}': it has {held or 'none'}")
                _check(path, name, archive)
                with archive.open(f"{name}.npy") as part:
                    return np.asarray(np.lib.format.read_array(part, allow_pickle=False))
        except (zipfile.BadZipFile, EOFError) as error:
            raise DataError(f"{path}: can't be read, truncated or not an .npz file: {error}") from error


def _check(path: Path, name: str, archive: zipfile.ZipFile) -> None:
    """Compares what the array's header requires with what the archive holds and the machine's memory."""
    import psutil

    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as part:
        version = np.lib.format.read_magic(part)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = header(part)
        start = part.tell()
    if kind.hasobject or kind.kind not in "biufSU":
        raise DataError(f"{path}: '{name}' holds {kind}, not numbers or words: save it again without objects")
    needed = prod(shape) * kind.itemsize
    limits.check_length(path, info.file_size - start, needed)
    limits.check_packed(path, info.compress_size, info.file_size)
    if needed > (memory := psutil.virtual_memory().total):
        raise DataError(f"{path}: '{name}' needs {needed:,} bytes, more than the {memory:,} of this machine")
