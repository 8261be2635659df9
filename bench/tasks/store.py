"""The store: finished steps by key, which can all be made again. Each kind has a folder, and each entry one in it."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plan import identity
from bench.plan.near_duplicates import NearDuplicate

if TYPE_CHECKING:
    import pandas as pd

    from bench.stages.crop_files import Crops

PAIRS = "pairs.json"


class Store:
    """The store; a plan asks it what is finished (see `bench.plan.stored.Stored`).

    Entries are written under a unique name and renamed; the first rename wins, a later one is discarded.

    An entry can be read by any number of processes while others write: what has its final name is whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, kind: str, key: str) -> Path | None:
        """The folder of an entry, or None if it is not stored."""
        path = self.folder / kind / key
        return path if path.is_dir() else None

    def keys(self, kind: str) -> set[str]:
        """The keys of all whole entries of a kind."""
        folder = self.folder / kind
        return {e.name for e in os.scandir(folder) if "." not in e.name} if folder.is_dir() else set()

    def crops(self, key: str) -> Crops | None:
        """The crops with this key, or None."""
        from bench.stages.crop_files import Crops

        folder = self.find("crops", key)
        return None if folder is None else Crops(folder)

    def folds(self, key: str, make: Callable[[], pd.DataFrame], made_by: dict[str, Any]) -> pd.DataFrame:
        """Folds with the columns `patient`, `repeat`, `fold`; made and stored with a note if there are none yet."""
        import pandas as pd

        folder = self.find("folds", key)
        if folder is None:
            folder = self.put("folds", key, lambda to: make().to_csv(to / "folds.csv", index=False), made_by)
        return pd.read_csv(folder / "folds.csv", dtype={"patient": str})

    def near_duplicates(self, key: str) -> list[NearDuplicate] | None:
        """The near-duplicates with this key, or None if they were not looked for."""
        folder = self.find("near_duplicates", key)
        if folder is None:
            return None
        found = json.loads((folder / PAIRS).read_text(encoding="utf-8"))["pairs"]
        both = ("patients", "studies", "sequences")
        return [NearDuplicate(**{**one, **{name: tuple(one[name]) for name in both}}) for one in found]

    def width(self, key: str) -> int | None:
        """The number of features of the tokens with this key, or None if they are not stored."""
        folder = self.find("tokens", key)
        return None if folder is None else int(np.load(folder / "values.npy", mmap_mode="r").shape[2])

    def draft(self, kind: str, key: str) -> Path:
        """An empty folder to fill, which `commit` turns into the entry."""
        draft = self.folder / kind / f"{key}.{uuid.uuid4().hex}"
        draft.mkdir(parents=True)
        return draft

    def commit(self, draft: Path, made_by: dict[str, Any]) -> Path:
        """Renames a filled draft to its key, with a readable `made_by.json`; returns the entry.

        Raises:
            CodeChangedError: Code was changed between the making of the keys and its import.
        """
        identity.check_loaded()
        final = draft.with_name(draft.name.split(".")[0])
        (draft / "made_by.json").write_text(json.dumps(made_by, indent=1, default=str), encoding="utf-8")
        try:
            draft.rename(final)
        except OSError:
            if not final.is_dir():
                raise
            shutil.rmtree(draft, ignore_errors=True)
        return final

    def put(self, kind: str, key: str, write: Callable[[Path], None], made_by: dict[str, Any]) -> Path:
        """Writes an entry in one go: `write` gets an empty folder and fills it."""
        draft = self.draft(kind, key)
        try:
            write(draft)
            return self.commit(draft, made_by)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def sweep(self, older_than: float = 86400.0) -> int:
        """Removes drafts older than some seconds, which a killed process left; returns their number."""
        import time

        drafts = [d for d in self.folder.glob("*/*.*") if d.is_dir() and time.time() - d.stat().st_mtime > older_than]
        for draft in drafts:
            shutil.rmtree(draft, ignore_errors=True)
        return len(drafts)
