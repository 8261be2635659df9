"""What was made of files is remembered as long as the files stay as they are."""

import os

import pytest

from bench.plan import file_memory
from bench.plan.file_memory import FileDigests, digest_of


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Files count as settled at once, so that the memory is what a test sees."""
    monkeypatch.setattr(file_memory, "SETTLED_NS", 0)


def remembered(memory, path, **how):
    digests = FileDigests(memory, **how)
    found = digests(path)
    digests.save()
    return found


def test_a_file_changed_in_place_with_the_same_size_and_time_is_noticed(tmp_path):
    path, memory = tmp_path / "scan.png", tmp_path / "files.json"
    path.write_bytes(b"one")
    before = path.stat()
    first = remembered(memory, path)
    with path.open("r+b") as file:
        file.write(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert remembered(memory, path) == digest_of(path) != first


def test_with_anew_every_file_is_read_again(tmp_path, monkeypatch):
    path, memory = tmp_path / "scan.png", tmp_path / "files.json"
    path.write_bytes(b"one")
    first = remembered(memory, path)
    memory.write_text(memory.read_text().replace(first, "0" * 64))  # what a disk makes of a file has no time of change
    assert remembered(memory, path) == "0" * 64
    assert remembered(memory, path, anew=True) == first == remembered(memory, path)


def test_a_file_whose_times_were_set_back_just_now_is_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(file_memory, "SETTLED_NS", 10**12)
    path, memory = tmp_path / "scan.png", tmp_path / "files.json"
    path.write_bytes(b"one")
    os.utime(path, (0, 0))
    remembered(memory, path)
    assert str(path) not in memory.read_text()


def test_a_broken_memory_or_one_that_cannot_be_written_costs_time_alone(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(b"one")
    for content in ("", "{", "[1, 2]", "[null, []]", "[" * 100_000):
        (tmp_path / "files.json").write_text(content)
        assert remembered(tmp_path / "files.json", path) == digest_of(path)
    assert remembered(path / "no folder" / "files.json", path) == digest_of(path)
