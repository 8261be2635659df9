"""What each start of a run took, and on which machine: `provenance.json`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.run import described, provenance
from bench.run.files import RunFileError, read_json, write_json
from bench.tasks.versions import versions

FILE = "provenance.json"


class Session:
    """One start of a run.

    It is noted when its first step is done or its first fit begins, and again with its time and memory when it ends. So
    a start that was killed is there too: it names no end. A start that computed nothing is not noted.

    Args:
        folder: The run folder.
        plugins: What `described` gives for the plug-ins of the run.
        stages: The seconds that each kind of work took; filled while the run goes on.
    """

    def __init__(self, folder: Path, plugins: dict[str, Any], stages: Mapping[str, float]) -> None:
        self._folder = folder
        self._plugins = plugins
        self._stages = stages
        self._earlier = read_sessions(folder)
        self._started = _now()
        self._device = ""
        self._lock = threading.Lock()

    @property
    def is_first(self) -> bool:
        """Whether it computed nothing and no start before it was noted."""
        return not self._device and not self._earlier

    def begin(self, device: str) -> None:
        """Notes the start, once."""
        with self._lock:
            if not self._device:
                self._device = device
                with suppress(OSError):  # it is written again at the end, and then named
                    self._write({"started": self._started})

    def end(self, made_with: tuple[str, dict[str, str]]) -> None:
        """Adds time and memory; a first start that found all cells in the store notes what had made them.

        Args:
            made_with: The devices and the versions that the store names for the cells that are done.
        """
        if self._device:
            took = {"seconds": {name: round(value, 1) for name, value in self._stages.items()}}
            memory = {"peak_memory_mib": provenance.peak_memory_mib()}
            self._write({"started": self._started, "finished": _now(), **took, **memory})
        elif made_with[0] and self.is_first:
            device, used = made_with
            found = {"finished": _now(), "device": device, "versions": described.versions(self._plugins) | used}
            write_json(self._folder / FILE, [found | {"code": provenance.code_state()}])

    def _write(self, times: dict[str, Any]) -> None:
        about = {
            **times,
            "device": self._device,
            "versions": versions() | described.versions(self._plugins),
            "code": provenance.code_state(),
            "machine": provenance.machine(),
        }
        write_json(self._folder / FILE, [*self._earlier, about])


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """The records of `provenance.json`, each of which names a device; none without the file.

    Raises:
        RunFileError: The file holds anything else.
    """
    found: list[dict[str, Any]] = read_json(folder / FILE, [])
    whole = isinstance(found, list) and all(isinstance(one, dict) for one in found)
    if not whole or not all(isinstance(one.get("device"), str) for one in found):
        raise RunFileError(f"{folder / FILE} must list records that name a device: delete it, then run again")
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
