"""A small run in a folder of its own, and what is compared of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
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
PRELUDE = """
import os, runpy, signal, sys
count, last = 0, int(os.environ["KILL_AT"])
WORDS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
def watch(event, given):
    global count
    if event not in WORDS or event == "open" and not (isinstance(given[2], int) and given[2] & 3):
        return
    count += 1
    if count == last:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
sys.argv[:] = ["run_benchmark.py", *sys.argv[1:]]
try:
    runpy.run_path("run_benchmark.py", run_name="__main__")
finally:
    print(f"events {count}", file=sys.stderr)
"""
TIMES = (".tables.json", ".printed.json", ".scangrid", "provenance.json", "scores.parquet", "tables.csv")
TIMES += ("SHA256SUMS", "MODEL_CARD.md", "card.json")
"""Files with times of day or durations in them."""


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

    def call(self, *words: str, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, or to the event of the file system at which it kills itself."""
        return subprocess.run(self._start(words, kill_at), **self._how(kill_at), text=True, capture_output=True)

    def killed_after(self, words: Sequence[str], seconds: float) -> bool:
        """Starts a command and kills it after some seconds; False if it had ended by then."""
        process = subprocess.Popen(self._start(words, 0), **self._how(0), stdout=-3, stderr=-3)
        try:
            process.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True

    def _start(self, words: Sequence[str], kill_at: int) -> list[str]:
        return [sys.executable, *(["-c", PRELUDE] if kill_at else ["run_benchmark.py"]), *words]

    def _how(self, kill_at: int) -> dict[str, object]:
        threads = {"OMP_NUM_THREADS": "1", "KILL_AT": str(kill_at)}
        return {"cwd": ROOT, "env": os.environ | threads | {"PYTHONWARNINGS": "ignore"}}

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
            with zipfile.ZipFile(path) as file:
                found[name] = [(one.filename, one.CRC) for one in file.infolist()]
            continue
        content = path.read_bytes()
        found[name] = re.sub(rb'"(seconds|fitted|since)": [^,\n]*', b"", content) if path.suffix == ".json" else content
    return found


def differences(wanted: dict[str, object], found: dict[str, object]) -> list[str]:
    """The names of files that lack, are too many, or hold something else."""
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def events(place: Place, command: str) -> int:
    """How often a command opens a file to write, renames, removes or makes something."""
    done = place.call(*place.words(command), kill_at=10**9)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.rsplit("events ", 1)[1])
