"""Folds and guards."""

import numpy as np
import pandas as pd
import pytest

from bench.plan import guards, splits
from bench.plan.near_duplicates import Sides

DRAWN = Sides(pd.DataFrame(columns=["patient", "repeat", "fold"]), drawn=True, groups={})


def samples(patients=30, seed=0, rare=0.3):
    rng = np.random.default_rng(seed)
    rows = [
        (f"p{p}", f"p{p}_{i}", int(rng.random() < rare)) for p in range(patients) for i in range(rng.integers(1, 8))
    ]
    return pd.DataFrame(rows, columns=["patient", "sample", "label"]).set_index("sample")


def test_each_patient_is_tested_once_in_each_repeat_and_repeats_differ():
    folds = splits.make_folds(samples(), "label", folds=5, repeats=3, seed=0)
    counts = folds.groupby(["repeat", "patient"]).size()
    assert (counts == 1).all()
    assert len(counts) == 3 * 30
    assert folds[folds["repeat"] == 0]["fold"].tolist() != folds[folds["repeat"] == 1]["fold"].tolist()


def test_folds_are_stratified_by_the_labels_of_patients():
    table = samples(200)
    folds = splits.make_folds(table, "label", folds=5, repeats=1, seed=1).set_index("patient")["fold"]
    shares = table["label"].groupby(folds[table["patient"]].to_numpy()).mean()
    assert np.ptp(shares) < 0.05


def test_missing_and_rare_labels_do_not_hinder_stratifying():
    table = samples().astype({"label": object})
    table.iloc[:3, table.columns.get_loc("label")] = None
    table.iloc[5, table.columns.get_loc("label")] = "once"
    folds = splits.make_folds(table, "label", folds=5, repeats=1, seed=0)
    assert set(folds["patient"]) == set(table["patient"])


def test_more_folds_than_patients_is_refused():
    with pytest.raises(splits.SplitError, match=r"folds \(9\) must not exceed the number of patients \(4\)"):
        splits.make_folds(samples(4), "label", folds=9, repeats=1, seed=0)


def test_the_official_split_predicts_the_test_part_once():
    table = samples().assign(split="train")
    table.loc[table["patient"].isin(["p1", "p2"]), "split"] = "test"
    folds = splits.official_folds(table).set_index("patient")["fold"]
    assert sorted(folds[folds == 0].index) == ["p1", "p2"]
    table.iloc[0, table.columns.get_loc("split")] = "test"
    with pytest.raises(splits.SplitError, match="p0"):
        splits.official_folds(table)
    with pytest.raises(splits.SplitError, match="needs a dataset with a `split` column"):
        splits.official_folds(samples())


def test_folds_from_a_file_must_cover_every_patient_once(tmp_path):
    table, file = samples(4), tmp_path / "folds.csv"
    good = pd.DataFrame({"patient": [f"p{i}" for i in range(4)], "fold": [0, 0, 1, 1]})
    good.to_csv(file, index=False)
    assert splits.read_folds(str(file), table)["fold"].tolist() == [0, 0, 1, 1]
    good.iloc[:3].to_csv(file, index=False)
    with pytest.raises(splits.SplitError, match="patient p3 has no fold in repeat 0: write"):
        splits.read_folds(str(file), table)
    pd.concat([good, good.iloc[:1]]).to_csv(file, index=False)
    with pytest.raises(splits.SplitError, match="two folds"):
        splits.read_folds(str(file), table)
    with pytest.raises(splits.SplitError, match=r"can't be read"):
        splits.read_folds(str(tmp_path / "none.csv"), table)


def test_a_patient_on_both_sides_is_refused():
    guards.same_patient(np.array(["a", "b"]), np.array(["c"]))
    with pytest.raises(guards.GuardError, match="patient b is in both training and test"):
        guards.same_patient(np.array(["a", "b"]), np.array(["b", "c"]))


def test_an_image_may_repeat_within_a_patient_and_not_between():
    guards.same_image(["x", "x", "y", "", ""], ["a", "a", "b", "a", "b"], ["1", "2", "3", "4", "5"], DRAWN)
    with pytest.raises(
        guards.GuardError, match="1 image belongs to two patients \\(sample 2 of patient a and sample 3 of patient b\\)"
    ):
        guards.same_image(["w", "x", "x"], ["a", "a", "b"], ["1", "2", "3"], DRAWN)
    assert guards.second_images(["x", "x", "x", "y"], ["a", "b", "a", "b"], DRAWN) == {1: 0}


def test_a_class_needs_as_many_patients_as_there_are_folds():
    y, patients = np.array([0, 0, 0, 1, 1, 1]), np.array(list("abcaab"))
    assert guards.rare_class(y, patients, ("no", "yes"), 2) is None
    assert "'yes' has 2" in guards.rare_class(y, patients, ("no", "yes"), 3)


@pytest.mark.parametrize("wrong", ["", "a", "0.5"])
def test_a_fold_that_is_no_number_is_named(tmp_path, wrong):
    table = pd.DataFrame({"patient": ["a", "b"]}, index=["s", "t"])
    (tmp_path / "folds.csv").write_text(f"patient,fold\na,0\nb,{wrong}\n")
    with pytest.raises(splits.SplitError, match="patient b has fold"):
        splits.read_folds(str(tmp_path / "folds.csv"), table)


def test_ten_repeats_of_two_seeds_share_no_partition():
    def partitions(seed):
        folds = splits.make_folds(samples(), "label", folds=3, repeats=10, seed=seed)
        tested = folds.groupby(["repeat", "fold"])["patient"].agg(frozenset)
        return {frozenset(one) for _, one in tested.groupby("repeat")}

    first, second = partitions(0), partitions(1)
    assert len(first) == len(second) == 10
    assert not first & second
