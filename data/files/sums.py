"""The SHA-256 of the files of a folder, so that one that was changed, is missing or belongs elsewhere is named."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

from data import ScangridError
from data.files.whole import replace_text

SUMS = "SHA256SUMS"
"""The file with the sums of a folder, as `sha256sum --check` reads it."""
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


class SumsError(ScangridError):
    """A file that is not the one that was written."""


class _Digests(dict[str, str]):
    """The SHA-256 of each file by its name."""

    @cached_property
    def below(self) -> dict[str, list[str]]:
        """The names of the files in each folder, with all that lie deeper, and each file's own."""
        found: dict[str, list[str]] = {}
        for name in self:
            for place in (name, *map(str, PurePosixPath(name).parents)):
                found.setdefault(place, []).append(name)
        return found


_NOTHING = _Digests()


@dataclass(frozen=True)
class FolderSums:
    """The sums of a folder as it was written.

    Args:
        folder: The folder.
        digests: The SHA-256 of each file, by its name below the folder; empty for a folder without sums.
        out: The way out for the error.
    """

    folder: Path
    digests: _Digests
    out: str

    def check(self, *places: str, beside: Collection[str] = ()) -> None:
        """Compares files with their sums.

        Args:
            places: Names of files, or of folders with all that they hold; none for all files.
            beside: The folders at the top that are left out.

        Raises:
            SumsError: A file was changed or is missing.
        """
        below = self.digests.below
        names = [name for place in places for name in below.get(place, ())] if places else self.digests
        for name in names:
            if name.partition("/")[0] not in beside and (why := self.fault(name)):
                raise SumsError(f"{self.folder / name}: {why}: {self.out}")

    def fault(self, name: str) -> str:
        """How a file differs from the one that was written; empty if it is the same."""
        path = self.folder / name
        if not path.is_file():
            return "no such file"
        return "" if sum_of(path) == self.digests[name] else f"is not the file that was written ({SUMS})"


def write_sums(folder: Path, files: Iterable[Path] | None = None) -> None:
    """Writes `SHA256SUMS`.

    Args:
        folder: The folder.
        files: Files below it; None for all. Texts for people (`.md`), which may change, and hidden files are left out.
    """
    if files is None:
        found = (path for path in folder.rglob("*") if path.is_file())
        files = [path for path in found if path.suffix != ".md" and path.name != SUMS and path.name[0] != "."]
    named = {path.relative_to(folder).as_posix(): sum_of(path) for path in sorted(files)}
    replace_sums(folder, named)


def replace_sums(folder: Path, digests: Mapping[str, str]) -> None:
    """Writes `SHA256SUMS` with the given sums; without any, the file is removed."""
    if digests:
        replace_text(folder / SUMS, "".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    else:
        (folder / SUMS).unlink(missing_ok=True)


def read_sums(folder: Path, out: str) -> FolderSums:
    """The sums of a folder; there are none in one of an earlier version, or in one that is being written.

    Args:
        folder: The folder.
        out: The way out for the error, such as what to run again.

    Raises:
        SumsError: The file holds something else.
    """
    path = folder / SUMS
    try:
        digests = _digests(path, *_state(path))
    except FileNotFoundError:
        return FolderSums(folder, _NOTHING, out)
    except (OSError, ValueError) as error:
        raise SumsError(f"{path} can't be read ({error}): {out}") from error
    return FolderSums(folder, digests, out)


def sum_of(path: Path) -> str:
    """The SHA-256 of a file; while its size and times stay, this process reads it once."""
    return _sum(path, *_state(path))


def _state(path: Path) -> tuple[int, ...]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


@lru_cache(maxsize=1 << 16)
def _sum(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=16)
def _digests(path: Path, *state: int) -> _Digests:
    found = _Digests()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        parts = _LINE.fullmatch(line)
        if parts is None or parts[2].startswith("/") or ".." in PurePosixPath(parts[2]).parts:
            raise ValueError(f"line {number} must be a SHA-256, two blanks and the name of a file here")
        found[parts[2]] = parts[1]
    return found
