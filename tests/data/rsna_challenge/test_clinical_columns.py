"""The clinical columns of RSNA's layout: a table of patients beside the gradings."""

import shutil

import numpy as np
import pandas as pd
import pytest

from data.base import DataError
from data.rsna import Rsna


@pytest.fixture
def copy(rsna_phantom, tmp_path):
    """A phantom that a test may damage."""
    return shutil.copytree(rsna_phantom, tmp_path / "rsna")


def test_clinical_columns_are_those_of_the_study(copy):
    file = copy / "train_clinical.csv"
    studies = pd.read_csv(copy / "train.csv", dtype=str)["study_id"]
    rows = [(studies[0], "61", "M", ""), (studies[1], "", "F", "70.5"), (studies[2], "43", "", "88")]
    pd.DataFrame(rows, columns=["study_id", "Age", "sex", "weight"]).to_csv(file, index=False)
    dataset = Rsna(folder=str(copy), clinical=("age", "sex", "weight"))
    assert dataset.clinical == ("age", "sex", "weight")
    samples = dataset.samples()
    assert samples["age"].dtype == samples["weight"].dtype == np.float64
    expected = {studies[0]: (61, "M", np.nan), studies[1]: (np.nan, "F", 70.5), studies[2]: (43, np.nan, 88)}
    for study, part in samples.groupby("study"):
        values = part[["age", "sex", "weight"]].drop_duplicates()
        assert len(part) == 25 and len(values) == 1
        for found, wanted in zip(values.iloc[0], expected.get(study, (np.nan,) * 3), strict=True):
            assert found == wanted or (pd.isna(found) and pd.isna(wanted))
    plain = Rsna(folder=str(copy))
    pd.testing.assert_frame_equal(samples.drop(columns=["age", "sex", "weight"]), plain.samples())
    assert plain.clinical == ()


@pytest.mark.parametrize(
    ("columns", "text", "why"),
    [
        (("agee",), "study_id,age\n1,2\n", "no column 'agee': did you mean 'age'"),
        (("level",), "study_id,level\n1,2\n", "can't be named 'level': rename it"),
        (("age",), "study_id,age\n1,2\n1,3\n", "line 3: study 1 has a row before"),
        (("age",), None, "no such file"),
    ],
)
def test_a_clinical_table_that_cannot_be_used_is_named(copy, columns, text, why):
    file = copy / "train_clinical.csv"
    file.unlink()
    if text:
        file.write_text(text)
    with pytest.raises(DataError, match=why):
        Rsna(folder=str(copy), clinical=columns).samples()


def test_types_and_codes_of_missing_values_are_those_of_image_table(copy):
    studies = pd.read_csv(copy / "train.csv", dtype=str)["study_id"]
    cells = ["61", "> 89", "-1", *(str(40 + i) for i in range(len(studies) - 3))]
    sex = ["f", "F", "9", *"FM" * len(studies)][: len(studies)]
    pd.DataFrame({"study_id": studies, "age": cells, "sex": sex}).to_csv(copy / "train_clinical.csv", index=False)
    where = {"folder": str(copy), "clinical": ("age", "sex")}
    with pytest.raises(DataError, match=r"'age' holds numbers, but line 3 has '> 89': .* set types: \{age: number\}"):
        Rsna(**where).samples()
    dataset = Rsna(**where, types={"Age": "number"}, missing={"age": [-1], "sex": 9})
    found = dataset.samples().groupby("study").first().loc[studies]
    assert found["age"].fillna(0).tolist() == [61, 0, 0, *range(40, 37 + len(studies))]
    assert found["sex"].fillna("").tolist()[:3] == ["F", "F", ""]
    why = "line 3: age is '> 89', which is no number: read as missing"
    assert ("train_clinical.csv", "", "", why) in set(dataset.excluded().itertuples(index=False, name=None))
    assert any("is read with 'f' as 'F'" in note for note in dataset.table_notes())
    unknown = ({"types": {"sexx": "words"}}, "types names 'sexx'"), ({"missing": {"id": 9}}, "missing names 'id'")
    for settings, named in unknown:
        with pytest.raises(DataError, match=f"{named}.*, which is no column of clinical"):
            Rsna(**(where | settings)).samples()
    with pytest.raises(DataError, match="types: age is 'float': use number or words"):
        Rsna(**where, types={"age": "float"}).samples()
    with pytest.raises(DataError, match="types names 'age', which is no column of clinical"):
        Rsna(folder=str(copy), types={"age": "number"}).samples()
