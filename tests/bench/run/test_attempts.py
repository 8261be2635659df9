"""A cell that kills the process is tried last and named; Ctrl-C and SIGTERM end a run soon, with a line."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.run.attempts import Attempts
from bench.tasks.local import Task

ROOT = Path(__file__).resolve().parents[3]
HEAD = '''"""Ends the process, or never ends."""

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

from heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Deadly(Head):
    """A head that a library ends.

    Args:
        how: `kill` or `hang`.
    """

    how: str = "kill"

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """Never returns."""
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        while True:
            time.sleep(1)
'''
GRID = """
name: deadly
data: {image_table: {table: t.csv, labels: [y]}}
targets: [y]
sequences: [image]
encoders: [raw_pixels]
heads: [{deadly: {how: HOW}}, logistic]
protocol: {folds: 2}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my" / "heads").mkdir(parents=True)
    (tmp_path / "my" / "heads" / "deadly.py").write_text(HEAD)
    rng = np.random.default_rng(0)
    rows = ["image,patient,y"]
    for i in range(8):
        Image.fromarray(rng.integers(0, 255, (16, 16), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,p{i},{i % 2}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    return tmp_path


def start(folder, how):
    (folder / "g.yaml").write_text(GRID.replace("HOW", how))
    words = [sys.executable, str(ROOT / "run_benchmark.py"), "run", "g.yaml", "--plugins", "my", "--jobs", "1"]
    return subprocess.Popen([*words, "--device", "cpu"], cwd=folder, stderr=subprocess.PIPE, text=True)


def test_a_cell_that_killed_the_process_is_tried_last_and_named(folder):
    for _ in range(2):
        with start(folder, "kill") as process:
            said = process.stderr.read()
        assert process.returncode == -signal.SIGKILL
    assert (
        "deadly(how=kill) on raw_pixels, y was running when an earlier run was killed, which it may or may not have"
        in said
    )
    fits = folder / ".store" / "fits"
    assert len([entry for entry in fits.iterdir() if "." not in entry.name]) == 2 * 3  # logistic, prior, pixels
    words = [sys.executable, str(ROOT / "run_benchmark.py"), "tables", "runs/deadly", "--plugins", "my"]
    table = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert table.returncode == 0 and "logistic" in table.stdout  # the cells that are done have a table


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_a_line_at_once_and_ends_a_head_that_hangs(folder, number):
    with start(folder, "hang") as process:
        notes = folder / "runs" / "deadly" / "attempts"
        while not any("+ deadly" in file.read_text() for file in notes.glob("*.log")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        sent = time.monotonic()
        while process.stderr.readline() != "scangrid: stopped: run the same command again to go on\n":
            assert time.monotonic() - sent < 2
        assert process.wait(10) == 128 + number
        assert "Traceback" not in process.stderr.read()
    assert not Attempts(folder / "runs" / "deadly").suspects  # the user stopped it


def test_a_stop_is_noted_though_no_signal_reaches_the_main_thread(tmp_path):
    code = (
        "import os, signal, threading, time\n"
        "from pathlib import Path\n"
        "from bench import interrupts\n"
        "interrupts.SECONDS = 0.2\n"
        "interrupts.watch()\n"
        f"mark = Path({str(tmp_path / 'mark')!r})\n"
        "with interrupts.calling(mark.touch):\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "    other = threading.Thread(target=lambda: (signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM]),\n"
        "        time.sleep(1), os.kill(os.getpid(), signal.SIGTERM), time.sleep(9)))\n"
        "    other.start()\n"
        "    threading.Event().wait()\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60).returncode == 143
    assert (tmp_path / "mark").exists()


def test_what_was_not_tried_again_stays_noted(tmp_path):
    first, a, b = Attempts(tmp_path), *(Task(name, lambda: None, "cpu") for name in "ab")
    first.started(a)
    first.started(b)
    first.finished(a)
    second = Attempts(tmp_path)
    assert second.sort([a, b]) == ["b"] and (a.last, b.last) == (False, True)
    second.started(a)
    second.stopped()
    second.close()
    third = Attempts(tmp_path)
    assert third.suspects == {"b"}
    third.started(b)
    third.finished(b)
    third.close()
    assert not any(tmp_path.iterdir())
