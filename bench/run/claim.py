"""A run folder belongs to one run at a time, and to Scangrid alone."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from data import ScangridError
from data.files.locks import locked
from data.files.whole import ABOUT, MARKER, checked, sweep_drafts

RUN_FILES = ("cells.json", "grid.yaml")  # what earlier versions left, which wrote no marker


class ClaimError(ScangridError):
    """A run folder that another run writes to, or that is none."""


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Holds a run folder while the block runs; makes it if there is none, and removes it if it stays empty.

    The lock is on the folder's marker. The system frees it when the process ends, also if it is killed.

    Args:
        folder: The run folder.

    Raises:
        ClaimError: Another run holds it, or it has files and none is of a run.
        OSError: It can't be written.
    """
    marker = checked(folder) / MARKER
    there = list(folder.iterdir()) if folder.exists() else []
    if there and not marker.exists() and not any((folder / name).is_file() for name in RUN_FILES):
        raise ClaimError(
            f"{folder} has files, such as {min(there).name}, and is no run folder: give the run another name "
            "(--set name=NAME), or another folder with --runs"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with locked(marker, wait=False) as mine:
        if not mine or not marker.exists():  # or its holder removed it just now
            raise ClaimError(
                f"{folder} is being written by {_holder(marker)}: wait for it, or give this run another "
                "name (--set name=NAME)"
            )
        sign = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(" ", "seconds")}
        marker.write_text(ABOUT + json.dumps(sign) + "\n", encoding="utf-8")
        sweep_drafts(folder)
        try:
            yield
        finally:
            with suppress(OSError):
                if [path.name for path in folder.iterdir()] == [MARKER]:  # the grid was refused
                    marker.unlink()
                    folder.rmdir()


def _holder(marker: Path) -> str:
    try:
        sign = json.loads(marker.read_text(encoding="utf-8").removeprefix(ABOUT))
        return f"another run (process {sign['pid']} on {sign['host']}, since {sign['since']})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another run"
