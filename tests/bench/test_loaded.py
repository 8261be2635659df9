"""Code that was edited after it was loaded never computes under a key of other code."""

import importlib
import os
import sys

import pytest

from bench import plugins
from bench.loaded import CodeChangedError
from bench.plan import identity
from bench.tasks.store import Store


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Writes a user's head, and gives its name."""
    import heads

    monkeypatch.setattr(heads, "__path__", list(heads.__path__))
    name = f"edited_{os.urandom(4).hex()}"
    (tmp_path / "heads").mkdir()

    def write(C):
        (tmp_path / "heads" / f"{name}.py").write_text(
            "from dataclasses import dataclass\n\nfrom heads.logistic import Logistic\n\n\n"
            f"@dataclass(frozen=True, kw_only=True)\nclass Edited(Logistic):\n    C: float = {C}\n"
        )
        return name

    write(1.0)
    plugins.add_folder(tmp_path)
    yield write
    for known in (sys.modules, identity._digested):
        known.pop(f"heads.{name}", None)


def test_a_plug_in_that_was_edited_after_it_was_listed_gets_no_key(source):
    plugins.load("heads", source(1.0))
    name = source(25.0)
    with pytest.raises(CodeChangedError, match=f"heads.{name} was changed after it was loaded: start Python again"):
        identity.code(f"heads.{name}")


def test_a_plug_in_that_was_edited_after_a_run_stops_the_next(source, tmp_path):
    name = source(1.0)
    plugins.load("heads", name)
    identity.code(f"heads.{name}")
    identity.remember(tmp_path)
    source(25.0)
    with pytest.raises(CodeChangedError):
        identity.remember(tmp_path)


def test_results_of_a_file_that_was_edited_between_its_key_and_its_import_are_not_stored(source, tmp_path):
    name = source(1.0)
    identity.code(f"heads.{name}")
    source(25.0)
    importlib.import_module(f"heads.{name}")
    with pytest.raises(CodeChangedError):
        Store(tmp_path / "store").put("fits", "key", lambda draft: None, {})
    assert not list((tmp_path / "store" / "fits").iterdir())


@pytest.mark.parametrize("loaded_before", [True, False])
def test_a_comment_stops_nothing(source, tmp_path, loaded_before):
    name = source(1.0)
    if loaded_before:
        plugins.load("heads", name)
    identity.code(f"heads.{name}")
    with (tmp_path / "heads" / f"{name}.py").open("a") as file:
        file.write("# a remark\n")
    importlib.import_module(f"heads.{name}")
    identity.remember(tmp_path)
    entry = Store(tmp_path / "store").put("fits", "key", lambda draft: None, {})
    assert (entry / "made_by.json").is_file()
