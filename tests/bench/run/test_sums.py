"""A run folder whose files were changed after the run is refused by name, and the next run writes them anew."""

import json
import shutil

import pytest

from bench.grid.file import read_grid
from bench.run.progress import Progress
from bench.run.run import Options, run
from data.files.sums import SUMS, SumsError
from results.report.about import exclusions
from results.run_folder import read
from tests.conftest import SMALL
from tests.studies.reliability.harm import read_all

OUTPUTS = {".scangrid", SUMS, f"external/{SUMS}", "external/.scangrid", "panels/.scangrid"}


@pytest.fixture(scope="module")
def rerun(phantom, tmp_path_factory):
    """Runs a grid with null runs, refits and panels: gives its folder, the fits computed, and what was said."""
    base = tmp_path_factory.mktemp("finished")
    text = SMALL.format(folder=phantom).replace(", knn]", "]").replace("balance: [none, smote]\n", "")
    text = text.replace("[grayscale, histogram_equalization]", "[grayscale]")
    (base / "grid.yaml").write_text(text + "panels: 2\ninterval: {refit: 2, cells: [{heads: logistic}]}\n")
    grid = read_grid(base / "grid.yaml", [])

    def run_again():
        notes = []
        options = Options(base / "runs", base / "store", "cpu", 1, null=1)
        outcome = run(grid, base / "grid.yaml", [], options, Progress(live=False, show=notes.append))
        return outcome.folder, outcome.computed, " ".join(notes)

    run_again()
    return run_again


@pytest.fixture
def finished(rerun):
    """The folder of a finished run, as it was written."""
    return rerun()[0]


def files(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_every_file_that_is_read_back_has_its_sum_and_an_edit_of_it_is_named(finished):
    folder = finished
    listed = {line.split("  ")[1] for line in (folder / SUMS).read_text().splitlines()}
    assert listed == set(files(folder)) - OUTPUTS
    assert {name.split("/")[0] for name in listed} >= {
        "run.json",
        "samples.parquet",
        "cells",
        "null",
        "refit",
        "panels",
    }
    read_all(folder)
    for name in sorted(listed):
        path = folder / name
        content = path.read_bytes()
        for changed in (content + b" ", content[:-1] + bytes([content[-1] ^ 1]), None):
            path.unlink() if changed is None else path.write_bytes(changed)
            with pytest.raises(SumsError, match=f"{path}: (is not the file|no such file).*run the grid again"):
                read_all(folder)
        path.write_bytes(content)
    read_all(folder)


def test_the_next_run_writes_anew_what_was_changed(finished, rerun):
    folder = finished
    names = [name for name in files(folder) if name not in OUTPUTS and name != "provenance.json"]
    before = {name: (folder / name).read_bytes() for name in names}
    for name in [*names, "provenance.json"]:
        (folder / name).write_bytes(b"something else")
    with pytest.raises(SumsError):
        read(folder)
    _, computed, said = rerun()
    assert computed == 0 and "more files were changed or removed after the run" in said
    assert {name: (folder / name).read_bytes() for name in names} == before
    read_all(folder)
    assert [one["device"] for one in json.loads((folder / "provenance.json").read_text())] == ["cpu"]


def test_a_folder_without_sums_is_read_and_one_with_broken_sums_is_named(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    older = shutil.copytree(folder, tmp_path / "older")
    (older / SUMS).unlink()
    (older / "excluded.csv").write_text("file,sample,sequence,reason\nx,y,z,mine\n")
    assert exclusions(read(older))[0].reason == "mine"
    for text in ("x", f"{'0' * 64}  ../outside", f"{'0' * 64}  /etc/passwd", "\0"):
        (folder / SUMS).write_text(text)
        with pytest.raises(SumsError, match=f"{SUMS} can't be read .*line 1 must be"):
            read(folder)
    (folder / SUMS).write_bytes(b"\xff\xfe")
    with pytest.raises(SumsError, match=f"{SUMS} can't be read"):
        read(folder)
