"""The printed tables are kept, and made again when what they show has changed."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from results import cache
from results.run_folder import ResultsError, read
from results.tables import files
from results.tables.files import printed, write_files
from results.tables.main import table

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(grid_run):
    return grid_run.finish()


def test_the_text_is_that_of_the_tables_and_is_read_again_without_a_numerical_library(folder):
    text = printed(folder)
    assert text == table(read(folder))
    code = (
        "import sys; from pathlib import Path; from results.tables.files import printed\n"
        "print(printed(Path(sys.argv[1]))); print(sorted({'numpy', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{text}\n[]\n"


def test_a_changed_prediction_makes_the_text_anew(folder):
    first = printed(folder)
    path = folder / "cells" / "cell0.parquet"
    stored = pd.read_parquet(path)
    stored[["p_0", "p_1"]] = stored[["p_1", "p_0"]].to_numpy()
    stored.to_parquet(path, index=False)
    os.utime(path, ns=(0, 1))
    assert printed(folder) != first


def test_a_table_that_the_run_wrote_later_is_in_the_text(folder):
    assert "filled" not in printed(folder)
    row = {"missing": "mean", "sequence": "t2", "target": "-", "repeat": 0, "fold": 0, "n": 4}
    filling = pd.DataFrame([row | {"explained_variance": 0.5, "cosine": 0.9}])
    filling.to_csv(folder / "filling.csv", index=False)
    assert "How well absent sequences are filled" in printed(folder)


def test_changed_code_makes_the_text_anew(folder, tmp_path, monkeypatch):
    printed(folder)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "changed.py").write_text("changed = True")
    monkeypatch.setattr(cache, "HERE", tmp_path / "code")
    monkeypatch.setattr("results.tables.main.table", lambda run: "made anew")
    assert printed(folder) == "made anew"


def test_a_broken_text_is_made_anew_and_no_run_folder_is_an_error(folder, tmp_path):
    text = printed(folder)
    (folder / files.PRINTED).write_text('{"digest"')
    assert printed(folder) == text
    with pytest.raises(ResultsError, match="is no run folder"):
        printed(tmp_path / "nothing")


def test_a_finished_run_gets_its_tables_and_a_picture(folder):
    written = write_files(read(folder))
    assert [path.name for path in written] == ["tables.md", "tables.csv", "tables.tex", "leaderboard_narrowing.png"]
    assert all(path.stat().st_size > 500 for path in written)


def test_nothing_is_kept_where_nothing_can_be_written_but_other_errors_are_said(tmp_path):
    def fails(number):
        def write(path):
            raise OSError(number, os.strerror(number), str(path))

        return write

    for number in (errno.EROFS, errno.EACCES, errno.ENOSPC):
        cache.keep(tmp_path / "scores.parquet", fails(number))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        cache.keep(tmp_path / "scores.parquet", fails(errno.EIO))
