"""The graph of tasks: order, lanes, failures."""

import itertools
import os
import threading
import time
from pathlib import Path

import pytest

from bench.tasks.local import Task, Watcher, execute


class Log(Watcher):
    def __init__(self):
        self.events = []
        self.lock = threading.Lock()

    def started(self, task):
        with self.lock:
            self.events.append(("start", task.name))

    def finished(self, task):
        with self.lock:
            self.events.append(("end", task.name))


def nap():
    time.sleep(0.02)


def overlaps(events):
    """The pairs of tasks that ran at the same time."""
    running, pairs = set(), set()
    for what, name in events:
        if what == "start":
            pairs |= {frozenset((name, other)) for other in running}
            running.add(name)
        else:
            running.discard(name)
    return pairs


@pytest.mark.parametrize("overlap", [True, False])
def test_tasks_run_once_after_what_they_wait_for(overlap):
    ran = []
    first = Task("a", lambda: ran.append("a"), "torch")
    second = Task("b", lambda: ran.append("b"), "cpu", after=(first,))
    third = Task("c", lambda: ran.append("c"), "torch", after=(second, first))
    execute([third, second, first], jobs=2, overlap=overlap, watcher=Watcher())
    assert ran == ["a", "b", "c"]


def test_on_a_cpu_the_lanes_take_turns_and_torch_runs_alone():
    log = Log()
    tasks = [Task(f"t{i}", nap, "torch", order=(i,)) for i in range(3)]
    tasks += [Task(f"c{i}", nap, "cpu", after=(tasks[i % 3],), order=(9, i)) for i in range(6)]
    execute(tasks, jobs=2, overlap=False, watcher=log)
    pairs = overlaps(log.events)
    assert pairs
    assert all({name[0] for name in pair} == {"c"} for pair in pairs)


def test_with_a_gpu_the_lanes_overlap_and_torch_still_runs_one_at_a_time():
    log = Log()
    tasks = [Task(f"t{i}", nap, "torch") for i in range(4)] + [Task(f"c{i}", nap, "cpu") for i in range(4)]
    execute(tasks, jobs=2, overlap=True, watcher=log)
    pairs = overlaps(log.events)
    assert any({name[0] for name in pair} == {"c", "t"} for pair in pairs)
    assert not any({name[0] for name in pair} == {"t"} for pair in pairs)


def test_no_more_than_jobs_run_at_a_time():
    running, most, lock = itertools.count(), [0], threading.Lock()
    active = set()

    def work():
        me = next(running)
        with lock:
            active.add(me)
            most[0] = max(most[0], len(active))
        nap()
        with lock:
            active.discard(me)

    execute([Task(str(i), work, "cpu") for i in range(12)], jobs=3, overlap=False, watcher=Watcher())
    assert most[0] == 3


def test_a_failure_fails_what_waits_for_it_and_nothing_else():
    def fail():
        raise ValueError("no")

    broken = Task("broken", fail, "torch")
    waits = Task("waits", nap, "cpu", after=(broken,))
    waits_too = Task("waits too", nap, "cpu", after=(waits,))
    fine = Task("fine", nap, "cpu")
    log = Log()
    execute([broken, waits, waits_too, fine], jobs=2, overlap=False, watcher=log)
    assert broken.error == "ValueError: no"
    assert waits.error == "broken: ValueError: no"
    assert waits_too.error and "ValueError" in waits_too.trace
    assert fine.error == ""
    assert sorted(name for what, name in log.events if what == "end") == ["broken", "fine", "waits", "waits too"]


def test_ten_thousand_tasks_are_scheduled_in_seconds():
    tasks = [Task(str(i), lambda: None, "cpu", order=(i,)) for i in range(10_000)]
    start = time.perf_counter()
    execute(tasks, jobs=2, overlap=False, watcher=Watcher())
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), GeneratorExit(), BaseException("gone")])
def test_whatever_a_task_raises_fails_that_task_alone(error):
    def fail():
        raise error

    ran = []
    failed = Task("a", fail, "cpu", order=(0,))
    tasks = [failed, Task("b", lambda: ran.append("b"), "cpu", order=(1,)), Task("c", nap, "cpu", after=(failed,))]
    execute(tasks, jobs=1, overlap=False, watcher=Watcher())
    assert ran == ["b"] and failed.error.startswith(type(error).__name__) and failed.error in tasks[2].error


@pytest.mark.parametrize("overlap", [True, False])
def test_tasks_that_are_last_run_alone_after_all_others(overlap):
    log = Log()
    tasks = [Task(f"last{i}", nap, lane, order=(0,), last=True) for i, lane in enumerate(["torch", "cpu", "cpu"])]
    tasks += [Task(f"t{i}", nap, "torch", order=(1,)) for i in range(2)]
    tasks += [Task(f"c{i}", nap, "cpu", after=(tasks[-1],), order=(1,)) for i in range(3)]
    execute(tasks, jobs=2, overlap=overlap, watcher=log)
    started = [name for what, name in log.events if what == "start"]
    assert len(started) == 8 and {name[:4] for name in started[-3:]} == {"last"}
    assert not any("last" in name for pair in overlaps(log.events) for name in pair)


class SpeechlessError(Exception):
    """An error whose text can't be made."""

    def __str__(self):
        raise ZeroDivisionError


def test_a_reason_is_one_line_that_can_be_written_whatever_was_raised():
    def raising(error):
        def run():
            raise error

        return run

    odd = "=cmd|x\n<script>\x00\x1b[31m" + "a" * 5000
    tasks = [Task("speechless", raising(SpeechlessError()), "cpu"), Task("odd", raising(ValueError(odd)), "cpu")]
    execute(tasks, jobs=1, overlap=False, watcher=Watcher())
    assert tasks[0].error == "SpeechlessError: its message can't be made (ZeroDivisionError)"
    assert tasks[1].error.startswith(r"ValueError: =cmd|x <script>\x00\x1b[31maaa")
    assert tasks[1].error.isprintable() and len(tasks[1].error) < 2100


def test_a_step_that_leaves_the_folder_of_the_run_fails_and_the_others_stay_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "away").mkdir()
    seen = []
    tasks = [
        Task("leaves", lambda: os.chdir("away"), "cpu", order=(1,)),
        Task("stays", lambda: seen.append(Path.cwd()), "cpu", order=(2,)),
    ]
    execute(tasks, jobs=1, overlap=False, watcher=Watcher())
    assert "away, but a step must stay" in tasks[0].error and not tasks[1].error
    assert seen == [Path.cwd()] == [tmp_path]
