"""Messages show words as they are written; only signs that are hidden or look like others are shown by their number."""

import pytest

from data.text.spelling import changed, legible


@pytest.mark.parametrize(
    "word",
    ["Sévère", "Müller-Straße 3", "P001", "brændt øre", "Größe (m2)", "Диагноз", "骨折", "ñ7", "°C"],
)
def test_words_are_shown_as_they_are_written(word):
    assert legible(word) == word


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("Mu\u0308ller", "Mu\\u0308ller"),  # two signs that look like one letter
        ("P\u2013001", "P\\u2013001"),  # a dash that looks like a hyphen
        ("Müller\xa0B", "Müller\\xa0B"),  # a blank that is none
        ("Müller\n", "Müller\\n"),
        ("\u0420001", "\\u0420001"),  # a Cyrillic letter that looks like P
        ("S\u0435vère", "S\\u0435vère"),  # a Cyrillic letter among Latin ones
        ("a\u200bb", "a\\u200bb"),
        ("\ufb01n", "\\ufb01n"),
    ],
)
def test_signs_that_hide_or_mislead_are_shown_by_their_number(word, shown):
    assert legible(word) == shown


def test_a_word_that_is_read_as_another_is_legible():
    assert changed({"Sévère": "sévère"}) == "'Sévère' as 'sévère'"


def test_a_word_of_another_alphabet_is_shown_by_its_numbers_beside_one_that_it_looks_like():
    greek = "\u03a4\u039f\u039c"
    assert legible(greek) == greek
    assert changed({greek: "TOM"}) == "'\\u03a4\\u039f\\u039c' as 'TOM'"
