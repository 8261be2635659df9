"""Kills, full disks, damage, and several processes at once: what they leave of a run, a report, a model and a store."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.studies.reliability.place import Place, contents, differences, events, make

Contents = dict[str, object]


def kills_of_run(folder: Path, times: int, seed: int, *, by_clock: float = 0.5) -> Counter[str]:
    """Kills `run` again and again, and lets it end after every fourth kill."""
    rng, count = random.Random(seed), Counter[str]()
    whole = make(folder / "whole")
    total = events(whole, "run")
    began = time.perf_counter()
    whole.call(*whole.words("run"))
    start = time.perf_counter() - began  # of a run that has nothing to do: half of a full one here
    wanted = whole.state()
    for number in range(0, times, 4):
        place = make(folder / f"of {number}")
        shutil.copy(whole.folder / "grid.yaml", place.folder)
        for _ in range(min(4, times - number)):
            if rng.random() < by_clock:
                died = place.killed_after(place.words("run"), rng.uniform(0.3, 2.5) * start)
            else:
                died = place.call(*place.words("run"), kill_at=rng.randint(1, total)).returncode == -signal.SIGKILL
            count["kills of run" if died else "ended before the kill"] += 1
        count += ended(place, "run", wanted, place.state)
        count["drafts left in the store"] += len(place.drafts())
        count["entries set aside"] += len(list(place.folder.glob("store/damaged/*")))
        shutil.rmtree(place.folder)
    return count


def ended(place: Place, command: str, wanted: Contents, state: Callable[[], Contents]) -> Counter[str]:
    """Gives a command again to its end; counts whether it left what an undisturbed one leaves."""
    done = place.call(*place.words(command))
    away = differences(wanted, state()) if done.returncode == 0 else [f"exit {done.returncode}: {done.stderr[-300:]}"]
    for name in away:
        print(f"  {command}: {name}")
    return Counter({f"{command}: resumed alike": int(not away), f"{command}: LOST": int(bool(away))})


def kills_of(command: str, folder: Path, times: int, seed: int) -> Counter[str]:
    """Kills `report` or `fit` of a finished run, each time at another event of the file system, and gives it again."""
    rng, count = random.Random(seed), Counter[str]()
    place = make(folder)
    place.call(*place.words("run"))
    output = place.folder / ("model" if command == "fit" else "runs/tiny")
    total = events(place, command)
    wanted = contents(output)
    report = output / "report.html"
    for _ in range(times):
        if command == "fit":
            shutil.rmtree(output)
        died = place.call(*place.words(command), kill_at=rng.randint(1, total)).returncode == -signal.SIGKILL
        count[f"kills of {command}" if died else "ended before the kill"] += 1
        if command == "report" and not report.read_text().rstrip().endswith("</html>"):
            count["report: LOST"] += 1
        if command == "fit" and output.exists() and differences(wanted, contents(output)):
            count["fit: LOST"] += 1
        if command == "fit" and output.exists():
            shutil.rmtree(output)
        count += ended(place, command, wanted, lambda: contents(output))
    return count


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[None]:
    """A real file system of its own, in memory, with so much room; needs the right to mount."""
    folder.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)], check=True, capture_output=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def full_disk(folder: Path, rooms: Sequence[int]) -> Counter[str]:
    """Runs on a disk that is full after so many KiB; then makes room and gives the same command again."""
    count = Counter[str]()
    whole = make(folder / "whole")
    whole.call(*whole.words("run"))
    wanted = whole.state()
    for room in rooms:
        disk = folder / f"of {room}"
        with small_disk(disk, room):
            place = Place(disk)
            (folder / "grid.yaml").write_bytes((whole.folder / "grid.yaml").read_bytes())
            words = place.words("run")
            words[1] = str(whole.folder / "grid.yaml")
            done = place.call(*words)
            last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""
            kind = f"exit {done.returncode}" + (", TRACEBACK" if "Traceback" in done.stderr else "")
            count[f"full disk: {kind}"] += 1
            print(f"  {room} KiB: {kind}: {last[-200:]}")
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            again = place.call(*words)
            away = differences(wanted, place.state()) if again.returncode == 0 else [again.stderr[-300:]]
            for name in away:
                print(f"  after room was made: {name}")
            count["full disk: resumed alike" if not away else "full disk: LOST"] += 1
    return count


def shared(folder: Path, processes: int) -> Counter[str]:
    """Starts runs at once on one store, each with its own run folder, and two more of one name."""
    count = Counter[str]()
    place = make(folder)
    started = [
        subprocess.Popen(
            place._start(place.words("run", run=name), 0), **place._how(0), stdout=-3, stderr=-1, text=True
        )
        for name in [*(f"runs{i}" for i in range(processes)), "runs0"]
    ]
    errors = [process.communicate()[1] for process in started]
    codes = [process.returncode for process in started]
    twins = sorted([codes[0], codes[-1]])
    refused = "is being written by another run" in errors[0] + errors[-1]
    count["of two runs of one name, the second was refused"] += int(twins == [0, 2] and refused)
    count["of two runs of one name, the second came later"] += int(twins == [0, 0])
    wanted = place.state("runs1")
    for i, code in enumerate(codes[1:-1], 1):
        away = [errors[i][-300:]] if code else differences(wanted, place.state(f"runs{i}"))
        count["one store: alike" if not away else "one store: LOST"] += 1
        for name in away:
            print(f"  process {i}: {name}")
    count["one store: alike"] += int(not differences(wanted, place.state("runs0")))
    count["drafts left in the store"] += len(place.drafts())
    count["entries set aside"] += len(list(place.folder.glob("store/damaged/*")))
    return count


def damages(folder: Path, times: int, seed: int) -> Counter[str]:
    """Damages a file of the store, and runs into a new run folder, which reads every fit."""
    rng, count = random.Random(seed), Counter[str]()
    place = make(folder)
    place.call(*place.words("run"))
    wanted = place.state()
    kinds = ("folds", "fits", "crops", "tokens")
    for number in range(times):
        files = sorted(path for kind in kinds for path in place.folder.glob(f"store/{kind}/*/*") if path.stat().st_size)
        path = rng.choice(files)
        how = rng.choice(["flipped", "cut", "emptied", "removed"])
        content = path.read_bytes()
        at = rng.randrange(len(content))
        new = {"flipped": content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]}
        new |= {"cut": content[:at], "emptied": b"", "removed": b""}
        path.write_bytes(new[how]) if how != "removed" else path.unlink()
        done = place.call(*place.words("run", run=f"runs{number}"), *(["--verify"] if number % 2 else []))
        noticed = "is damaged" in done.stderr
        away = [done.stderr[-300:]] if done.returncode else differences(wanted, place.state(f"runs{number}"))
        for name in away:
            print(f"  {how} {path.parent.parent.name}/{path.name}: {name}")
        count["damages: LOST" if away else "damages: noticed and made again" if noticed else "damages: not read"] += 1
        if not noticed:
            path.write_bytes(content)
        shutil.rmtree(place.folder / f"runs{number}")
    return count
