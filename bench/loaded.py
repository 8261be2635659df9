"""Which files the loaded modules of the project came from, as they were: what is edited later is not what runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from data import ScangridError

Mark = tuple[int, int]
_loaded: dict[str, Mark | None] = {}
_last: tuple[int, str] = (0, "")


class CodeChangedError(ScangridError):
    """Code that was changed after Python had loaded it, so that its key would name other code than what computes."""

    def __init__(self, module: str) -> None:
        super().__init__(f"the code of {module} was changed after it was loaded: start Python again, then run again")


def note_loaded(packages: Iterable[str]) -> list[str]:
    """Notes how the files of newly loaded modules are; gives the names of these modules.

    Args:
        packages: The packages that count.
    """
    global _last
    last = len(sys.modules), next(reversed(sys.modules))
    if last == _last:  # cheap, since it is asked for each module in a key
        return []
    _last = last
    new = [name for name in list(sys.modules) if name not in _loaded and name.partition(".")[0] in packages]
    for name in new:
        _loaded[name] = mark(getattr(sys.modules[name], "__file__", None))
    return new


def is_stale(module: str) -> bool:
    """Whether the file of a loaded module has changed since."""
    known = _loaded.get(module) if module in sys.modules else None
    return known is not None and known != mark(getattr(sys.modules[module], "__file__", None))


def mark(file: str | None) -> Mark | None:
    """The time of change and the size of a file; None where there is none."""
    try:
        found = Path(file or "?").stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
