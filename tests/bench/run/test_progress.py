"""What a run says while it goes on: cells, time left, step, fold and epoch; the totals at its end."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.run.pace import Pace, Running
from bench.run.progress import Progress, ProgressError
from bench.tasks.local import Task, execute
from data.describing.training import tell_progress

ROOT = Path(__file__).resolve().parents[3]
GRID = """
name: piped
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t2]
regions: [mask]
images: [grayscale]
encoders: [cae_2d: {{size: 16, channels: [8, 16], latent: 4, steps: 200, validation: 0.0}}]
heads: [logistic]
protocol: {{folds: 2}}
"""


@pytest.mark.long
def test_a_run_in_a_pipe_says_where_it_is_and_ends_with_the_totals(phantom, tmp_path):
    (tmp_path / "grid.yaml").write_text(GRID.format(folder=phantom))
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_benchmark.py"), "run", "grid.yaml", "--device", "cpu", "--jobs", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"SCANGRID_PROGRESS_SECONDS": "0.1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    training = re.compile(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d of 5 cells done(?: \| at least [\w ]+ left)? \| "
        r"training encoders, (\d) of 2 done: now cae_2d\(.*\) on t2, grayscale, repeat 0 fold (\d), step (\d+) of 200"
    )
    found = [tuple(map(int, match.groups())) for line in lines if (match := training.fullmatch(line))]
    assert found == sorted(found) and {(done, fold) for done, fold, _ in found} == {(0, 0), (1, 1)}
    assert re.fullmatch(
        r"finished after [\w ]+ \| 5 of 5 cells done \| time of all tasks together: .*training encoders [\w ]+.*",
        lines[-1],
    )


def test_the_interval_is_a_minute_and_the_environment_can_change_it(monkeypatch):
    monkeypatch.delenv("SCANGRID_PROGRESS_SECONDS", raising=False)
    assert Progress()._every == 60
    monkeypatch.setenv("SCANGRID_PROGRESS_SECONDS", "3600")
    assert Progress()._every == 3600
    for wrong in ("often", "0", "nan"):
        monkeypatch.setenv("SCANGRID_PROGRESS_SECONDS", wrong)
        with pytest.raises(ProgressError, match=rf"SCANGRID_PROGRESS_SECONDS \({wrong}\) must be a number of seconds"):
            Progress()


def test_lines_come_in_a_terminal_and_in_a_pipe_with_the_same_numbers():
    progress, lines = Progress(live=False), []
    progress.cells.update({"done": 3, "to do": 5, "failed": 1})

    def train():
        tell_progress("start", 1, 3)
        tell_progress("epoch", 5, 10)
        lines.append(progress.line())

    tasks = [Task("cnn on t2, repeat 0 fold 4", train, "torch", kind="training encoders")]
    progress.expect(tasks)
    execute(tasks, jobs=1, overlap=False, watcher=progress)
    assert lines == [
        "3 of 9 cells done, 1 failed | training encoders, 0 of 1 done: "
        "now cnn on t2, repeat 0 fold 4, start 2 of 3, epoch 5 of 10"
    ]
    assert progress.line() == "3 of 9 cells done, 1 failed"


def test_outside_a_run_nobody_hears_a_training():
    tell_progress("epoch", 1, 2)


def done(kind, like, seconds, lane="cpu"):
    return Task(like, lambda: None, lane, kind=kind, like=like, seconds=seconds)


def test_the_time_left_is_the_mean_of_tasks_alike_times_those_that_are_left():
    pace = Pace(jobs=2)
    fits = [done("fitting", "svc", 3.0) for _ in range(10)] + [done("fitting", "knn", 1.0) for _ in range(4)]
    pace.expect([*fits, *(done("embedding", "cnn", 7.0, "torch") for _ in range(2))])
    assert pace.left([]) == (0.0, False)
    for task in fits[:2]:
        pace.finished(task)
    assert pace.left([]) == ((8 * 3 + 4 * 3) / 2, False)  # knn is taken as long as its kind until one has ended
    pace.finished(fits[-1])
    pace.finished(done("embedding", "cnn", 7.0, "torch"))
    assert pace.left([]) == ((8 * 3 + 3 * 1) / 2 + 7, True)
    pace.expect([], overlap=True)
    assert pace.left([]) == (0.0, True)
    assert pace.seconds() == {"fitting": 7.0, "embedding": 7.0}


def test_lanes_side_by_side_take_as_long_as_the_longer_one():
    pace = Pace(jobs=4)
    pace.expect([done("fit", "svc", 3.0) for _ in range(9)] + [done("embed", "cnn", 7.0, "torch")] * 3, overlap=True)
    pace.finished(done("fit", "svc", 3.0))
    pace.finished(done("embed", "cnn", 7.0, "torch"))
    assert pace.left([]) == (14.0, True)


def test_what_a_training_has_done_tells_what_it_still_takes():
    one = Running("cnn", done("training", "cnn", 0.0, "torch"))
    one.began = one.part = time.perf_counter() - 6
    assert one.left() is None
    one.count("start", 1, 3)
    one.count("epoch", 5, 10)  # 1/3 + 1/3 x 1/2 = 1/2
    assert one.left() == pytest.approx(6, rel=0.01)
    one.count("start", 2, 3)
    assert one.words() == "start 2 of 3"
    pace = Pace(jobs=1)
    pace.expect([one.task, *(done("training", "cnn", 0.0, "torch") for _ in range(2))])
    assert pace.left([one])[0] == pytest.approx(3 + 2 * 9, rel=0.01)  # 6 s for two thirds: 9 s for each


def test_a_task_that_never_ran_measures_nothing():
    pace = Pace(jobs=1)
    pace.expect([done("fitting", "svc", 4.0) for _ in range(3)])
    pace.finished(done("fitting", "svc", 4.0))
    pace.finished(done("fitting", "svc", 0.0))
    assert pace.left([]) == (4.0, True)


def test_the_time_at_the_end_is_that_of_the_command(monkeypatch):
    """A command may read and plan for long before it shows anything."""
    lines, now = [], [100.0]
    monkeypatch.setattr("bench.run.progress.time.perf_counter", lambda: now[0])
    progress = Progress(live=False, show=lines.append)
    now[0] = 118.0
    with progress.shown():
        progress.begin_images("comparing scans", 1)
        now[0] = 120.0
        progress.images()
    assert lines[-1].startswith("finished after 20 s |")


def test_what_is_counted_is_named():
    progress = Progress(live=False, show=[].append)
    progress.begin_images("comparing scans that look alike", 412, "pair")
    progress.images(69)
    assert progress.line().endswith("comparing scans that look alike, pair 69 of 412")
