"""The functions for notebooks: a grid as a dict, numbers as DataFrames, the same results as the command line's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from bench import api
from bench.grid.file import GridError
from data import ScangridError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def grid(phantom):
    return {
        "name": "small",
        "data": {"spider": {"folder": phantom}},
        "targets": ("narrowing",),
        "sequences": ["t2"],
        "regions": ["mask"],
        "images": ["grayscale", "histogram_equalization"],
        "encoders": [{"raw_pixels": {"size": 12}}],
        "heads": ["logistic", "knn"],
        "protocol": {"folds": 3, "seed": 1},
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    return {"runs": folder / "runs", "store": folder / "store"}


@pytest.fixture(scope="module")
def run(grid, folders):
    return api.run(grid, device="cpu", jobs=2, quiet=True, **folders)


def test_a_dict_runs_like_a_grid_file_with_the_same_keys(run, grid, phantom, tmp_path):
    file = tmp_path / "small.yaml"
    YAML().dump(grid | {"data": {"spider": {"folder": str(phantom)}}, "targets": ["narrowing"]}, file)
    words = [sys.executable, str(ROOT / "run_benchmark.py"), "run", str(file), "--device", "cpu"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    other = api.open(tmp_path / "runs" / "small")
    assert list(other.cells["key"]) == list(run.cells["key"])
    for key in run.cells["key"]:
        pd.testing.assert_frame_equal(run.predictions(key), other.predictions(key), check_exact=True)
    assert run.tables() in done.stdout


def test_the_grid_of_a_run_can_be_run_again(run, folders):
    again = api.run(run.folder / "grid.yaml", quiet=True, settings=["name=small"], **folders)
    assert again.outcome.computed == 0


def test_a_report_from_before_a_run_is_called_so(grid, folders):
    first = api.run(grid | {"name": "reported"}, quiet=True, **folders)
    assert first.summary()[-1].startswith("figures and a report in one file: ")
    first.report()
    again = api.run(grid | {"name": "reported"}, quiet=True, **folders)
    assert again.summary()[-1].startswith("report.html is from before this run; ")
    assert again.summary()[-1].endswith(f"report {first.folder}")


def test_tables_follow_a_grid_that_changes_without_a_fit(grid, folders, tmp_path):
    places = {"runs": tmp_path, "store": folders["store"], "quiet": True}
    written = api.run(grid, **places).folder / "tables.md"
    assert "knn" in written.read_text()
    fewer = api.run(grid | {"heads": ["logistic"]}, **places)
    assert fewer.outcome.computed == 0 and "knn" not in written.read_text()
    before = written.stat().st_mtime_ns
    api.run(grid | {"heads": ["logistic"]}, **places)
    assert written.stat().st_mtime_ns == before  # a run that changes nothing writes nothing


def test_panels_show_the_best_of_the_cells_that_the_grid_has(run, grid, folders, tmp_path):
    assert len(run.cells) == 8  # so the store has all fits
    places = {"runs": tmp_path, "store": folders["store"], "quiet": True}
    for head in ("logistic", "knn"):
        found = api.run(grid | {"heads": [head], "panels": 2}, **places)
        shown = json.loads((found.folder / "panels" / "narrowing.json").read_text())
        assert shown["cell"] in set(found.cells["key"])
    index = found.folder / "panels" / "index.json"
    before = index.stat().st_mtime_ns
    api.run(grid | {"heads": ["knn"], "panels": 2}, **places)
    assert index.stat().st_mtime_ns == before


def test_plan_shows_what_is_done(run, grid, folders):
    assert "8 cells: 8 done" in str(api.plan(grid, store=folders["store"]))
    more = api.plan(grid, settings=["encoders=[raw_pixels: {size: 14}]"], store=folders["store"])
    assert more.cells["status"].value_counts().to_dict() == {"to compute": 4, "done": 4}
    assert "4 done" in more.text and "4 to compute" in more.text


def test_plan_names_a_reason_once(grid, folders):
    planned = api.plan(grid | {"heads": ["logistic", {"svc": {"calibration": "none"}}]}, store=folders["store"])
    refused = planned.cells[planned.cells["status"] == "refused"]
    assert len(refused) == 2
    assert planned.text.count("margins instead of probabilities") == 1
    assert "2 refused: svc gives margins" in planned.text


def test_a_grid_that_is_neither_file_nor_dict_has_an_error(folders):
    for door in (api.plan, api.run):
        with pytest.raises(api.ArgumentError, match="a grid is a file or a dict, not 5"):
            door(5)


def test_progress_is_plain_lines_where_standard_error_is_no_terminal(grid, tmp_path, capsys):
    api.run(grid, device="cpu", only=["images=grayscale"], runs=tmp_path / "runs", store=tmp_path / "store")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("finished after ") and "6 of 8 cells done" in lines[-1]


def test_a_table_has_the_numbers_of_the_csv(run):
    raw = pd.read_csv(run.folder / "tables.csv")
    table = run.table(metrics=["auc", "f1"])
    assert [name for name in table if name.startswith(("auc", "f1"))] == [
        f"{name}{end}" for name in ("auc", "f1") for end in ("", "_low", "_high")
    ]
    np.testing.assert_allclose(table["auc"], raw["auc"])
    np.testing.assert_allclose(table["f1_low"], raw["f1_low"])
    real = table[~table["floor"]]
    assert real["auc"].is_monotonic_decreasing and table.index.names[0] == "target"
    assert (table["n_patients"] == 20).all()


def test_a_pivot_is_the_mean_over_the_other_axes(run):
    raw = pd.read_csv(run.folder / "tables.csv").query("not floor")
    table = run.table(rows=["heads"], metrics=["auc"])
    for head, value in raw.groupby("heads")["auc"].mean().items():
        assert table.loc[("narrowing", head), "auc"] == pytest.approx(value)
    assert list(table) == ["auc", "auc_low", "auc_high"] and table.attrs["notes"]["narrowing"]
    wide = run.table(rows=["heads"], columns=["images"], metrics=["auc"])
    one = raw.set_index(["heads", "images"]).loc[("knn", "grayscale")]
    found = wide.loc[("narrowing", "knn")]
    assert found["auc", "grayscale"] == pytest.approx(one["auc"])
    assert found["auc_low", "grayscale"] == pytest.approx(one["auc_low"])


def test_gains_are_over_the_cell_that_is_named(run):
    table = run.table(metrics=["auc", "gain"], against={"heads": "knn", "images": "grayscale"})
    reference = table.xs("knn", level="heads").xs("grayscale", level="images")["auc"].iloc[0]
    real = table[~table["floor"]]
    np.testing.assert_allclose(real["gain"], real["auc"] - reference, atol=1e-12)


def test_predictions_are_those_of_the_run_folder(run):
    cell = run.cells.iloc[-1]
    stored = pd.read_parquet(run.folder / "cells" / f"{cell['key']}.parquet")
    found = run.predictions(cell["key"][:10])
    np.testing.assert_array_equal(found[["y", "p_0", "p_1"]], stored[["y", "p_0", "p_1"]])
    assert list(found["sample"]) == list(stored["sample"])
    for key, why in (("nothing", "is no cell"), ("0", "are numbered 1 to")):
        with pytest.raises(api.ArgumentError, match=why):
            run.predictions(key)


def test_a_figure_shows_its_picture_and_its_caption(run):
    figure = run.figure("roc", "narrowing")
    assert figure._repr_png_().startswith(b"\x89PNG") and "narrowing" in figure.caption
    with pytest.raises(ScangridError, match="did you mean 'roc'"):
        run.figure("rok")
    with pytest.raises(ScangridError, match="no target 'bulging'"):
        run.figure("roc", "bulging")
    with pytest.raises(api.ArgumentError, match="use one of double, single"):
        run.figure("roc", width="huge")


def test_report_and_methods_are_written(run, tmp_path):
    written = run.report(out=tmp_path / "new" / "report.html")
    assert "small" in written.read_text() and (run.folder / "figures" / "captions.md").exists()
    text = run.methods(out=tmp_path / "methods.md")
    assert "## Methods" in text and (tmp_path / "methods.md").read_text() == text + "\n"


def test_a_cell_is_named_by_its_number_as_a_number(run):
    for _, cell in run.cells.iterrows():
        assert run.predictions(cell["cell"]).equals(run.predictions(cell["key"]))
    last = int(run.cells["cell"].iloc[-1])
    assert run.table(against=last).equals(run.table(against=run.cells["key"].iloc[-1]))
    with pytest.raises(api.ArgumentError, match=r"a cell is a number, or a text .*, not 1.5"):
        run.predictions(1.5)


def test_two_runs_are_compared(run):
    assert "AUC" in api.compare(run, run.folder)


def test_errors_of_wrong_values_name_their_place(grid, folders, tmp_path):
    with pytest.raises(GridError, match=r"^grid: 'protocol.fold' is no key of a grid: did you mean 'folds'"):
        api.plan(grid | {"protocol": {"fold": 3}}, store=folders["store"])
    with pytest.raises(ScangridError, match=r"^grid: no target 'narowing'"):
        api.plan(grid | {"targets": ["narowing"]}, store=folders["store"])
    file = tmp_path / "grid.yaml"
    YAML().dump(grid | {"data": {"spider": {"folder": str(grid["data"]["spider"]["folder"])}}, "targets": ["x"]}, file)
    with pytest.raises(ScangridError, match=r"grid.yaml:\d+: no target 'x'"):
        api.plan(file, store=folders["store"])
    with pytest.raises(ScangridError, match="is no run folder"):
        api.open(tmp_path)
    with pytest.raises(api.ArgumentError, match="--device tpu: use one of auto, cpu, cuda"):
        api.run(grid, device="tpu")
    with pytest.raises(api.ArgumentError, match="use one of spider, rsna, oai"):
        api.phantom(tmp_path / "new", layout="brats")
    with pytest.raises(api.ArgumentError, match="--layout spider has no option 'mark_eror'"):
        api.phantom(tmp_path / "new", mark_eror=1)
    with pytest.raises(api.ArgumentError, match="--layout oai has no option 'split'"):
        api.phantom(tmp_path / "new", layout="oai", split=True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("wrong", ["auc", ["auc", 1], {"auc": 1}, 3, None])
def test_what_is_no_list_of_text_is_refused_and_not_read_letter_by_letter(run, grid, folders, wrong):
    calls = [lambda name=name: run.table(**{name: wrong}) for name in ("rows", "columns", "metrics")]
    calls += [lambda: run.tables(metrics=wrong), lambda: api.plan(grid, settings=wrong, store=folders["store"])]
    calls += [lambda: api.run(grid, only=wrong, **folders)]
    for call in calls:
        with pytest.raises(ScangridError, match=r"must be a list"):
            call()


@pytest.mark.parametrize("wrong", [-1, "two", 1.5])
def test_numbers_of_jobs_and_null_runs_are_whole(grid, folders, wrong):
    for name in ("jobs", "null"):
        with pytest.raises(ScangridError, match=rf"{name} .*whole number from 0"):
            api.run(grid, quiet=True, **{name: wrong}, **folders)


def test_an_axis_is_in_rows_or_in_columns(run):
    with pytest.raises(ScangridError, match="'heads' can't be in both rows and columns"):
        run.table(rows=["heads"], columns=["encoders", "heads"])


def test_what_can_not_be_written_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("no folder")
    below = tmp_path / "file" / "below"
    for write in (run.report, run.methods, run.figures, lambda out: run.tables(out=out)):
        with pytest.raises(ScangridError, match=r"cannot write .*below"):
            write(out=below.with_suffix(".md"))


def test_a_table_has_its_notes(run):
    for table in (run.table(), run.table(metrics=["auc"]), run.table(rows=["heads"])):
        assert any("patients" in note for note in table.attrs["notes"]["narrowing"])


def test_plugins_are_listed_and_checked():
    assert "raw_pixels" in api.plugins("encoders") and "heads" not in api.plugins("encoders").splitlines()
    assert all(one.rule and not one.error for one in api.check("images", "grayscale"))


def test_numerical_libraries_have_one_thread_during_a_run_and_their_own_number_afterwards():
    from threadpoolctl import threadpool_info, threadpool_limits

    from bench.api.threads import one_thread

    with threadpool_limits(limits=2, user_api="blas"):
        with one_thread():
            assert {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"} == {1}
        assert {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"} == {2}
