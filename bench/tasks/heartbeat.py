"""Signs of life of the processes that write to a store: by them the drafts of dead processes are known.

Each process that has drafts writes a number into a file of its own, and a higher one every 20 seconds. Who sweeps never
compares clocks: it remembers which number it saw and since when by its own clock. So this works on a folder that
several machines share.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from data.files.whole import replace_text
from data.text.file_names import file_name

ALIVE = "alive"
EVERY = 20.0
DEAD, UNSIGNED = 3600.0, 86400.0
"""Seconds after which a number that does not rise means a dead process; and a draft without any number a dead one."""

_lock = threading.Lock()
_me = uuid.uuid4().hex
_folders: dict[Path, int] = {}


def sign(folder: Path) -> str:
    """The name of this process in a store, for names of drafts; from now on it gives signs of life there."""
    with _lock:
        if not any(thread.name == ALIVE for thread in threading.enumerate()):
            threading.Thread(target=_go_on, name=ALIVE, daemon=True).start()
            atexit.register(_stop)
        known = folder in _folders
        _folders.setdefault(folder, 0)
    if not known or not _file(folder, _me).exists():
        _beat(folder)
    return _me


def dead(folder: Path, drafts: dict[str, str], now: float | None = None) -> set[str]:
    """The drafts whose process is dead.

    A process on this machine is looked up. Another is dead if its number has not risen for an hour.

    Args:
        folder: The store.
        drafts: From the name of a draft to the name of its process.
        now: Seconds by this machine's own clock; None for the time.
    """
    now = time.time() if now is None else now
    memory = folder / ALIVE / f"seen-{file_name(socket.gethostname())}.json"
    signs = {path.stem for path in folder.glob(f"{ALIVE}/*.json") if len(path.stem) == len(_me)}
    before: dict[str, list[Any]] = _read(memory) or {}
    seen: dict[str, list[Any]] = {}
    found = set()
    for owner in {*signs, *drafts.values()} - {_me}:
        signed = _read(_file(folder, owner))
        if signed and signed.get("machine") == _machine() != "":
            gone = not _runs(signed)
        else:
            number = signed.get("number") if signed else None
            known = before.get(owner, [number, now])
            seen[owner] = known if known[0] == number else [number, now]
            gone = now - seen[owner][1] > (DEAD if signed else UNSIGNED)
        if gone:
            found.add(owner)
    if seen != before:
        with suppress(OSError):
            memory.parent.mkdir(parents=True, exist_ok=True)
            replace_text(memory, json.dumps(seen))
    for owner in found & signs:
        with suppress(OSError):
            _file(folder, owner).unlink(missing_ok=True)
    return {draft for draft, owner in drafts.items() if owner in found}


def _file(folder: Path, name: str) -> Path:
    return folder / ALIVE / f"{name}.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _beat(folder: Path) -> None:
    with _lock:  # threads begin at the same time
        _folders[folder] += 1
        (folder / ALIVE).mkdir(parents=True, exist_ok=True)
        sign = {"number": _folders[folder], "host": socket.gethostname(), "machine": _machine()} | _process()
        draft = folder / ALIVE / f".{_me}"
        draft.write_text(json.dumps(sign), encoding="utf-8")
        draft.replace(_file(folder, _me))


def _go_on() -> None:
    while True:
        time.sleep(EVERY)
        for folder in list(_folders):
            if not folder.is_dir():  # the store was removed
                _folders.pop(folder, None)
                continue
            with suppress(OSError, KeyError):  # a full disk now may be free at the next beat
                _beat(folder)


def _stop() -> None:
    """Takes the sign of this process back, unless it leaves a draft: the process is then found to be dead."""
    for folder in _folders:
        if not any(folder.glob(f"*/*.{_me}*")):
            with suppress(OSError):
                _file(folder, _me).unlink(missing_ok=True)


def _forked() -> None:
    """Makes a forked process one of its own: the thread of its parent is not there."""
    global _me, _lock
    _me, _lock = uuid.uuid4().hex, threading.Lock()
    _folders.clear()
    _process.cache_clear()


@cache
def _machine() -> str:
    """What all processes that this one can look up have in common; empty if that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


@cache
def _process() -> dict[str, Any]:
    import psutil

    return {"pid": os.getpid(), "started": psutil.Process().create_time()}


def _runs(signed: dict[str, Any]) -> bool:
    """Whether the process that gave a sign on this machine is still there; another may have its number by now."""
    import psutil

    try:
        return bool(abs(psutil.Process(signed["pid"]).create_time() - signed["started"]) < 1)
    except (psutil.NoSuchProcess, KeyError, TypeError):
        return False
    except psutil.Error:
        return True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
