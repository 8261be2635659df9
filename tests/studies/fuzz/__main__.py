"""Damages sound files, reads them, and counts what happens: `python -m tests.studies.fuzz [N] [SEED] [KIND] ...`.

The counts of each kind of input:

- `harmless`: read, with the sound file's content, or with what an independent reader finds too (a changed pixel in a
  container without checksums can't be seen).
- `named`: refused with a message of one line that names the file.
- `silent`: read otherwise than the sound file, while a checksum, a length or an independent reader objects.
- `traceback`: another exception; `crash`: the process died; `over limit`: more than 10 s of computing, or 60 s in all,
  or more than 2 GiB.

The exit status is 1 if one of the last four is not 0. A seed gives the same inputs.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tabulate import tabulate

from data.files.sums import SUMS, write_sums
from tests.studies.fuzz import folders
from tests.studies.fuzz.damage import BINARY, TEXT, Rng
from tests.studies.fuzz.hostile import odd_json, odd_table, odd_text
from tests.studies.fuzz.images import IMAGES

ROOT = Path(__file__).resolve().parents[3]
SECONDS, IN_ALL, BYTES = 10.0, 60.0, 2 << 30
BAD = ("silent", "traceback", "crash", "over limit")
OUTCOMES = ("harmless", "named", *BAD)
OTHERS = ("csv", "xlsx", "yaml", "run", "model", "run, no sums", "model, own sums")
SOURCES = {"csv": "table.csv", "xlsx": "table.xlsx", "yaml": "grid.yaml"}
MESSAGE = 1500


class Reader:
    """A process that reads inputs; it is started again when it died or was stopped."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def read(self, kind: str, path: Path, to: Path) -> dict[str, Any]:
        """The answer of the process, or `crash` or `over limit`."""
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None and process.stdin is not None
        process.stdin.write(json.dumps({"kind": kind, "path": str(path), "to": str(to)}) + "\n")
        process.stdin.flush()
        its, end = psutil.Process(process.pid), time.monotonic() + IN_ALL
        computed = sum(its.cpu_times()[:2])
        while True:
            try:
                return dict(json.loads(self._lines.get(timeout=0.05)))
            except queue.Empty:
                if process.poll() is not None:
                    self.stop()
                    return {"outcome": "crash", "words": f"exit status {process.returncode}"}
                size, took = its.memory_info().rss, sum(its.cpu_times()[:2]) - computed
                if time.monotonic() > end or took > SECONDS or size > BYTES:
                    self.stop()
                    return {"outcome": "over limit", "words": f"{size / 2**20:.0f} MiB, {took:.0f} s of computing"}

    def stop(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._listening.join()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None

    def _start(self) -> None:
        here = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.studies.fuzz.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=here,
        )
        self._lines = queue.Queue()
        out, lines = self._process.stdout, self._lines
        assert out is not None
        self._listening = threading.Thread(
            target=lambda: [lines.put(line) for line in out if line.startswith("{")], daemon=True
        )
        self._listening.start()
        self.read("warm", Path("none"), Path("none"))


def image_input(kind: str, rng: Rng, folder: Path, reader: Reader) -> tuple[str, str]:
    """The outcome of one damaged image, and words about it."""
    form = IMAGES[kind]
    sound, truth = form.write(rng)
    damage = BINARY if kind in ("png", "jpeg", "tiff", "dicom", "nii.gz") else TEXT
    way = damage[int(rng.integers(len(damage)))]
    data = way(sound, rng)
    path, to = folder / f"input{form.suffix}", folder / "pixels.npy"
    path.write_bytes(data)
    answer = reader.read(kind, path, to)
    if answer["outcome"] != "read":
        return _named(answer, path, way.__name__)
    pixels = np.load(to).astype(np.float64)
    if _same(pixels, truth, form.tolerance):
        return "harmless", ""
    try:
        other = form.independent(data)
    except Exception as error:
        return "silent", f"{way.__name__}: read, but {type(error).__name__}: {error}"
    if _same(pixels, other, form.tolerance):
        return "harmless", ""
    return "silent", f"{way.__name__}: read as {pixels.shape}, independently as {other.shape}"


def other_input(
    kind: str, rng: Rng, project: Path, folder: Path, reader: Reader, sound: dict[str, str]
) -> tuple[str, str]:
    """The outcome of one damaged table, grid, run or model, and words about it."""
    hostile = "," in kind
    source = project / SOURCES.get(kind, kind.partition(",")[0])
    place = folder / source.name
    if source.is_dir():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place)
        files = sorted(path for path in place.rglob("*") if path.is_file() and path.stat().st_size)
        if hostile:
            files = [path for path in files if path.suffix in (".json", ".parquet", ".csv") and path.name[0] != "."]
            files = [path for path in files if "tables" not in path.name]
        path = files[int(rng.integers(len(files)))]
    else:
        path = Path(shutil.copy(source, place))
    if hostile:
        return hostile_input(kind, rng, place, path, reader)
    binary = path.suffix in (".xlsx", ".parquet", ".skops", ".safetensors", ".npz", ".npy", ".png")
    ways = BINARY if binary else TEXT
    way = ways[int(rng.integers(len(ways)))]
    data = way(path.read_bytes(), rng)
    path.write_bytes(data)
    answer = reader.read(kind, place, folder / "pixels.npy")
    about = f"{way.__name__} in {path.relative_to(folder)}"
    if answer["outcome"] != "read":
        return _named(answer, path, about)
    if answer["words"] == sound[kind] or kind == "yaml":
        return "harmless", ""
    try:
        same = kind == "csv" and folders.table_by_hand(data) == answer["words"]
    except Exception as error:
        return "silent", f"{about}: read, but {type(error).__name__}: {error}"
    return ("harmless", "") if same else ("silent", f"{about}: read otherwise")


def hostile_input(kind: str, rng: Rng, place: Path, path: Path, reader: Reader) -> tuple[str, str]:
    """The outcome of a run or a model with a file that somebody has edited who has seen to the sums; words about it.

    Nothing shows that the file is another one. So it may be read, but not end in a traceback.
    """
    edit = {".json": odd_json, ".parquet": odd_table}.get(path.suffix, odd_text)
    data, done = edit(path.read_bytes(), rng)
    path.write_bytes(data)
    about = f"{done} in {path.relative_to(place.parent)}"
    if kind.startswith("model"):
        write_sums(place)
    else:
        (place / SUMS).unlink()
    answer = reader.read(kind, place, place.parent / "none")
    if answer["outcome"] == "read":
        return "harmless", ""
    if answer["outcome"] == "named" and path.name not in answer["words"]:
        return "traceback", f"{about}: the message does not name the file: {answer['words']}"
    return _named(answer, path, about)


def _named(answer: dict[str, Any], path: Path, about: str) -> tuple[str, str]:
    words = answer["words"]
    if answer["outcome"] == "named" and (len(words) > MESSAGE or words.count("\n") > 2 or not words.isprintable()):
        return (
            "traceback",
            f"{about}: a message of {len(words)} characters, {words.count(chr(10))} line ends: {words[:200]!r}",
        )
    return answer["outcome"], f"{about}: {words}"


def _same(first: np.ndarray, second: np.ndarray, tolerance: float) -> bool:
    return first.shape == second.shape and bool(np.abs(first - second).max() <= tolerance)


def inputs(
    n: int, seed: int, folder: Path, reader: Reader, kinds: Sequence[str] = ()
) -> Iterator[tuple[str, str, str]]:
    """Kind, outcome and words of each of n inputs; the kinds take turns."""
    project = folder / "project"
    project.mkdir()
    folders.make(project)
    sound = {}
    for kind in OTHERS:
        name = SOURCES.get(kind, kind.partition(",")[0])
        answer = reader.read(kind, project / name, folder / "pixels.npy")
        if answer["outcome"] != "read":
            raise RuntimeError(f"the sound {kind} is not read: {answer['words']}")
        sound[kind] = answer["words"]
    kinds = kinds or [*IMAGES, *OTHERS]
    for i in range(n):
        kind, rng = kinds[i % len(kinds)], np.random.default_rng([seed, i])
        made = (
            image_input(kind, rng, folder, reader)
            if kind in IMAGES
            else other_input(kind, rng, project, folder, reader, sound)
        )
        yield kind, *made


def main(n: int = 2000, seed: int = 0, *kinds: str) -> int:
    """Prints a row for each kind of input, and what went wrong; some kinds, or all."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in (*IMAGES, *OTHERS)}
    wrong: list[str] = []
    reader = Reader()
    with tempfile.TemporaryDirectory() as place:
        for i, (kind, outcome, words) in enumerate(inputs(n, seed, Path(place), reader, kinds)):
            counts[kind][outcome] += 1
            if outcome in BAD:
                wrong.append(f"{i} {kind}, {outcome}: {words}")
                print(wrong[-1], file=sys.stderr, flush=True)
        reader.stop()
    rows = [[kind, sum(found.values()), *(found[name] for name in OUTCOMES)] for kind, found in counts.items()]
    rows.append(["all", *(sum(int(row[k]) for row in rows) for k in range(1, len(OUTCOMES) + 2))])
    print(tabulate(rows, ["input", "tried", *OUTCOMES]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3]), *sys.argv[3:]))
