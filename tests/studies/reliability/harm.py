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

from data import ScangridError
from results.artifacts import read_artifacts
from results.run_folder import read
from results.run_sums import check_run_files
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


def kills_of_more(folder: Path, times: int, seed: int) -> Counter[str]:
    """Kills a run that adds cells to a finished one, each time at another event; its folder must be readable then."""
    rng, count = random.Random(seed), Counter[str]()
    first = make(folder / "first")
    first.call(*first.words("run"))
    more = (first.folder / "grid.yaml").read_text().replace("[logistic]", "[logistic, knn: {neighbours: 3}]")
    whole = Place(shutil.copytree(first.folder, folder / "whole"))
    (whole.folder / "grid.yaml").write_text(more)
    total, wanted = events(whole, "run"), whole.state()
    for at in sorted(rng.sample(range(1, total + 1), min(times, total))):
        place = Place(shutil.copytree(first.folder, folder / "again"))
        (place.folder / "grid.yaml").write_text(more)
        place.call(*place.words("run"), kill_at=at)
        count["kills of a run with more cells"] += 1
        try:
            read_all(place.folder / "runs" / "tiny")
        except ScangridError as error:
            print(f"  killed at {at}: {error}")
            count["more cells: LOST, not readable"] += 1
        count += ended(place, "run", wanted, place.state)
        shutil.rmtree(place.folder)
    return count


PHANTOMS = (
    ["--layout", "spider", "--patients", "2", "--sequences", "t2"],
    ["--layout", "rsna", "--patients", "1"],
    ["--layout", "oai", "--patients", "1", "--size", "8,16,16"],
    ["--layout", "lesions", "--patients", "2"],
)


def kills_of_phantom(folder: Path, times: int, seed: int) -> Counter[str]:
    """Kills `phantom` in up to as many layouts; there must be no folder then, or a whole one."""
    rng, count = random.Random(seed), Counter[str]()
    place = Place(folder)
    for number, options in enumerate(PHANTOMS[:times]):
        to = folder / f"phantom{number}"
        done = place.call("phantom", str(to), *options)
        total, wanted = int(done.text.rsplit("events ", 1)[1]), contents(to)
        for at in [total, *rng.sample(range(1, total), times - 1)]:
            shutil.rmtree(to, ignore_errors=True)
            place.call("phantom", str(to), *options, kill_at=at)
            count["kills of phantom"] += 1
            if to.exists() and differences(wanted, contents(to)):
                count["phantom: LOST"] += 1
            if not to.exists():
                place.call("phantom", str(to), *options)
            count["phantom: LOST" if differences(wanted, contents(to)) else "phantom: whole in the end"] += 1
    return count


def read_all(run: Path) -> None:
    """Reads all that later commands read of a run folder; raises where a file is not the one that was written."""
    opened = read(run)
    for cell in opened.cells:
        if cell.status == "done":
            opened.predictions(cell)
            for each in (opened.null(cell), opened.refits(cell)):
                list(each)
    read_artifacts(run)
    check_run_files(run, "panels")
    if (run / "external").is_dir():
        read_all(run / "external")


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
