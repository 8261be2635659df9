"""A small run in a folder of its own, and what is compared of it."""

from __future__ import annotations

import atexit
import importlib
import os
import re
import runpy
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GRID = """
name: tiny
data: {{image_table: {{table: {table}, labels: [grade]}}}}
targets: [grade]
sequences: [image]
encoders: [raw_pixels: {{size: 8}}]
heads: [logistic]
panels: 2
protocol: {{folds: 3, seed: 0}}
"""
LIBRARIES = (
    "pandas",
    "pyarrow.parquet",
    "scipy.linalg",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "PIL.Image",
    "cv2",
)
LIBRARIES += ("psutil", "threadpoolctl", "matplotlib.figure", "matplotlib.backends.backend_agg", "jinja2", "itables")
LIBRARIES += ("skops.io", "bench.api", "bench.run.run", "bench.tasks.work", "bench.models.fit", "results.report.page")
WRITES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")
TIMES = (".tables.json", ".printed.json", ".scangrid", "provenance.json", "scores.parquet", "tables.csv")
TIMES += ("SHA256SUMS", "MODEL_CARD.md", "card.json")
"""Files with times of day or durations in them."""


class Process:
    """A command in a process of its own: a fork of this one, in which the libraries are imported but nothing has run.

    So a process spends its time on files and not on imports, and a kill finds it there.

    Args:
        words: The words of the command line.
        folder: Where its output is kept.
        kill_at: The number of the event (a file opened to write, something renamed, removed, made) at which it dies.
    """

    def __init__(self, words: Sequence[str], folder: Path, kill_at: int = 0) -> None:
        self._output, self.code = tempfile.TemporaryFile("w+b"), 0  # noqa: SIM115 (kept open to be read at the end)
        self.pid = os.fork()
        if not self.pid:
            os.dup2(self._output.fileno(), 1)
            os.dup2(self._output.fileno(), 2)
            os._exit(_child(words, kill_at))

    def wait(self, seconds: float = 600.0) -> bool:
        """Waits for its end at most so long; whether it has ended."""
        end = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.01)

    def kill(self) -> None:
        """Kills it and waits for its end."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    @property
    def text(self) -> str:
        """What it has printed."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")


def _child(words: Sequence[str], kill_at: int) -> int:
    count = 0

    def watch(event: str, given: tuple[object, ...]) -> None:
        nonlocal count
        flags = given[2] if event == "open" else None
        if event in WRITES or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    os.chdir(ROOT)
    sys.addaudithook(watch)
    sys.argv = ["run_benchmark.py", *words]
    code: object = 0
    try:
        runpy.run_path(str(ROOT / "run_benchmark.py"), run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    print(f"events {count}")
    sys.stdout.flush()
    return code if isinstance(code, int) else 1


def import_libraries() -> None:
    """Imports what a run, a report and a model import, before processes are forked."""
    for name in LIBRARIES:
        importlib.import_module(name)


@dataclass(frozen=True)
class Place:
    """A folder with a store, runs and a grid on a few pictures."""

    folder: Path

    def words(self, command: str, *, run: str = "", model: str = "model") -> list[str]:
        """The words of a command that works in this place."""
        runs, store = self.folder / (run or "runs"), ["--store", str(self.folder / "store")]
        if command == "run":
            return ["run", str(self.folder / "grid.yaml"), "--device", "cpu", "--runs", str(runs), *store]
        if command == "report":
            return ["report", str(runs / "tiny")]
        cell = ["--cell", "heads=logistic", "--out", str(self.folder / model)]
        return ["fit", str(runs / "tiny"), "--device", "cpu", *cell, *store]

    def start(self, *words: str, kill_at: int = 0) -> Process:
        """Starts a command, which kills itself at an event of the file system if `kill_at` numbers one."""
        return Process(words, self.folder, kill_at)

    def call(self, *words: str, kill_at: int = 0) -> Process:
        """Runs a command to its end."""
        process = self.start(*words, kill_at=kill_at)
        process.wait()
        return process

    def state(self, run: str = "") -> dict[str, object]:
        """What the run folder holds, without times of day and durations."""
        return contents(self.folder / (run or "runs") / "tiny")

    def drafts(self) -> list[Path]:
        """What is half written in the store."""
        return [path for path in (self.folder / "store").glob("*/*.*") if path.is_dir()]


def make(folder: Path) -> Place:
    """Writes 24 pictures of 8 x 8 pixels, their table and a grid of three cells, which runs in two seconds."""
    import numpy as np
    import pandas as pd
    from PIL import Image

    source = folder / "source"
    source.mkdir(parents=True)
    random_numbers = np.random.default_rng(0)
    rows = []
    for i in range(24):
        pixels = random_numbers.integers(0, 200, (8, 8)) + 40 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(source / f"{i}.png")
        rows.append((f"{i}.png", f"p{i}", i % 2))
    pd.DataFrame(rows, columns=["image", "patient", "grade"]).to_csv(source / "scans.csv", index=False)
    (folder / "grid.yaml").write_text(GRID.format(table=source / "scans.csv"))
    return Place(folder)


def contents(folder: Path) -> dict[str, object]:
    """The files of a folder by their names, without what differs between two undisturbed calls."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or path.name in TIMES or re.search(r"\.[0-9a-f]{32}\.part", name):
            continue
        if path.suffix == ".skops":
            with zipfile.ZipFile(path) as file:  # its names and its schema hold addresses in memory
                found[name] = sorted(one.CRC for one in file.infolist() if one.filename != "schema.json")
            continue
        content = path.read_bytes()
        found[name] = (
            re.sub(rb'"(seconds|fitted|since|chain_sum)": [^,\n]*', b"", content) if path.suffix == ".json" else content
        )
    return found


def differences(wanted: dict[str, object], found: dict[str, object]) -> list[str]:
    """The names of files that lack, are too many, or hold something else."""
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def events(place: Place, command: str) -> int:
    """How often a command opens a file to write, renames, removes or makes something."""
    done = place.call(*place.words(command))
    assert done.code == 0, done.text
    return int(done.text.rsplit("events ", 1)[1])
