"""The store holds only whole entries, and removes drafts of dead processes alone."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.tasks import heartbeat
from bench.tasks.store import Store, StoreError

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys, time
from pathlib import Path
from bench.tasks.store import Store
(Store(Path(sys.argv[1])).draft("fits", "k") / "half").write_text("x")
print("drafted", flush=True)
time.sleep(60)
"""


def write(text):
    return lambda folder: (folder / "data").write_text(text)


def put(folder):
    """An entry with an array, a text and a file in a folder of it."""

    def fill(draft):
        np.save(draft / "values.npy", np.arange(50.0))
        (draft / "inner").mkdir()
        (draft / "inner" / "text.json").write_text('{"a": 1}')

    return Store(folder).put("fits", "k", fill, {"head": "svc"})


def test_an_entry_is_found_with_a_note_of_what_made_it(tmp_path):
    store = Store(tmp_path)
    assert store.find("fits", "k") is None
    assert store.keys("fits") == set()
    (tmp_path / "fits").mkdir()
    assert store.find("fits", "") is None, "the folder of a kind is no entry"
    entry = store.put("fits", "k", write("one"), {"head": "svc"})
    assert store.find("fits", "k") == entry
    assert store.keys("fits") == {"k"}
    assert json.loads((entry / "made_by.json").read_text()) == {"head": "svc", "sums": "sums.json"}


def test_the_first_writer_wins(tmp_path):
    store = Store(tmp_path)
    draft = store.draft("fits", "k")
    store.put("fits", "k", write("first"), {})
    (draft / "data").write_text("second")
    assert (store.commit(draft, {}) / "data").read_text() == "first"
    assert [p.name for p in (tmp_path / "fits").iterdir()] == ["k"]


def test_a_damaged_first_writer_does_not_win(tmp_path, capsys):
    (put(tmp_path) / "values.npy").unlink()
    store = Store(tmp_path)
    entry = store.put("fits", "k", write("second"), {})
    assert store.find("fits", "k") == entry and (entry / "data").read_text() == "second"
    assert "values.npy is missing" in capsys.readouterr().err


def test_a_draft_is_no_entry_and_a_failed_one_is_removed(tmp_path):
    store = Store(tmp_path)
    store.draft("fits", "k")
    assert store.find("fits", "k") is None
    assert store.keys("fits") == set()

    def fail(folder):
        (folder / "half").write_text("x")
        raise OSError("no such luck")

    with pytest.raises(OSError, match="no such luck"):
        store.put("fits", "other", fail, {})
    assert len(list((tmp_path / "fits").iterdir())) == 1  # only the draft of k


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [flip, cut, empty, Path.unlink])
@pytest.mark.parametrize("name", ["values.npy", "inner/text.json", "made_by.json", "sums.json"])
def test_every_damage_of_every_file_is_noticed_said_and_set_aside(tmp_path, harm, name):
    harm(put(tmp_path) / name)
    said = []
    store = Store(tmp_path, say=said.append)
    assert store.find("fits", "k") is None
    assert store.keys("fits") == set() and len(list((tmp_path / "damaged").iterdir())) == 1
    assert len(said) == 1 and "is damaged" in said[0] and str(tmp_path / "fits" / "k") in said[0]
    assert store.put("fits", "k", write("again"), {}) == store.find("fits", "k")


def test_an_entry_under_the_name_of_another_is_noticed(tmp_path):
    store, said = Store(tmp_path), []
    one = store.put("fits", "k", write("one"), {})
    other = store.put("fits", "l", write("two"), {})
    one.rename(tmp_path / "kept")
    other.rename(one)
    (tmp_path / "kept").rename(other)
    again = Store(tmp_path, say=said.append)
    assert again.find("fits", "k") is None and again.find("fits", "l") is None
    assert len(said) == 2 and "it is the entry fits/l under another name" in said[0]


@pytest.mark.parametrize("name", ["made_by.json", "sums.json"])
def test_a_file_that_is_nested_too_deeply_is_damaged(tmp_path, name):
    (put(tmp_path) / name).write_text("[" * 100_000)
    assert Store(tmp_path, say=lambda line: None).find("fits", "k") is None


def test_what_is_not_read_is_not_compared_unless_all_is_verified(tmp_path):
    flip(put(tmp_path) / "values.npy")
    store = Store(tmp_path, say=lambda line: None)
    assert store.note("fits", "k")["head"] == "svc"
    assert store.find("fits", "k") is None
    flip(put(tmp_path) / "values.npy")
    assert Store(tmp_path, verify=True, say=lambda line: None).note("fits", "k") is None


def test_an_entry_of_an_earlier_version_is_used_as_long_as_its_files_open(tmp_path):
    entry = tmp_path / "fits" / "k"
    entry.mkdir(parents=True)
    np.save(entry / "values.npy", np.zeros((0, 3)))
    np.savez(entry / "index.npz", a=np.arange(3))
    (entry / "made_by.json").write_text('{"seconds": 1}')
    assert Store(tmp_path).find("fits", "k") == entry
    cut(entry / "values.npy")
    assert Store(tmp_path, say=lambda line: None).find("fits", "k") is None


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(OSError, match="store"):
        Store(tmp_path / "store").draft("fits", "k")
    draft = Store(tmp_path / "other").draft("fits", "k")

    def full(folder):
        with Path("/dev/full").open("wb") as file:
            np.zeros(100_000).tofile(file)  # whose error has no number

    if Path("/dev/full").exists():
        with pytest.raises(StoreError, match="other: the disk is full"):
            Store(tmp_path / "other").put("fits", "other", full, {})
        assert list(draft.parent.iterdir()) == [draft]


def test_the_draft_of_a_living_process_stays_however_old_and_goes_once_it_is_killed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "drafted\n"
        (draft,) = (tmp_path / "fits").iterdir()
        for path in (draft / "half", draft):
            os.utime(path, (0, 0))  # the folder of a draft keeps its time while files in it grow
        assert Store(tmp_path).sweep() == 0 and draft.is_dir()
        process.kill()
        process.wait()
        assert Store(tmp_path).sweep() == 1 and not draft.exists()
        assert not list((tmp_path / "alive").glob(f"{draft.name.split('.')[1].split('-')[0]}*"))
    finally:
        process.kill()
        process.communicate()


def test_a_process_elsewhere_lives_as_long_as_its_number_rises(tmp_path):
    owner = "0" * 32
    drafts = {"fits/k.0": owner}
    sign = tmp_path / "alive" / f"{owner}.json"
    sign.parent.mkdir()
    for hour in range(50):  # by this machine's own clock, whatever the other one's says
        sign.write_text(json.dumps({"number": hour, "machine": "elsewhere", "pid": 1, "started": 0}))
        assert heartbeat.dead(tmp_path, drafts, now=hour * 4000.0) == set()
    assert heartbeat.dead(tmp_path, drafts, now=49 * 4000 + 3500.0) == set()
    assert heartbeat.dead(tmp_path, drafts, now=49 * 4000 + 3700.0) == set(drafts)
    assert not sign.exists()


def test_a_draft_without_any_sign_is_watched_for_a_day(tmp_path):
    drafts = {"fits/k.0": "0" * 32}
    assert heartbeat.dead(tmp_path, drafts, now=0.0) == set()
    assert heartbeat.dead(tmp_path, drafts, now=86000.0) == set()
    assert heartbeat.dead(tmp_path, drafts, now=87000.0) == set(drafts)


def test_the_number_rises_while_a_process_works(tmp_path):
    often = WRITER.replace(
        "import sys, time", "import sys, time\nfrom bench.tasks import heartbeat\nheartbeat.EVERY = 0.05"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", often, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "drafted\n"
        (sign,) = (tmp_path / "alive").glob("*.json")
        end = time.monotonic() + 20
        while json.loads(sign.read_text())["number"] < 3 and time.monotonic() < end:
            time.sleep(0.05)
        assert json.loads(sign.read_text())["number"] >= 3
    finally:
        process.kill()
        process.communicate()


def test_sweep_takes_only_what_has_the_name_of_a_draft(tmp_path):
    mine = tmp_path / "phantom" / "scans.v1"
    mine.mkdir(parents=True)
    os.utime(mine, (0, 0))
    assert Store(tmp_path).sweep() == 0 and mine.is_dir()
    shutil.rmtree(tmp_path)
    assert Store(tmp_path).sweep() == 0
