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
    """Kills `run` again and again, and lets it end after every fourth start."""
    rng, count = random.Random(seed), Counter[str]()
    whole = make(folder / "whole")
    began = time.perf_counter()
    total = events(whole, "run")
    seconds = time.perf_counter() - began
    wanted = whole.state()
    while count["kills of run"] < times:
        place, left = make(folder / "again"), total
        shutil.copy(whole.folder / "grid.yaml", place.folder)
        for _ in range(4):
            at = rng.randint(1, left)  # a start after a kill has less to do
            if rng.random() < by_clock:
                process = place.start(*place.words("run"))
                if not process.wait(seconds * at / total):
                    process.kill()
            else:
                process = place.call(*place.words("run"), kill_at=at)
            died = process.code == -signal.SIGKILL
            count["kills of run" if died else "ended before the kill"] += 1
            left = max(left - at // 2, total // 5)
        count += ended(place, "run", wanted, place.state)
        count["drafts left in the store"] += len(place.drafts())
        count["entries set aside"] += len(list(place.folder.glob("store/damaged/*")))
        shutil.rmtree(place.folder)
    return count


def ended(place: Place, command: str, wanted: Contents, state: Callable[[], Contents]) -> Counter[str]:
    """Gives a command again to its end; counts whether it left what an undisturbed one leaves."""
    done = place.call(*place.words(command))
    away = differences(wanted, state()) if done.code == 0 else [f"exit {done.code}: {done.text[-300:]}"]
    for name in away:
        print(f"  {command}: {name}")
    return Counter({f"{command}: resumed alike": int(not away), f"{command}: LOST": int(bool(away))})


def kills_of(command: str, folder: Path, times: int, seed: int) -> Counter[str]:
    """Kills `report` or `fit` of a finished run, each time at another event of the file system, and gives it again."""
    rng, count = random.Random(seed), Counter[str]()
    place = make(folder)
    place.call(*place.words("run"))
    output = place.folder / ("model" if command == "fit" else "runs/tiny")
    events(place, command)
    wanted = contents(output)
    if command == "fit":
        shutil.rmtree(output)
    total = events(place, command)  # of a call that finds what the first one has stored
    report = output / "report.html"
    while count[f"kills of {command}"] < times:
        if command == "fit" and output.exists():
            shutil.rmtree(output)
        died = place.call(*place.words(command), kill_at=rng.randint(1, total)).code == -signal.SIGKILL
        count[f"kills of {command}" if died else "ended before the kill"] += 1
        if command == "report" and not report.read_text().rstrip().endswith("</html>"):
            count["report: LOST"] += 1
        if command == "fit" and output.exists() and (away := differences(wanted, contents(output))):
            count["fit: LOST"] += 1
            print(f"  fit, killed: {away}")
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
            last = next((line for line in done.text.splitlines()[::-1] if line.startswith("scangrid: ")), "")
            kind = f"exit {done.code}" + (", TRACEBACK" if "Traceback" in done.text else "")
            count[f"full disk: {kind}"] += 1
            print(f"  {room} KiB: {kind}: {last[-200:]}")
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            again = place.call(*words)
            away = differences(wanted, place.state()) if again.code == 0 else [again.text[-300:]]
            for name in away:
                print(f"  after room was made: {name}")
            count["full disk: resumed alike" if not away else "full disk: LOST"] += 1
    return count


def shared(folder: Path, processes: int) -> Counter[str]:
    """Starts runs at once on one store, each with its own run folder, and two more of one name."""
    count = Counter[str]()
    place = make(folder)
    names = [*(f"runs{i}" for i in range(processes)), "runs0"]
    started = [place.start(*place.words("run", run=name)) for name in names]
    codes = [process.code for process in started if process.wait()]
    errors = [process.text for process in started]
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
        noticed = "is damaged" in done.text
        away = [done.text[-300:]] if done.code else differences(wanted, place.state(f"runs{number}"))
        for name in away:
            print(f"  {how} {path.parent.parent.name}/{path.name}: {name}")
        count["damages: LOST" if away else "damages: noticed and made again" if noticed else "damages: not read"] += 1
        if not noticed:
            path.write_bytes(content)
        shutil.rmtree(place.folder / f"runs{number}")
    return count
