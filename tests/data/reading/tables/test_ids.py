"""Ids: spellings that would split a patient are refused, and names of samples never run into each other."""

import pandas as pd
import pytest

from data.base import DataError
from data.reading.tables import ids


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3", "3.0"),
        ("3", "003"),
        ("p1", "P1"),
        ("p1", "p01"),
        ("p 1", "p1"),
        ("p\u00a01", "p 1"),
        ("M\u00fcller", "Mu\u0308ller"),
        ("p1", "p1\u200b"),
        ("\uff11\uff12", "12"),
        ("a-1", "a\u20131"),
        ("a-1", "a\u20121"),
        ("-5", "\u22125"),
        ("5", "+5"),
        ("a1", "\u04301"),
        ("PAH7", "\u0420\u0410\u041d7"),
        ("TOM", "\u03a4\u039f\u039c"),
    ],
)
def test_spellings_of_one_id_are_refused_with_their_lines(one, other):
    with pytest.raises(DataError) as error:
        ids.check(pd.Series(["x", one, one, other], index=[2, 3, 4, 5]), "patient", "t.csv")
    message = str(error.value)
    assert message.startswith("t.csv: patient is '") and "in line 3 and '" in message and "in line 5" in message
    assert "set ids: exact" in message
    assert all(sign.isascii() or sign in "Müller" for sign in message)  # nothing hides or looks like something else


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.5", "15"), ("p1", "p10"), ("3.1", "3.10"), ("a_1", "a-1"), ("a5", "a+5"), ("5", "-5"), ("\u0431", "b")],
)
def test_different_ids_stay_different(one, other):
    ids.check(pd.Series([one, other]), "patient", "t.csv")


def test_the_number_of_pairs_is_named():
    with pytest.raises(DataError, match=r"'0' in line 0 and '0\.0' in line 6; .*\(6 such pairs\)"):
        ids.check(pd.Series([*map(str, range(6)), *(f"{i}.0" for i in range(6))]), "patient", "t.csv")


def test_numbers_that_a_spreadsheet_shortened_and_control_characters_are_refused():
    with pytest.raises(DataError, match=r"patient '1\.23457E\+12' in line 1 is a long number"):
        ids.check(pd.Series(["7", "1.23457E+12"]), "patient", "t.csv")
    with pytest.raises(DataError, match=r"patient 'a\\nb' in line 0 has a control character"):
        ids.clean(pd.Series(["a\nb"]), "patient", "t.csv")


def test_only_names_that_would_be_equal_are_changed():
    keys = [("0_1", "3"), ("0", "1_3"), ("a_b", "c"), ("p", "L1/L2")]
    assert ids.joined(keys, "t.csv") == {
        ("0_1", "3"): "0%5F1_3",
        ("0", "1_3"): "0_1%5F3",
        ("a_b", "c"): "a_b_c",
        ("p", "L1/L2"): "p_L1/L2",
    }
    with pytest.raises(DataError, match="two samples have the same name"):
        ids.joined([("0_1", "3"), ("0", "1_3"), ("0%5F1", "3")], "t.csv")
