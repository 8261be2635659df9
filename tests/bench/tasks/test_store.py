"""The store holds only whole entries."""

import json

import pytest

from bench.tasks.store import Store


def write(text):
    return lambda folder: (folder / "data").write_text(text)


def test_an_entry_is_found_with_a_note_of_what_made_it(tmp_path):
    store = Store(tmp_path)
    assert store.find("fits", "k") is None
    assert store.keys("fits") == set()
    entry = store.put("fits", "k", write("one"), {"head": "svc"})
    assert store.find("fits", "k") == entry
    assert store.keys("fits") == {"k"}
    assert json.loads((entry / "made_by.json").read_text()) == {"head": "svc"}


def test_the_first_writer_wins(tmp_path):
    store = Store(tmp_path)
    draft = store.draft("fits", "k")
    store.put("fits", "k", write("first"), {})
    (draft / "data").write_text("second")
    assert (store.commit(draft, {}) / "data").read_text() == "first"
    assert [p.name for p in (tmp_path / "fits").iterdir()] == ["k"]


def test_a_draft_is_no_entry_and_a_failed_one_is_removed(tmp_path):
    store = Store(tmp_path)
    store.draft("fits", "k")
    assert store.find("fits", "k") is None
    assert store.keys("fits") == set()

    def fail(folder):
        (folder / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.put("fits", "other", fail, {})
    assert len(list((tmp_path / "fits").iterdir())) == 1  # only the draft of k


def test_sweep_removes_only_old_drafts(tmp_path):
    store = Store(tmp_path)
    store.draft("fits", "young")
    store.put("fits", "k", write("one"), {})
    assert store.sweep(older_than=3600) == 0
    assert store.sweep(older_than=-1) == 1
    assert store.keys("fits") == {"k"}
