"""Clinical columns of every kind, their gaps, and categories that training never saw."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.numerics.seeds import spawned
from preprocessing.tables.forest_onehot import ROUNDS, ForestOnehot


def transformed(train, test, **fields):
    return ForestOnehot(**fields).build(seed=0).fit(train).transform(test)


def test_without_gaps_it_is_the_numbers_and_scikit_learns_one_hot():
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.uniform(20, 80, 40), "sex": rng.choice(["F", "M"], 40)})
    table["maker"] = rng.choice(["GE", "Philips", "Siemens"], 40)
    encoded = OneHotEncoder(sparse_output=False).fit_transform(table[["sex", "maker"]])
    assert_allclose(transformed(table, table), np.column_stack([table["age"], encoded]))


def test_gaps_are_filled_from_the_other_columns():
    """Sex, height and shoe size predict each other: the forest is far better than mean or mode (Stekhoven's case)."""
    rng = np.random.default_rng(1)
    male = rng.random(600) < 0.5
    height = np.where(male, 185.0, 160.0) + rng.normal(0, 3, 600)
    table = pd.DataFrame(
        {"sex": np.where(male, "M", "F"), "height": height, "shoe": height / 4 + rng.normal(0, 0.5, 600)}
    )
    gaps = pd.DataFrame(rng.random(table.shape) < 0.15, columns=table.columns)
    gaps.loc[gaps.all(axis=1), "shoe"] = False
    X = transformed(table.mask(gaps), table.mask(gaps), trees=30)
    right = X[gaps["sex"], 1] == male[gaps["sex"]]
    assert set(np.unique(X[:, :2])) == {0.0, 1.0} and right.mean() > 0.9
    error = np.std((X[:, 2] - height)[gaps["height"]])
    assert error < 0.35 * np.std(height)
    assert_array_equal(X[~gaps["height"], 2], height[~gaps["height"]])


@pytest.mark.parametrize("gappy", [(), ("height",), ("sex", "shoe"), ("sex", "height", "shoe")])
def test_rounds_that_would_change_nothing_are_left_out_and_change_nothing(gappy):
    """Every round grows every forest anew here, as the published algorithm does."""
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(4)
    known = pd.DataFrame({"sex": rng.choice([0.0, 1.0], 80), "height": rng.normal(170, 9, 80)})
    known["shoe"] = known["height"] / 4 + rng.normal(0, 0.5, 80)
    train = known.mask(pd.DataFrame({name: (rng.random(80) < 0.2) & (name in gappy) for name in known}))
    new = known.mask(pd.DataFrame({name: rng.random(80) < 0.2 for name in known}))

    def grown(i, filled, gaps):
        forest = RandomForestRegressor(
            10,
            max_features="sqrt",
            min_samples_leaf=5,
            max_samples=int((~gaps[:, i]).sum()),
            random_state=spawned(0, i),
        )
        return forest.fit(np.delete(filled, i, axis=1)[~gaps[:, i]], filled[~gaps[:, i], i])

    gaps, filled = train.isna().to_numpy(), train.fillna(train.mean()).to_numpy()
    for _ in range(ROUNDS):
        for i in np.argsort(gaps.sum(axis=0), kind="stable"):
            if gaps[:, i].any():
                filled[gaps[:, i], i] = grown(i, filled, gaps).predict(np.delete(filled, i, axis=1)[gaps[:, i]])
    forests = [grown(i, filled, gaps) for i in range(3)]
    gaps, wanted = new.isna().to_numpy(), new.fillna(train.mean()).to_numpy()
    for _ in range(ROUNDS):
        for i in range(3):
            wanted[gaps[:, i], i] = forests[i].predict(np.delete(wanted, i, axis=1)[gaps[:, i]])
    assert_array_equal(transformed(train, new, trees=10), wanted)


def test_what_is_kept_has_a_forest_for_each_column_and_no_training_sample():
    rng = np.random.default_rng(5)
    train = pd.DataFrame({"age": rng.uniform(20, 80, 40), "height": rng.normal(170, 9, 40)})
    fitted = ForestOnehot(trees=5).build(seed=0).fit(train)
    kept = pickle.loads(pickle.dumps(fitted))
    assert set(vars(kept)) == {"trees", "seed", "columns", "forests"}
    assert all(len(forest.estimators_) == 5 for forest in kept.forests)
    new = pd.DataFrame({"age": [np.nan, 40.0], "height": [180.0, np.nan]})
    assert_array_equal(kept.transform(new), fitted.transform(new))


def test_a_category_never_seen_is_zeros_and_a_missing_one_is_one_of_those_seen():
    train = pd.DataFrame({"sex": ["F", "M", "M", "F"] * 5, "age": np.arange(20.0)})
    X = transformed(train, pd.DataFrame({"sex": ["X", None, "M"], "age": [3.0, 4.0, 5.0]}), trees=5)
    assert_array_equal(X[0, :2], [0, 0])
    assert X[1, :2].sum() == 1
    assert_array_equal(X[2, :2], [0, 1])


def test_a_single_column_is_filled_by_its_mean_or_its_most_frequent_category():
    train = pd.DataFrame({"age": [10.0, 20.0, 60.0, np.nan]})
    assert_allclose(transformed(train, train)[:, 0], [10, 20, 60, 30])
    train = pd.DataFrame({"sex": ["F", "M", "M", None]})
    assert_array_equal(transformed(train, train), [[1, 0], [0, 1], [0, 1], [0, 1]])


def test_columns_of_any_kind_and_those_without_information():
    rng, n = np.random.default_rng(2), 40
    table = pd.DataFrame(
        {
            "text": rng.choice(["a", "b"], n),
            "category": pd.Categorical(rng.choice(["c", "d"], n)),
            "yes": rng.random(n) < 0.5,
            "yes or unknown": pd.array(rng.choice([True, False, pd.NA], n), dtype="boolean"),
            "objects": pd.Series(rng.choice([True, False, None], n), dtype="object"),
            "count": pd.array(rng.choice([1, 2, 3, pd.NA], n), dtype="Int64"),
            "number objects": pd.Series(rng.choice([1.5, 2.5, None], n), dtype="object"),
            "endless": np.where(rng.random(n) < 0.2, np.inf, rng.random(n)),
            "constant": 1.0,
            "one word": "x",
            "one word or unknown": pd.Series(rng.choice(["x", None], n), dtype="object"),
            "nan": np.nan,
            "none": pd.Series([None] * n, dtype="object"),
            "na": pd.array([pd.NA] * n, dtype="Int64"),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = transformed(table, table, trees=5)
    assert X.shape == (n, 5 * 2 + 3) and X.dtype == np.float64 and np.isfinite(X).all()
    assert_array_equal(X[:, :2], pd.get_dummies(table["text"]))
    assert_array_equal(X[:, 4], ~table["yes"])


def test_kinds_of_missing_values_that_only_test_rows_have():
    train = pd.DataFrame({"age": np.arange(20.0), "sex": ["F", "M"] * 10})
    test = pd.DataFrame({"age": ["unknown", 5, None], "sex": [None, np.nan, "F"]}, dtype="object")
    X = transformed(train, test, trees=5)
    assert np.isfinite(X).all() and X[1, 0] == 5


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows(rows):
    table = pd.DataFrame({"age": [30.0, np.nan, 50.0][:rows], "sex": ["F", "M", None][:rows]})
    assert np.isfinite(transformed(table, table, trees=3)).all()


def test_the_seed_decides_and_locations_are_off_by_default():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
    table = table.mask(rng.random(table.shape) < 0.2)
    first, second, other = (ForestOnehot(trees=5).build(seed=s).fit(table).transform(table) for s in (0, 0, 1))
    assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    assert ForestOnehot(locations=True).locations and not ForestOnehot().locations
