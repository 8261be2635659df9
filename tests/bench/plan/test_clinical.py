"""Clinical columns that give a label away, and values that a fit would misread."""

import numpy as np
import pandas as pd
import pytest

from bench.plan.clinical import as_learnt, gives_away, misread, values
from bench.plan.labels import Labels
from data.base import Target


def notes(column, y, patients=None):
    y = np.asarray(y)
    samples = pd.DataFrame({"patient": patients or [f"p{i}" for i in range(len(y))], "column": column})
    return list(gives_away(samples, ["column"], Labels(Target("grade", "grade", (0, 1, 2)), ("0", "1", "2"), y)))


HALVES = [0] * 20 + [1] * 20


def test_a_copy_of_the_label_is_noted():
    found = notes(["operated" if label else "not" for label in HALVES], HALVES)
    assert found[0].startswith("Clinical column 'column' gives grade away: each of its values has one class, in all 40")
    assert notes([float(label) for label in HALVES], HALVES)
    assert notes(["x" if label else None for label in HALVES], HALVES) == []  # only one class has a value


def test_numbers_in_the_order_of_the_classes_are_noted():
    three = [0] * 14 + [1] * 13 + [2] * 13
    found = notes(list(range(40)), three)
    assert "its values are in the order of the classes" in found[0]
    assert notes([*range(39), 20.5], three) == []


@pytest.mark.parametrize("seed", range(20))
def test_columns_that_know_nothing_are_not_noted(seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(HALVES)
    assert notes(rng.normal(50, 10, 40), y) == []  # every value occurs once
    assert notes([f"site {i}" for i in rng.integers(0, 30, 40)], y) == []
    assert notes(rng.integers(0, 2, 40), y) == []


def test_few_patients_with_many_samples_are_few():
    assert notes([1.0] * 20 + [2.0] * 20, HALVES, ["a"] * 20 + ["b"] * 20) == []


def test_what_a_fit_would_misread_is_named():
    samples = pd.DataFrame({"age": [40, 50.5], "sex": ["F", "M"]}, index=["s1", "s2"])
    learnt = values(samples, ["age", "sex"])
    assert learnt == {"age": None, "sex": ["F", "M"]}
    assert misread(learnt, samples) == ("", [])
    assert misread(learnt, samples.assign(age=None, sex=[None, "F"])) == ("", [])
    fault, _ = misread(learnt, samples.assign(age=["40", "4o"]))
    assert fault == "age holds numbers in training, but sample s2 has '4o': mend these cells or leave them empty"
    fault, found = misread(learnt, samples.assign(sex=["f", "M"]))
    assert fault == "" and found[0].startswith("Clinical column 'sex' has words that training lacks (F, M): sample s1")


def test_words_are_read_as_training_spells_them():
    learnt = {"sex": ["F", "M"], "stage": ["1", "2", "3a"], "age": None, "twice": ["Yes", "yes"]}
    cells = {
        "sex": ["f", "M ", None],
        "stage": [1.0, 2.0, None],
        "age": [1.0, 2.0, 3.0],
        "twice": ["YES", "yes", "Yes"],
    }
    samples = pd.DataFrame(cells, index=["s1", "s2", "s3"])
    found, more = as_learnt(learnt, samples)
    assert found["sex"].dropna().tolist() == ["F", "M"] and found["stage"].dropna().tolist() == ["1", "2"]
    assert found["age"].tolist() == [1.0, 2.0, 3.0] and found["twice"].tolist() == ["YES", "yes", "Yes"]
    assert more == ["Clinical column 'sex' is read as training spells it: 'f' as 'F', 'M ' as 'M', in 2 samples."]
    assert samples["sex"].tolist()[:2] == ["f", "M "]  # unchanged
    assert misread(learnt, found)[1][0].startswith("Clinical column 'twice' has words that training lacks (Yes, yes)")
