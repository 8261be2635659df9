"""Whether an entry of the store is whole: each lists the size and a checksum of its files in `sums.json`.

The checksum is XXH3 of 128 bits, which is as fast as reading. It finds damage, but no forgery: who can write into the
store can write the sums too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

NOTE, SUMS = "made_by.json", "sums.json"


class _OtherEntryError(ValueError):
    """An entry under the name of another."""


def seal(folder: Path, made_by: dict[str, Any]) -> None:
    """Writes `made_by.json`, and then `sums.json` with the name of the entry, and the size and checksum of every file.

    The sums are on the disk when this ends. What a power cut takes of the other files is then noticed.
    """
    text = json.dumps(made_by | {"sums": SUMS}, indent=1, default=str)
    (folder / NOTE).write_text(text, encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): [path.stat().st_size, _checksum(path)] for path in files}
    with (folder / SUMS).open("w", encoding="utf-8") as file:
        json.dump({"entry": _called(folder), "files": found}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def damage(folder: Path, part: Collection[str] | None = None) -> str:
    """Why an entry can't be used; empty for a whole one. Sizes are compared always.

    An entry of an earlier version has no sums: its files are opened, as far as that costs nothing.

    Args:
        folder: The entry.
        part: The files whose content is compared too; None for all.

    Raises:
        PermissionError: A file belongs to another user, who lets nobody read it.
    """
    try:
        sums = _sums(folder)
        for name, (size, digest) in sums.items():
            path = folder / name
            if (found := path.stat().st_size) != size:
                return f"{name} has {found} bytes instead of {size}"
            if (part is None or name in part) and _checksum(path) != digest:
                return f"{name} has another content than was written"
        return "" if sums else _damage_without_sums(folder)
    except PermissionError:
        raise
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except OSError as error:
        return f"{error.filename or folder.name}: {error.strerror or error}"
    except _OtherEntryError as error:
        return str(error)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        return f"{SUMS} or {NOTE} can't be read: {error}"


def _sums(folder: Path) -> dict[str, list[Any]]:
    """The sums of an entry; empty for one of an earlier version, whose note does not name them."""
    path = folder / SUMS
    if not path.exists() and "sums" not in json.loads((folder / NOTE).read_text(encoding="utf-8")):
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    found: dict[str, list[Any]] = content["files"]
    if NOTE not in found:
        raise ValueError(f"it does not list {NOTE}")
    if content["entry"] != _called(folder):
        raise _OtherEntryError(f"it is the entry {content['entry']} under another name")
    return found


def _called(folder: Path) -> str:
    """The kind and the key of an entry, or of its draft."""
    return f"{folder.parent.name}/{folder.name.split('.')[0]}"


def _damage_without_sums(folder: Path) -> str:
    for path in sorted(folder.rglob("*")):
        try:
            if path.suffix == ".npy":
                _check_size(path)
            elif path.suffix == ".npz":
                with np.load(path) as arrays:
                    _ = [arrays[name] for name in arrays.files]
            elif path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
        except PermissionError:
            raise
        except Exception as error:  # NumPy and zipfile have many kinds
            return f"{path.relative_to(folder)} can't be read: {error}"
    return ""


def _check_size(path: Path) -> None:
    """Compares the size of an array's file with its header."""
    layout = np.lib.format
    with path.open("rb") as file:
        first = layout.read_magic(file) == (1, 0)
        shape, _, dtype = layout.read_array_header_1_0(file) if first else layout.read_array_header_2_0(file)
        size = file.tell() + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if path.stat().st_size != size:
        raise ValueError(f"it has {path.stat().st_size} bytes instead of {size}")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
