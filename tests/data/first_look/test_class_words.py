"""Classes in words have the order that their words say, in five languages, or none."""

import random

import pytest

from data.first_look.class_words import known_order

ORDERED = [
    ["none", "mild", "moderate", "severe"],
    ["Normal", "Mild", "Severe", "very severe"],
    ["sain", "léger", "modéré", "sévère"],
    ["kein", "leicht", "mittel", "schwer"],
    ["keine", "geringgradig", "mittelgradig", "hochgradig"],
    ["no", "leve", "moderado", "grave"],
    ["assente", "lieve", "moderato", "grave"],
    ["low", "medium", "high"],
    ["niedrig", "mittel", "hoch"],
    ["faible", "moyen", "élevé"],
    ["small", "medium", "large"],
    ["healthy", "early", "intermediate", "late"],
    ["G1", "G2", "G10"],
    ["stage 0", "stage 1", "stage 3"],
    ["I", "II", "III", "IV", "V"],
]


@pytest.mark.parametrize("ordered", ORDERED, ids=lambda words: words[0])
def test_known_words_are_ordered_however_they_are_listed(ordered):
    for seed in range(5):
        assert known_order(random.Random(seed).sample(ordered, len(ordered))) == ordered


@pytest.mark.parametrize(
    "words",
    [
        ["cyst", "tumour", "normal"],
        ["no", "none", "mild"],
        ["a", "b", "c"],
        ["G1", "S2", "G3"],
        ["T1", "t01", "T2"],
    ],
)
def test_other_words_have_no_order(words):
    assert known_order(words) is None
