"""Columns with a type: the offending cells are named, and the usual codes of missing values are understood."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.base import DataError
from data.reading.tables import typed

AGES = ["34.8", "64.7", "31.9", "68", "51.3", "64.6", "45.6"]


def clinical(cells, **how):
    series = pd.Series(cells, index=range(2, len(cells) + 2), dtype="str").replace("", np.nan)
    return typed.clinical(series, "age", Path("folder/t.csv"), settable=True, **how)


def numbers(column):
    assert column.number
    return pd.to_numeric(column.cells).tolist()


def test_numbers_are_numbers():
    column = clinical([*AGES, "", "-3", "1e2", ".5"])
    expected = [34.8, 64.7, 31.9, 68, 51.3, 64.6, 45.6, np.nan, -3, 100, 0.5]
    np.testing.assert_array_equal(numbers(column), expected)
    assert column.notes == () and not column.lost


# Digits of other scripts are numbers to Python's float, but not to pandas.
DIGITS = ["\u0664\u0665", "\uff16\uff13", "\u096a.5", "\u0661,\u0662\u0663\u0664"]
ODD = [">89", "63 y", "none", "1.234,5", "1 234", "12,5,", "inf", "1e999", "0x10", "2020-01-01"]


@pytest.mark.parametrize("cell", ODD)
def test_an_odd_cell_of_a_column_of_numbers_is_named(cell):
    with pytest.raises(DataError) as error:
        clinical([*AGES, cell])
    message = str(error.value)
    assert f"t.csv: column 'age' holds numbers, but line 9 has '{cell}'" in message
    assert "types: {age: number}" in message and "types: {age: words}" in message and "\n" not in message
    column = clinical([*AGES, cell], declared="number")
    np.testing.assert_array_equal(numbers(column), [*map(float, AGES), np.nan])
    row = ("t.csv", "", "", f"line 9: age is '{cell}', which is no number: read as missing")
    assert column.excluded("t.csv") == [row]
    assert clinical([*AGES, cell], declared="words").cells.tolist() == [*AGES, cell]


@pytest.mark.parametrize("cell", DIGITS)
def test_digits_of_other_scripts_are_odd_cells(cell):
    with pytest.raises(DataError, match=r"column 'age' holds numbers, but line 9 has "):
        clinical([*AGES, cell])
    column = clinical([*AGES, cell], declared="number")
    np.testing.assert_array_equal(numbers(column), [*map(float, AGES), np.nan])
    assert len(column.lost) == 1


def test_units_in_every_cell_do_not_become_categories():
    with pytest.raises(DataError, match="line 2 has '0 y', line 3 has '1 y', line 4 has '2 y' and 9 more"):
        clinical([f"{i} y" for i in range(12)])


@pytest.mark.parametrize("code", ["NULL", "#N/A", "NA", "n/a", "None", "-", "?", "unknown", "nan", "<NA>"])
def test_the_usual_codes_of_missing_values_are_understood(code):
    np.testing.assert_array_equal(numbers(clinical([*AGES, code])), [*map(float, AGES), np.nan])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["34,8", "64,7", "31", "0,125", "1,234"], [34.8, 64.7, 31, 0.125, 1.234]),
        (["1,234,567", "2,500", "12", "1,234.5"], [1234567, 2500, 12, 1234.5]),
    ],
)
def test_commas_with_one_meaning_are_read_with_a_note(cells, expected):
    column = clinical(cells)
    assert numbers(column) == expected
    assert "commas" in column.notes[0] and f"line 2 has '{cells[0]}'" in column.notes[0]


@pytest.mark.parametrize("cells", [["1,234", "5,678"], ["1.5", "2,5"], ["1,234", "7"], ["1,5", "1,234,567"]])
def test_commas_with_two_meanings_are_refused(cells):
    with pytest.raises(DataError, match=r"in column 'age', line .* the comma may part decimals or thousands"):
        clinical(cells)


def test_words_stay_words_in_one_spelling():
    assert set(clinical(["Yes", "yes", "Yes", "no", "YES"]).cells) == {"Yes", "no"}
    note = clinical(["Yes", "yes", "Yes", "no", "YES"]).notes[0]
    assert note == "t.csv: column 'age' is read with 'yes' as 'Yes', 'YES' as 'Yes' (lines 3, 6)."


def test_more_words_than_numbers_are_words():
    assert not clinical(["Aera", "450", "Avanto", "Prisma"]).number


def test_declared_codes_are_missing_and_others_are_noted():
    cells = ["30", "40", "-1", "999", "25", "999"]
    notes = clinical(cells).notes
    assert any("is -1 in 1 row" in note and "missing: {age: [-1]}" in note for note in notes)
    assert any("is 999 in 2 rows" in note and "missing: {age: [999]}" in note for note in notes)
    column = clinical(cells, missing=(-1, 999.0))
    np.testing.assert_array_equal(numbers(column), [30, 40, np.nan, np.nan, 25, np.nan])
    assert column.notes == ()
    assert any("is 9 in 1 row" in note for note in clinical(["0", "1", "2", "3", "9"]).notes)
    assert clinical(["7", "8", "9", "10", "-1", "-2", "95", "99"]).notes == ()
    np.testing.assert_array_equal(numbers(clinical(["30", "absent", "20"], missing=("Absent",))), [30, np.nan, 20])
