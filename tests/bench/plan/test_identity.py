"""Keys change with what decides a result, and with nothing else."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import loaded
from bench.plan import file_memory, identity
from bench.plan.file_memory import FileDigests


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of the project's namespace and gives its code's digest."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(identity, "PROJECT", identity.PROJECT | {"mine", "other"})

    def digest(mine, other=""):
        (tmp_path / "mine.py").write_text(mine)
        (tmp_path / "other.py").write_text(other)
        for cached in (identity.code, identity._read):
            cached.cache_clear()
        for known in (sys.modules, loaded._loaded, identity._digested):
            for name in ("mine", "other"):
                known.pop(name, None)
        sys.path_importer_cache.clear()
        return identity.code("mine")

    yield digest
    for cached in (identity.code, identity._read):
        cached.cache_clear()


@pytest.mark.parametrize(
    "same",
    [
        "def f(x):\n    return x + 1\n",
        '"""Adds one."""\n\ndef f(x):\n    """More."""\n    return x + 1\n',
        "# why\ndef f(x):\n    # because\n    return (x + 1)\n",
        "def f(x: int) -> int:\n    return x + 1\n",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import pandas\n\ndef f(x):\n    return x + 1\n",
    ],
)
def test_docstrings_comments_and_annotations_do_not_count(module, same):
    plain = "def f(x):\n    return x + 1\n"
    if "TYPE_CHECKING" in same:
        plain = "from typing import TYPE_CHECKING\n\npass\n\n" + plain
    assert module(same) == module(plain)


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ('tell_progress("epoch", x, 9)', False),
        ('tell_progress("epoch", x + 1, most=9 if x else len(y))', False),
        ('tell_progress("epoch", x.pop(), 9)', True),
        ('tell_progress("epoch", (x := 3), 9)', True),
        ('x = tell_progress("epoch", x, 9)', True),
        ("other(x)", True),
    ],
)
def test_what_only_tells_how_far_a_training_is_does_not_count(module, told, counts):
    code = "from data.describing.training import tell_progress\n\ndef f(x):\n    {}return x + 1\n"
    assert (module(code.format(f"{told}\n    ")) != module(code.format(""))) is counts


@pytest.mark.parametrize("other", ["def f(x):\n    return x + 2\n", "def f(y):\n    return y + 1\n", "import json\n"])
def test_code_and_imports_count(module, other):
    assert module("def f(x):\n    return x + 1\n") != module(other)


PLUG_IN = """
from dataclasses import dataclass
from data.describing.plug_in import PlugIn

@dataclass
class Mine(PlugIn):
    words = "a sum"
    cites: ClassVar[tuple[str, ...]] = ("doe2020",)
    share: float = 0.5

    def build(self):
        return self.share + 1

    def describe(self):
        return super().describe()
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('words = "a sum"', 'words = "another sum"', True),
        ('    words = "a sum"\n', "", True),
        ('("doe2020",)', '("roe2021", "doe2020")', True),
        ('words = "a sum"', 'packages = ("scipy",)\n    licence = "MIT"', True),
        ("return super().describe()", "found = super().describe()\n        return found", True),
        ("self.share + 1", "self.share + 2", False),
        ("share: float = 0.5", "share: float = 0.6", False),
        ("share: float = 0.5", "words: int = 5", False),
        ('words = "a sum"', 'words = size = "a sum"', False),
        ("    def describe(self):", "    def described(self):", False),
        ("class Mine(PlugIn):", "class Mine:", False),
    ],
)
def test_a_description_does_not_count_but_what_computes_does(module, old, new, same):
    assert old in PLUG_IN
    assert (module(PLUG_IN) == module(PLUG_IN.replace(old, new))) is same


def test_a_function_called_describe_counts_outside_a_class(module):
    text = "def describe(x):\n    return x\n\nwords = 1\n"
    assert len({module(text), module(text.replace("return x", "return -x")), module(text.replace("1", "2"))}) == 3


def test_no_file_that_only_describes_is_part_of_a_key():
    assert not any("describing" in name for name in identity._read("encoders.timm_backbone")[1])
    assert "encoders.networks.timm_network" in identity._read("encoders.timm_backbone")[1]


def test_imports_count_at_any_depth(module):
    importing = "def f():\n    from other import g\n    return g()\n"
    first = module(importing, "def g():\n    return 1\n")
    assert first != module(importing, "def g():\n    return 2\n")
    assert first == module(importing, '"""Docs."""\ndef g():\n    return 1\n')


@pytest.mark.parametrize("kind", ["encoders", "heads", "regions"])
def test_the_code_of_a_plug_in_is_read_without_importing_torch(kind):
    """Torch takes a second to import, which a run that finds everything in the store need not spend."""
    lines = (
        "import sys",
        "from bench.plan.identity import code",
        "from bench.plugins import find, plugin_class",
        f"digests = [code(plugin_class('{kind}', name).__module__) for name in find('{kind}')]",
        "assert len(digests) > 2",
        "print('torch' in sys.modules)",
    )
    done = subprocess.run([sys.executable, "-c", "; ".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_library_counts_by_major_and_minor_version(module, monkeypatch):
    text = "import numpy\n"
    real = identity.importlib.metadata.version
    first = module(text)
    for version, same in (("9.9.9", False), (real("numpy") + ".post1", True)):
        monkeypatch.setattr(identity.importlib.metadata, "version", lambda name, v=version: v)
        identity._version.cache_clear()
        assert (module(text) == first) is same
    identity._version.cache_clear()


def test_values_have_one_digest_in_every_process():
    value = {"b": [1, 2.5, None, True], "a": "é"}
    text = json.dumps([identity.SCHEMA, value], sort_keys=True, separators=(",", ":"))
    import hashlib

    assert identity.key(value) == hashlib.sha256(text.encode()).hexdigest()[:32]
    assert identity.key(value) == identity.key(dict(reversed(value.items())))


def test_objects_without_a_plain_form_have_no_key():
    with pytest.raises(TypeError, match="not JSON serializable"):
        identity.key(object())


def test_file_digests_follow_content_not_name(tmp_path):
    of_file = FileDigests(tmp_path / "cache.json")
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"scan")
    other.write_bytes(b"scan")
    os.utime(other, (1, 1))
    assert of_file(one) == of_file(other)
    before = of_file(one)
    one.write_bytes(b"another scan")
    assert of_file(one) != before
    of_file.save()
    assert FileDigests(tmp_path / "cache.json")(other) == before


def test_a_damaged_cache_of_digests_is_forgotten(tmp_path):
    (tmp_path / "cache.json").write_text("{")
    (tmp_path / "a").write_bytes(b"scan")
    assert len(FileDigests(tmp_path / "cache.json")(tmp_path / "a")) == 64


def test_a_file_that_was_changed_in_place_is_read_again_though_size_and_time_were_set_back(tmp_path, monkeypatch):
    monkeypatch.setattr(file_memory, "SETTLED_NS", 0)
    file, memory = tmp_path / "mine.py", tmp_path / "cache.json"
    file.write_text("x = 1")
    of_file, stat = FileDigests(memory), file.stat()
    before = of_file(file)
    of_file.save()
    with file.open("r+") as same:
        same.write("x = 2")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert FileDigests(memory)(file) != before


def test_a_file_that_was_written_just_now_is_not_remembered_for_the_next_run(tmp_path, monkeypatch):
    new, old, memory = tmp_path / "new.py", tmp_path / "old.py", tmp_path / "cache.json"
    monkeypatch.setattr(file_memory, "SETTLED_NS", 200_000_000)
    old.write_text("x = 1")
    time.sleep(0.3)
    new.write_text("x = 1")
    os.utime(new, (1, 1))  # which sets one of its times back, not both
    of_file = FileDigests(memory)
    of_file(new)
    of_file(old)
    of_file.save()
    assert [Path(name).name for name in json.loads(memory.read_text())[1]] == ["old.py"]


def test_code_is_remembered_by_its_file_until_the_file_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(file_memory, "SETTLED_NS", 0)
    (tmp_path / "mine.py").write_text("def f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(identity, "PROJECT", identity.PROJECT | {"mine"})
    bare, parsed = identity._bare, []
    monkeypatch.setattr(identity, "_bare", lambda path: (parsed.append(path.name), bare(path))[1])
    monkeypatch.setattr(identity, "_bare_files", identity._bare_files)

    def digest():
        for cached in (identity.code, identity._read):
            cached.cache_clear()
        identity.remember(tmp_path / "store")
        return identity.code("mine")

    first = digest()
    assert digest() == first and parsed == ["mine.py"]
    (tmp_path / "mine.py").write_text("def f():\n    return 20\n")
    second = digest()
    assert second != first and parsed == ["mine.py"] * 2
    monkeypatch.setattr(sys, "version_info", (3, 99, 0, "final", 0))
    assert digest() == second and parsed == ["mine.py"] * 3
    for cached in (identity.code, identity._read):
        cached.cache_clear()


def table(sex, age):
    return pd.DataFrame({"sex": sex, "age": age}, index=["a", "b"])


def test_the_digest_of_a_table_differs_for_gaps_texts_and_the_ends_of_fields():
    digests = [
        identity.rows(made)
        for made in (
            table(["f", "m"], [1.0, 2.0]),
            table(["f", "m"], [1.0, 2.0]).iloc[::-1],
            table(["f", None], [1.0, 2.0]),
            table(["f", "nan"], [1.0, 2.0]),
            table(["f", ""], [1.0, 2.0]),
            table(["f", "m"], [1.0, np.nan]),
            table(["f 1", "m"], ["2", "3"]),
            table(["f", "m"], ["1 2", "3"]),
        )
    ]
    assert len(set(digests)) == len(digests)
    assert identity.rows(table(["f", pd.NA], [1.0, 2.0]).convert_dtypes()) == identity.rows(
        table(["f", np.nan], [1, 2])
    )
