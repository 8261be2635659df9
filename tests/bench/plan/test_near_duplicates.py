"""Who is kept together, and which copies are left out under each split."""

import pandas as pd
import pytest

from bench.plan import guards
from bench.plan.near_duplicates import NearDuplicate, Sides, together

GIVEN = pd.DataFrame([("a", 0, -1), ("b", 0, -1), ("c", 0, 0), ("d", 0, 0)], columns=["patient", "repeat", "fold"])
OFFICIAL = Sides(GIVEN, drawn=False, groups={})


def pair(one, two):
    return NearDuplicate((one, two), (f"{one}_1", f"{two}_1"), ("t2", "t2"), 1.0, 1.0, 1.0, "mirrored")


def test_chains_of_copies_are_one_group():
    found = together([pair("d", "c"), pair("b", "a"), pair("b", "c"), pair("x", "y")])
    assert found == {"a": "a", "b": "a", "c": "a", "d": "a", "x": "x", "y": "x"}


def test_an_official_split_parts_training_from_test_alone():
    parted = {(one, two) for one in "abcd" for two in "abcd" if OFFICIAL.parts(one, two)}
    assert parted == {("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "a"), ("c", "b"), ("d", "a"), ("d", "b")}
    drawn = Sides(GIVEN, drawn=True, groups={"a": "a", "c": "a"})
    assert drawn.parts("a", "b") and not drawn.parts("a", "c") and not drawn.parts("a", "a")


@pytest.mark.parametrize(
    ("patients", "out"),
    [("ab", []), ("cd", []), ("ac", [0]), ("ca", [1]), ("abcd", [0, 1]), ("aa", [])],
)
def test_what_trains_is_left_out_and_what_is_tested_stays(patients, out):
    assert OFFICIAL.surplus(list(patients)) == out


def test_folds_of_a_file_leave_out_the_second_of_two_tested_copies():
    folds = pd.DataFrame([("a", 0, 0), ("b", 0, 1), ("c", 0, -1)], columns=["patient", "repeat", "fold"])
    assert Sides(folds, drawn=False, groups={}).surplus(["c", "b", "a"]) == [0, 2]


def test_identical_images_inside_training_are_no_matter():
    digests, patients, names = ["x", "x", "y", "y", "z"], ["a", "b", "b", "c", "d"], list("12345")
    with pytest.raises(
        guards.GuardError,
        match=r"1 image belongs to two patients whom the split parts "
        r"\(sample 4 of patient c and sample 3 of patient b\).* exclude to leave out",
    ):
        guards.same_image(digests, patients, names, OFFICIAL)
    assert list(guards.second_images(digests, patients, OFFICIAL)) == [2]
    guards.same_image(digests[:2], patients[:2], names[:2], OFFICIAL)
