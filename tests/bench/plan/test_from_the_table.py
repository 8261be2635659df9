"""What a plan says from the table alone, before any image is read."""

import pandas as pd
import pytest

from bench import api
from bench.plan import guards
from data import ScangridError


@pytest.fixture
def table():
    """Two sequences, `a` and `b_c`, of each of twelve patients; the first line of patient i is 2 i + 2."""
    rows = [
        {"patient": f"p{p:02d}", "sequence": s, "image": f"{p}{s}.png", "grade": str(p % 2), "side": "left"}
        | {"split": "test" if p < 6 else "train"}
        for p in range(12)
        for s in ("a", "b_c")
    ]
    return pd.DataFrame(rows, index=range(2, 26))


@pytest.fixture
def plan(tmp_path):
    def one(table, *settings, **fields):
        table.to_csv(tmp_path / "t.csv", index=False)
        for name in table["image"]:
            (tmp_path / name).touch()  # a plan opens no image
        data = {"table": str(tmp_path / "t.csv"), "labels": ["grade"]} | fields
        grid = {
            "name": "table",
            "data": {"image_table": data},
            "targets": data["labels"],
            "sequences": ["a", "b_c"],
            "encoders": [{"raw_pixels": {"size": 4}}],
            "heads": ["logistic"],
            "protocol": {"folds": 2},
            "compare": [{"family": {"sequences": "b_c"}, "against": "prior"}],
        }
        return str(api.plan(grid, settings=settings, store=tmp_path / "store"))

    return one


def test_a_file_of_two_patients_is_refused_with_its_lines(plan, table):
    table.loc[3, "image"] = table.loc[11, "image"]
    with pytest.raises(guards.GuardError) as error:
        plan(table)
    said = str(error.value)
    assert "1 image belongs to two patients (sample p00 (lines 2 and 3 of t.csv) of patient p00 and sample p04 " in said
    assert "sample p04 (lines 10 and 11 of t.csv) of patient p04, both with the file " in said
    assert "4b_c.png): remove one of each" in said and "protocol.identical_images: exclude" in said
    assert plan(table, "protocol.identical_images=exclude")
    assert plan(table, "protocol.near_duplicates=group")
    table.loc[3, "image"] = table.loc[2, "image"]
    assert plan(table), "one patient may have a file twice"


def test_what_the_data_lack_comes_before_rules_that_name_it_rightly(plan, table):
    with pytest.raises(ScangridError, match=r"no sequence 'bc' in image_table: did you mean 'b_c'\?"):
        plan(table, "sequences=[a, bc]")
    with pytest.raises(ScangridError, match=r"'compare.0.family.sequences' names 'b_c', which the grid does not have"):
        plan(table, "sequences=[a]")
    with pytest.raises(ScangridError, match=r"no column 'grad': did you mean 'grade'\?"):
        plan(table, labels=["grad"], classes={"grade": ["0", "1"]})


def test_many_labels_are_asked_about_once(plan, table):
    table["grade"] = [f"{line},5" for line in range(30, 30 + len(table))]
    table["image"] = [f"{line}.png" for line in table.index]
    table["patient"] = [f"p{line}" for line in table.index]
    (refused,) = [line for line in plan(table).splitlines() if "refused: " in line]
    assert "24 different labels, such as '30,5', '31,5', '32,5': are they classes?" in refused


def test_an_official_split_has_no_folds(plan, table):
    text = plan(table, "protocol.split=official")
    assert "by class, in all | in the test set" in text and "fold" not in text
    table.loc[[14, 15, 16, 17], "grade"] = "2"
    text = plan(table, "protocol.split=official")
    assert "  The test set lacks class 2: no score tells how well such samples are found. Merge classes." in text
    table.loc[[16, 17], "grade"] = "1"
    text = plan(table, "protocol.split=official")
    assert "refused: a class needs at least 2 patients ('2' has 1): merge classes" in text and "fold" not in text


def test_folds_without_a_class_are_left_out_in_whole_sentences(plan, table, tmp_path):
    table.loc[[2, 3, 6, 7], "grade"] = "2"
    folds = pd.DataFrame({"patient": table["patient"].unique(), "fold": [0] * 6 + [1] * 6})
    folds.to_csv(tmp_path / "folds.csv", index=False)
    text = plan(table, f"protocol.split={tmp_path / 'folds.csv'}")
    assert "  Folds that lack class 2 are left out of the AUC. Merge classes, or mend the folds in" in text


def test_a_patient_on_both_sides_of_an_official_split_is_named_with_its_lines(plan, table):
    table.loc[3, ["sequence", "side", "split"]] = ["a", "right", "train"]
    with pytest.raises(ScangridError) as error:
        plan(table, "protocol.split=official", locations=["side"])
    assert (
        "patient p00 is in the official test set and outside it: sample p00_left (line 2 of t.csv) is in test, and "
        "p00_right (line 3 of t.csv) is in train: give all samples of a patient one split" in str(error.value)
    )
