"""Classes come in the order of the grid; without one, a word that denies a finding comes first."""

import pandas as pd
import pytest

from data.base import DataError
from data.image_table import ImageTable


@pytest.fixture
def table(tmp_path):
    """Writes a table with one label column of the given words."""

    def write(words, **fields):
        path = tmp_path / "scans.csv"
        rows = [(f"{i}.png", f"p{i}", one) for i, one in enumerate(words)]
        pd.DataFrame(rows, columns=["image", "patient", "effusion"]).to_csv(path, index=False)
        return ImageTable(**({"table": str(path), "labels": ("effusion",)} | fields))

    return write


def classes(dataset):
    (target,) = dataset.targets()
    return target.classes


@pytest.mark.parametrize("words", [("ja", "nein"), ("normal", "abnormal"), ("yes", "No"), ("sick", "healthy")])
def test_of_two_words_the_one_that_denies_comes_first_without_a_note(table, words):
    denied = {"nein", "normal", "No", "healthy"}
    dataset = table([*words, *words])
    assert classes(dataset) == tuple(sorted(words, key=lambda one: one not in denied))
    assert dataset.table_notes() == ()


def test_two_words_that_leave_the_finding_open_are_noted(table):
    dataset = table(["tear", "sprain", "tear"])
    assert classes(dataset) == ("sprain", "tear")
    (note,) = dataset.table_notes()
    assert "'tear' is taken as the finding" in note and "classes: {effusion: [tear, sprain]}" in note


def test_the_grid_says_the_order_and_words_may_be_ordinal(table):
    assert classes(table(["a", "b"], classes={"effusion": ["b", "a"]})) == ("b", "a")
    assert classes(table([0, 1, 1], classes={"effusion": [1, 0]})) == (1, 0)
    grades = table(
        ["mild", "severe", "none"], labels=(), ordinal=("effusion",), classes={"effusion": ["none", "mild", "severe"]}
    )
    assert classes(grades) == ("none", "mild", "severe") and grades.targets()[0].ordinal
    assert grades.table_notes() == ()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"effusion": ["no"]}, "must list two or more different labels in order"),
        ({"effusion": ["no", "No"]}, "must list two or more different labels in order"),
        ({"effusions": ["no", "yes"]}, "classes names 'effusions', which is no label: did you mean 'effusion'?"),
        ({"effusion": ["no", "yse"]}, "has 'yes', which `classes` does not list: it lists no, yse"),
    ],
)
def test_a_wrong_order_is_named(table, given, says):
    with pytest.raises(DataError, match=r"scans\.csv") as error:
        table(["no", "yes"], classes=given).targets()
    assert says in str(error.value)


def test_grades_in_words_show_the_way(table):
    with pytest.raises(
        DataError, match=r"line 2 has 'mäßig'.*list its words in order with classes: \{effusion: \[...\]\}"
    ):
        table(["mäßig", "schwer"], labels=(), ordinal=("effusion",)).samples()
