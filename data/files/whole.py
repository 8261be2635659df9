"""Files and folders that are written beside and renamed, so that a reader sees the old content or the new one."""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data import ScangridError

MARKER = ".scangrid"
"""The file that marks a folder as written by Scangrid: such a folder may be replaced or removed by it, no other may."""
ABOUT = "Scangrid wrote this folder. It may replace or remove what is in it.\n"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_DRAFT = re.compile(r"\.[0-9a-f]{32}\.part")
_OLD = 86400.0


def checked(folder: Path) -> Path:
    """A folder that every library can write to and read from.

    Raises:
        ScangridError: Its name is no UTF-8, which the libraries of tables and networks don't open.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        way_out = "rename it, or start inside it and leave its name out of the path"
        raise ScangridError(f"{folder}: its name is no UTF-8, so tables can't be kept there: {way_out}") from error
    return folder


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file under another name and renames it; a file that would stay the same is left alone.

    The new content is on the disk before the name is: a power cut leaves the old file or the new one, no empty one.

    Args:
        path: The file.
        write: A function that writes its content to the path that it gets.

    Raises:
        OSError: The disk is full, or the folder can't be written; nothing is left behind.
    """
    draft = draft_of(path)
    try:
        write(draft)
        if _same(path, draft):
            draft.unlink()
        else:
            _to_disk(draft)
            draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8, see `replace_file`."""
    replace_file(path, lambda to: to.write_bytes(text.encode("utf-8")))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Gives an empty folder to fill, which gets the name `path` at the end; it is removed after an error.

    The folder that has this name is replaced if it is empty or has the marker of Scangrid.

    Args:
        path: The name at the end.

    Raises:
        FileExistsError: There is such a folder, and others wrote it.
    """
    checked(path).parent.mkdir(parents=True, exist_ok=True)
    sweep_drafts(path.parent)
    draft = draft_of(path)
    draft.mkdir()
    try:
        (draft / MARKER).write_text(ABOUT, encoding="utf-8")
        yield draft
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.exists() and not remove_folder(path):
            raise FileExistsError(
                errno.EEXIST,
                "it exists and was not written by Scangrid, or by an early version: move it away",
                str(path),
            )
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def remove_folder(folder: Path, *marks: str) -> bool:
    """Removes a folder that Scangrid wrote; a folder without its marker stays.

    Args:
        folder: The folder.
        marks: Other files that show that Scangrid wrote it, as earlier versions left them.

    Returns:
        Whether there is no such folder now.
    """
    if not folder.exists():
        return True
    if folder.is_symlink() or not any((folder / mark).is_file() for mark in (MARKER, *marks)):
        return False
    aside = draft_of(folder)
    folder.rename(aside)  # nobody sees a folder that is half removed
    shutil.rmtree(aside, ignore_errors=True)
    return True


def mark(folder: Path) -> Path:
    """Makes a folder that belongs to Scangrid, if it is not there; one with files of others is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        (folder / MARKER).write_text(ABOUT, encoding="utf-8")
    return folder


def draft_of(path: Path) -> Path:
    """A name beside a path that nobody else uses: short, whatever the path is called, and with an ending of its own.

    So whoever looks for tables or pictures in the folder does not find a half of one.
    """
    return path.with_name(f".{uuid.uuid4().hex}.part")


def sweep_drafts(folder: Path) -> None:
    """Removes drafts in a folder that a killed process left a day ago or earlier; writing one takes seconds."""
    for path in folder.glob(".*.part"):
        with suppress(OSError):
            if _DRAFT.fullmatch(path.name) and time.time() - path.lstat().st_mtime > _OLD:
                remove_folder(path) if path.is_dir() else path.unlink()


def why_not_written(error: BaseException) -> str:
    """Why something could not be written: the disk is full, or it can't be written to; empty for any other error."""
    text = str(error)
    if isinstance(error, OSError) and (error.errno in FULL or " requested and " in text):  # in NumPy's words
        return "the disk is full" if error.errno != errno.EFBIG else "files may not get so large here (ulimit -f)"
    if isinstance(error, OSError) and error.errno in READ_ONLY:
        return "it can't be written to"
    if "No space left on device" in text or "os error 28" in text:  # in the words of safetensors and torch
        return "the disk is full"
    return ""


def way_to_write(error: BaseException) -> str:
    """What helps where `why_not_written` gives a reason."""
    kind = getattr(error, "errno", None)
    if kind == errno.EFBIG:
        return "raise that limit"
    return "give the right to write" if kind in READ_ONLY else "make room"


def _same(path: Path, draft: Path) -> bool:
    if not path.is_file() or path.stat().st_size != draft.stat().st_size:
        return False
    return path.read_bytes() == draft.read_bytes()


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
