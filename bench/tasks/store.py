"""The store: finished steps by key, which can all be made again. Each kind has a folder, and each entry one in it."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sys
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.plan import identity
from bench.plan.measured import Spent
from bench.plan.near_duplicates import NearDuplicate
from bench.tasks import heartbeat
from bench.tasks.entries import NOTE, damage, seal
from bench.tasks.measured import spent
from data import ScangridError
from data.files.whole import FULL, READ_ONLY, checked, way_to_write, why_not_written
from data.text.csv_tables import read_csv

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from bench.stages.crop_files import Crops

PAIRS = "pairs.json"
SCANS = "scans.json"  # of looks: shape, spacing and grey values of each scan
INDEX = ("index.json", "index.npz", NOTE)  # of crops: all but pixels and masks
DAMAGED = "damaged"
_numbers = itertools.count()
_ASIDE = re.compile(r"(\w+)-(.+)-[0-9a-f]{8}")
_DRAFT = re.compile(r"[^.]+\.([0-9a-f]{32})(-\d+)?")  # what earlier versions wrote has no number


class StoreError(ScangridError):
    """The store can't be written."""

    exit_code = 1


class Store:
    """The store; a plan asks it what is finished (see `bench.plan.stored.Stored`).

    Entries are written under a unique name and renamed; the first rename wins, a later one is discarded. An entry can
    be read by any number of processes while others write: what has its final name is whole.

    Disks and copies fail. So an entry is compared with its sums when this process first uses it. A damaged one is set
    aside in the folder `damaged`, which a line names, and counts as not made.

    Args:
        folder: The folder; it is made when something is stored.
        verify: Whether the content of all files counts, also where sizes would do.
        say: A function that takes a line about a damaged entry.
    """

    def __init__(self, folder: Path, *, verify: bool = False, say: Callable[[str], None] | None = None) -> None:
        self.folder = checked(folder)
        self.verify = verify
        self.say = say or (lambda line: print(f"scangrid: {line}", file=sys.stderr, flush=True))
        self._whole: dict[Path, set[str] | None] = {}  # the entries that were compared, and which of their files

    def find(self, kind: str, key: str, *, part: Collection[str] | None = None) -> Path | None:
        """The folder of an entry, or None if it is not stored or was damaged.

        Args:
            kind: Such as `"tokens"`.
            key: Its key.
            part: The files that are going to be read; None for all. Only their content is compared with the sums.
        """
        if not key:  # a step that nothing was stored of
            return None
        path = self.folder / kind / key
        try:
            inode = path.stat().st_ino
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not self._is_new(path, part):
            return path
        why = damage(path, None if self.verify else part)
        if why:
            self._set_aside(path, inode, why)
            return None
        known = self._whole.get(path, set())
        self._whole[path] = None if part is None or self.verify or known is None else known | set(part)
        return path

    def keys(self, kind: str) -> set[str]:
        """The keys of all entries of a kind; their files are not opened."""
        folder = self.folder / kind
        return {path.name for path in folder.iterdir() if "." not in path.name} if folder.is_dir() else set()

    def holds(self, kind: str, key: str) -> bool:
        """Whether there is an entry; its files are not opened."""
        return (self.folder / kind / key).is_dir()

    def set_aside(self) -> set[tuple[str, str]]:
        """Kind and key of all entries that were ever damaged and set aside."""
        folder = self.folder / DAMAGED
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return {(found[1], found[2]) for name in names if (found := _ASIDE.fullmatch(name))}

    def note(self, kind: str, key: str) -> dict[str, Any] | None:
        """What made an entry; None if it is not stored."""
        folder = self.find(kind, key, part=(NOTE,))
        if folder is None:
            return None
        found: dict[str, Any] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return found

    def crops(self, key: str, *, pixels: bool = False) -> Crops | None:
        """The crops with this key, or None; `pixels` is true if more than their index is going to be read."""
        from bench.stages.crop_files import Crops

        folder = self.find("crops", key, part=None if pixels else INDEX)
        return None if folder is None else Crops(folder)

    def affines(self, key: str) -> NDArray[np.float64]:
        """`(M, 4, 4)`: from an index of each of the crops with this key to LPS mm; none if they are not stored."""
        folder = self.find("crops", key, part=INDEX)
        if folder is None:
            return np.empty((0, 4, 4))
        with np.load(folder / "index.npz") as index:
            return np.asarray(index["affines"])

    def scans(self, key: str) -> Mapping[str, Mapping[str, float]]:
        """The shape, spacing (mm) and grey values of the scans with these looks, by study; empty if none are stored.

        There are none of scans that an earlier version read, so that nothing is read a second time for them.
        """
        entry = self.find("looks", key)
        file = None if entry is None else entry / SCANS
        found: dict[str, dict[str, float]] = {}
        if file is not None and file.exists():
            found = json.loads(file.read_text(encoding="utf-8"))
        return found

    def folds(self, key: str, make: Callable[[], pd.DataFrame], made_by: dict[str, Any]) -> pd.DataFrame:
        """Folds with the columns `patient`, `repeat`, `fold`; made and stored with a note if there are none yet."""
        folder = self.find("folds", key)
        if folder is None:
            folder = self.put("folds", key, lambda to: make().to_csv(to / "folds.csv", index=False), made_by)
        return read_csv(folder / "folds.csv")

    def near_duplicates(self, key: str) -> list[NearDuplicate] | None:
        """The near-duplicates with this key, or None if they were not looked for."""
        folder = self.find("near_duplicates", key)
        if folder is None:
            return None
        found = json.loads((folder / PAIRS).read_text(encoding="utf-8"))["pairs"]
        both = ("patients", "studies", "sequences")
        return [NearDuplicate(**{**one, **{name: tuple(one[name]) for name in both}}) for one in found]

    def uncompared(self, key: str) -> tuple[int, int]:
        """Of the pairs of scans that look alike those that were not compared by their pixels, and all of them."""
        folder = self.find("near_duplicates", key)
        found = {} if folder is None else json.loads((folder / PAIRS).read_text(encoding="utf-8"))
        left = int(found.get("not_compared", 0))
        return left, left + int(found.get("compared", 0))

    def spent(self, kind: str) -> list[Spent]:
        """What finished steps of a kind took, the newest ones."""
        return spent(self.folder / kind)

    def width(self, key: str) -> int | None:
        """The number of features of the tokens with this key, or None if they are not stored."""
        folder = self.find("tokens", key, part=())
        return None if folder is None else int(np.load(folder / "values.npy", mmap_mode="r").shape[2])

    def draft(self, kind: str, key: str) -> Path:
        """An empty folder to fill, which `commit` turns into the entry.

        Raises:
            StoreError: The disk is full, or the store can't be written.
        """
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self.folder / kind / f"{key}.{heartbeat.sign(self.folder)}-{next(_numbers)}"
            draft.mkdir(parents=True)
        return draft

    def commit(self, draft: Path, made_by: dict[str, Any]) -> Path:
        """Renames a filled draft to its key, with a readable `made_by.json`; returns the entry.

        Raises:
            CodeChangedError: Code was changed between the making of the keys and its import.
            StoreError: The disk is full, or the store can't be written.
        """
        identity.check_loaded()
        final = draft.with_name(draft.name.split(".")[0])
        with self._writing():
            seal(draft, made_by)
            for _ in range(2):
                try:
                    draft.rename(final)
                    break
                except OSError:
                    if not final.is_dir():
                        raise
                    if not (why := damage(final)):
                        shutil.rmtree(draft, ignore_errors=True)
                        break
                    self._set_aside(final, final.stat().st_ino, why)
        return final

    def put(self, kind: str, key: str, write: Callable[[Path], None], made_by: dict[str, Any]) -> Path:
        """Writes an entry in one go: `write` gets an empty folder and fills it.

        Raises:
            StoreError: The disk is full, or the store can't be written.
        """
        with self.filling(kind, [key]) as (draft,):
            write(draft)
            return self.commit(draft, made_by)

    @contextmanager
    def filling(self, kind: str, keys: Collection[str]) -> Iterator[list[Path]]:
        """Drafts for some keys, which are removed if the block fails before it commits them."""
        drafts: list[Path] = []
        try:
            for key in keys:
                drafts.append(self.draft(kind, key))
            with self._writing(FULL):
                yield drafts
        except BaseException:
            for draft in drafts:
                shutil.rmtree(draft, ignore_errors=True)
            raise

    def sweep(self) -> int:
        """Removes the drafts of processes that are dead; returns their number."""
        found = [(path, named) for path in self.folder.glob("*/*.*") if (named := _DRAFT.fullmatch(path.name))]
        drafts = {f"{path.parent.name}/{path.name}": (path, named[1]) for path, named in found if path.is_dir()}
        gone = heartbeat.dead(self.folder, {name: owner for name, (_, owner) in drafts.items()})
        for name in gone:
            shutil.rmtree(drafts[name][0], ignore_errors=True)
        return len(gone)

    def _is_new(self, path: Path, part: Collection[str] | None) -> bool:
        """Whether files of an entry were not yet compared by this process."""
        if path not in self._whole:
            return True
        known = self._whole[path]
        return known is not None and (part is None or not known.issuperset(part))

    def _set_aside(self, path: Path, inode: int, why: str) -> None:
        place = self.folder / DAMAGED / f"{path.parent.name}-{path.name}-{uuid.uuid4().hex[:8]}"
        line = f"{path} is damaged: {why}"
        try:
            if path.stat().st_ino != inode:
                return  # another process has set it aside and made it again
            place.parent.mkdir(exist_ok=True)
            path.rename(place)
        except FileNotFoundError:
            return
        except OSError as error:
            self.say(f"{line}; it can't be set aside ({error.strerror}): remove it")
            return
        self._whole.pop(path, None)
        self.say(f"{line}; it is set aside as {place} and made again")

    @contextmanager
    def _writing(self, kinds: Collection[int] = (*FULL, *READ_ONLY)) -> Iterator[None]:
        """Names the reason why something could not be written; a file that can't be read is another matter."""
        try:
            yield
        except Exception as error:
            if not (why := why_not_written(error)) or getattr(error, "errno", None) in set(READ_ONLY).difference(kinds):
                raise
            free = 0.0
            with suppress(OSError):
                free = shutil.disk_usage(self.folder).free / 2**20
            room = f" ({free:.0f} MiB are free)" if (way_out := way_to_write(error)) == "make room" else ""
            raise StoreError(f"{self.folder}: {why}: {way_out}{room}, then run again") from error
