"""Files are written whole or not at all, and nothing of others is removed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.run.claim import claimed
from bench.tasks.store import Store
from data import ScangridError
from data.files.locks import locked
from data.files.whole import checked, mark, new_folder, remove_folder, replace_file, replace_text, sweep_drafts
from results import run_folder

HOLDER = """
import sys, time
from pathlib import Path
from data.files.locks import locked
with locked(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_a_failed_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    replace_text(path, "old\n")

    def fail(to):
        to.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_file(path, fail)
    assert path.read_text() == "old\n" and list(tmp_path.iterdir()) == [path]


def test_a_file_that_stays_the_same_keeps_its_time_and_others_are_replaced(tmp_path):
    path = tmp_path / ("椎" * 80 + ".json")  # 245 bytes: there is no room for a longer name beside it
    replace_text(path, "1")
    os.utime(path, ns=(5, 5))
    replace_text(path, "1")
    assert path.stat().st_mtime_ns == 5
    replace_text(path, "2")
    assert path.read_text() == "2" and path.stat().st_mtime_ns != 5


def test_who_looks_for_tables_finds_no_draft_of_one(tmp_path):
    seen = []
    replace_file(tmp_path / "a.csv", lambda to: (to.write_text("half"), seen.extend(tmp_path.glob("*.csv"))))
    assert seen == [] and (tmp_path / "a.csv").exists()


def test_a_new_folder_replaces_only_what_scangrid_wrote(tmp_path):
    folder = tmp_path / "model"
    for text in ("one", "two"):
        with new_folder(folder) as draft:
            (draft / "file").write_text(text)
        assert (folder / "file").read_text() == text
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="was not written by Scangrid"), new_folder(mine) as draft:
        (draft / "file").write_text("new")
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "model"]


def test_only_marked_folders_are_removed_and_links_are_not_followed(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    assert not remove_folder(mine) and mine.is_dir()
    (mine / "index.json").touch()
    assert remove_folder(mine, "index.json") and not mine.exists()
    kept = mark(tmp_path / "kept")
    (tmp_path / "link").symlink_to(kept)
    assert not remove_folder(tmp_path / "link") and kept.is_dir()


def test_drafts_of_a_day_ago_go_and_young_ones_and_others_files_stay(tmp_path):
    old, young = (tmp_path / f".{digit * 32}.part" for digit in "01")
    other = tmp_path / ".mine.part"
    for path in (old, young, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (0, 0))
    sweep_drafts(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, other])


def test_a_lock_is_held_by_one_process_and_freed_when_it_is_killed(tmp_path):
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "lock"], cwd=root, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "True\n"
        with locked(tmp_path / "lock", wait=False) as mine:
            assert not mine
        process.kill()
        process.wait()
        with locked(tmp_path / "lock", wait=False) as mine:
            assert mine
    finally:
        process.kill()
        process.communicate()


def test_a_folder_whose_name_is_no_utf8_is_one_line(tmp_path):
    """Libraries of tables fail there, and the message must not ask to delete what is whole."""
    folder = tmp_path / os.fsdecode(b"M\xfcller")
    for use in (checked, Store, run_folder.read, lambda path: new_folder(path).__enter__()):
        with pytest.raises(ScangridError, match=r"M\\xfcller: its name is no UTF-8, .*: rename it, or start inside it"):
            use(folder)
    with pytest.raises(ScangridError, match="its name is no UTF-8"), claimed(folder):
        pass
    assert list(tmp_path.iterdir()) == []
