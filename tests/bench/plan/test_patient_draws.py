"""`interval: refit`: patients are drawn before the folds, and all copies of a patient stay in one fold."""

import json
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from bench.grid.file import read_grid
from bench.grid.tree import GridError
from bench.plan.errors import PlanError
from bench.plan.patient_draws import PatientDraws
from bench.plan.plan import Plan
from bench.tasks.store import Store

INTERVAL = "interval: {refit: 4, cells: [{encoders: raw_pixels, heads: logistic}]}\n"


@pytest.fixture
def refitted(small):
    """The text of a small grid that refits its logistic cell."""
    text = small.replace("images: [grayscale, ", "images: [").replace("[none, smote]", "[none]")
    return text + INTERVAL


def planned(text, tmp_path, settings=()):
    file = tmp_path / "grid.yaml"
    file.write_text(text)
    plan = Plan(read_grid(file, list(settings)), Store(tmp_path / "store"))
    return plan, list(plan.cells())


def of_logistic(refits, cells):
    (cell,) = (c for c in cells if c.key in refits.redrawn)
    assert cell.cell["heads"].name == "logistic"
    return refits.of(cell)


def test_drawn_patients_stay_in_one_fold_with_all_their_copies(refitted, tmp_path):
    plan, cells = planned(refitted, tmp_path)
    again = of_logistic(PatientDraws(plan, cells), cells)
    assert len(again) == 4
    labels = plan.view.labels["narrowing"].y
    of_patient = Counter(plan.patients[labels >= 0])
    for one in again:
        assert len(one.fits) == 3
        tested = np.concatenate([fit.rows.test for fit in one.fits])
        copies = {p: n / of_patient[p] for p, n in Counter(plan.patients[tested]).items()}
        assert all(n == int(n) for n in copies.values())
        assert sum(copies.values()) == len(of_patient)  # as many draws as patients
        assert max(copies.values()) > 1
        for fit in one.fits:
            train, test = plan.patients[fit.rows.train], plan.patients[fit.rows.test]
            assert not set(train) & set(test)
            assert_array_equal(np.sort(np.concatenate([fit.rows.train, fit.rows.test])), np.sort(tested))
            assert len(np.unique(labels[fit.rows.train])) == 2


def test_draws_are_seeded_and_differ_from_each_other_and_from_the_run(refitted, tmp_path):
    plan, cells = planned(refitted, tmp_path)
    keys = [one.key for one in of_logistic(PatientDraws(plan, cells), cells)]
    again = [one.key for one in of_logistic(PatientDraws(*planned(refitted, tmp_path)), cells)]
    other, other_cells = planned(refitted, tmp_path, ["protocol.seed=2"])
    elsewhere = [one.key for one in of_logistic(PatientDraws(other, other_cells), other_cells)]
    assert keys == again
    assert len({*keys, *elsewhere, *(c.key for c in cells)}) == 8 + len(cells)


def test_a_key_depends_on_how_often_a_patient_was_drawn(refitted, tmp_path):
    """The two views hold the same patients in the same folds, but the second has one more copy of a patient."""
    plan, cells = planned(refitted, tmp_path)
    cell = next(c.cell for c in cells if c.cell["heads"].name == "logistic")
    once = np.ones(len(plan.ids), dtype=np.int64)
    twice = once + (plan.patients == plan.patients[0])
    fixed = plan.view.folds
    views = [plan.refit_view(0, times) for times in (once, twice)]
    for view in views:
        view.folds[:] = [type(p)(p.repeat, p.number, p.train, p.test, None, view.folds[0].times) for p in fixed]
    one, two = (plan.plan_cell(cell, view) for view in views)
    real = next(c for c in cells if c.cell is cell or c.cell == cell)
    assert [fit.key for fit in one.fits] == [fit.key for fit in real.fits]  # one copy of each patient is the run itself
    assert not {fit.key for fit in one.fits} & {fit.key for fit in two.fits}


def test_a_run_keeps_the_predictions_of_every_draw_and_computes_nothing_twice(refitted, go):
    without = go(refitted.replace(INTERVAL, ""))
    outcome = go(refitted)
    assert outcome.computed == 4 * 3
    assert outcome.counts == without.counts
    assert go(refitted).computed == 0
    (folder,) = (outcome.folder / "refit").iterdir()
    files = sorted(folder.iterdir(), key=lambda path: int(path.name.split("_")[0]))
    assert [path.name.split("_")[0] for path in files] == ["0", "1", "2", "3"]
    tables = [pd.read_parquet(path) for path in files]
    truth = pd.read_parquet(outcome.folder / "samples.parquet")["narrowing"]
    for table in tables:
        assert table.groupby("patient")["fold"].nunique().max() == 1
        assert table["sample"].duplicated().any()
        assert (table["y"].to_numpy() == truth[table["sample"]].to_numpy()).all()
        by_sample = table.groupby("sample")["p_1"]
        assert (by_sample.max() - by_sample.min()).max() < 1e-6  # all copies of a sample get one probability
    assert len({tuple(sorted(table["sample"])) for table in tables}) == 4
    about = json.loads((outcome.folder / "run.json").read_text())["refit"]
    assert about["draws"] == 4
    assert set(about["redrawn"]) == {folder.name}
    fewer = go(refitted.replace("refit: 4", "refit: 2"))
    assert fewer.computed == 0
    assert {path.name for path in folder.iterdir()} == {path.name for path in files[:2]}
    go(refitted.replace(INTERVAL, ""))
    assert not folder.exists()


def test_a_run_that_was_stopped_goes_on_where_it_stopped(refitted, go):
    outcome = go(refitted)
    kept = {path: path.read_bytes() for path in outcome.folder.glob("refit/*/*.parquet")}
    made = sorted((go.store / "fits").iterdir(), key=lambda path: path.stat().st_mtime)
    for path in made[-5:]:  # refits are fitted last
        shutil.rmtree(path)
    for path in list(kept)[:3]:
        path.unlink()
    assert go(refitted).computed == 5
    assert {path: path.read_bytes() for path in outcome.folder.glob("refit/*/*.parquet")} == kept


def test_a_run_keeps_null_runs_and_refits(refitted, go):
    outcome = go(refitted, null=2)
    assert len(list(outcome.folder.glob("null/*/*.parquet"))) == 2 * 2  # logistic and knn
    assert len(list(outcome.folder.glob("refit/*/*.parquet"))) == 4
    assert go(refitted, null=2).computed == 0
    assert go(refitted, only={"heads": ["knn"]}).computed == 0
    assert len(list(outcome.folder.glob("refit/*/*.parquet"))) == 4  # --only removes nothing


def test_folds_of_a_file_stay_as_they_are_and_their_patients_are_drawn(refitted, go, tmp_path):
    first = go(refitted)
    (tmp_path / "folds.csv").write_text((first.folder / "folds.csv").read_text())
    fold_of = pd.read_csv(tmp_path / "folds.csv", dtype={"patient": str}).set_index("patient")["fold"]
    outcome = go(refitted, [f"protocol.split={tmp_path / 'folds.csv'}", "name=fixed"])
    tables = [pd.read_parquet(path) for path in outcome.folder.glob("refit/*/*.parquet")]
    assert len(tables) == 4
    for table in tables:
        assert (table["fold"].to_numpy() == fold_of[table["patient"]].to_numpy()).all()
        assert table["sample"].duplicated().any()


def test_heads_that_resample_calibrate_and_tune_take_copies(refitted, go):
    text = refitted.replace("balance: [none]", "balance: [smote]").replace("refit: 4", "refit: 2")
    text = text.replace(", knn]", ", svc: {calibration: sigmoid, tune: {C: [0.1, 1]}}]").replace(
        "heads: logistic}]", "heads: svc}]"
    )
    outcome = go(text)
    assert not outcome.failures
    assert len(list(outcome.folder.glob("refit/*/*.parquet"))) == 2


def test_what_learns_in_a_fold_sees_the_copies(refitted, go, phantom, tmp_path):
    """The autoencoder and a projection are trained for every draw, on each image as often as its patient is drawn."""
    text = refitted.replace("raw_pixels: {size: 12}", "cae_2d: {size: 16, channels: [4], latent: 4, steps: 1}")
    text = text.replace("encoders: raw_pixels, ", "").replace("refit: 4", "refit: 2")
    import encoders.cae_2d

    seen = []
    real = encoders.cae_2d.Cae2d.fit

    def fit(self, images, y, *, groups, **more):
        seen.append(Counter(groups))
        return real(self, images, y, groups=groups, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders.cae_2d.Cae2d, "fit", fit)
        assert not go(text).failures
    plan, cells = planned(text, tmp_path)
    again = of_logistic(PatientDraws(plan, cells), cells)
    expected = [Counter(plan.patients[fit.fold.rows(fit.fold.train)]) for one in again for fit in one.fits]
    real_folds = [Counter(plan.patients[fold.train]) for fold in plan.view.folds]
    assert sorted(map(sorted, (c.items() for c in seen))) == sorted(sorted(c.items()) for c in [*expected, *real_folds])


def test_a_class_too_rare_for_the_folds_is_drawn_again_and_counted(refitted, tmp_path):
    plan, cells = planned(refitted, tmp_path)
    y = plan.view.labels["narrowing"].y
    carriers = list(dict.fromkeys(plan.patients[y == 1]))[:4]
    y[~np.isin(plan.patients, carriers) & (y == 1)] = 0
    refits = PatientDraws(plan, cells)
    (redrawn,) = refits.redrawn.values()
    assert redrawn > 0
    for one in of_logistic(refits, cells):
        tested = np.concatenate([fit.rows.test for fit in one.fits])
        assert len(set(plan.patients[tested[y[tested] == 1]])) >= 3
    y[plan.patients != carriers[0]] = 0
    with pytest.raises(PlanError, match="in a row leave too few patients of a class of narrowing"):
        PatientDraws(plan, cells)


@pytest.mark.parametrize(
    ("interval", "message"),
    [
        (
            "{refit: 4, cells: [{heads: svc}]}",
            "yaml:12: 'interval.cells.0.heads' names 'svc', which the grid does not have",
        ),
        ("{refit: 4, cells: [{head: knn}]}", "yaml:12: 'interval.cells.0.head' is no axis: did you mean 'heads'?"),
        ("{refit: 1, cells: [{heads: knn}]}", "yaml:12: 'interval.refit' input should be greater than or equal to 2"),
        ("{refit: 4}", "yaml:12: 'interval.cells' is missing"),
        ("{refits: 4, cells: []}", "yaml:12: 'interval"),
    ],
)
def test_an_entry_that_names_nothing_is_an_error_with_its_line(refitted, tmp_path, interval, message):
    file = tmp_path / "grid.yaml"
    file.write_text(refitted.replace(INTERVAL, f"interval: {interval}\n"))
    with pytest.raises(GridError) as error:
        read_grid(file)
    assert message in str(error.value)


def test_an_entry_whose_cell_is_excluded_is_an_error(refitted, tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text(refitted + "exclude: [{heads: logistic}]\n")
    with pytest.raises(GridError, match=r"yaml:12: 'interval\.cells\.0' names no cell of the grid"):
        read_grid(file)


def test_plan_counts_the_refits(refitted, tmp_path, go):
    from bench.plan.overview import Overview

    file = tmp_path / "grid.yaml"
    file.write_text(refitted)
    shown = [line for line in Overview(read_grid(file), Store(go.store), {}).lines() if line.startswith("interval: ")]
    assert "4 refits of 1 cell on" in shown[0]
    assert "12 of 12 fits" in shown[0]
    go(refitted)
    shown = [line for line in Overview(read_grid(file), Store(go.store), {}).lines() if line.startswith("interval: ")]
    assert "0 of 12 fits" in shown[0]
