"""Tables of images as they come: names that read like missing values, spellings, odd cells, ids that run together."""

from pathlib import Path

import pytest

from data.base import DataError
from data.image_table import ImageTable
from tests.data.tables import discs_of, reasons, write_table


def test_exact_ids_are_taken_as_they_are(tmp_path, discs):
    text = Path(discs).read_text().replace("3.png,b", "3.png,A")
    samples = discs_of(write_table(tmp_path, text), ids="exact").samples()
    assert samples["patient"].tolist() == ["a", "a", "A"]
    with pytest.raises(DataError, match="ids is 'loose': use exact"):
        discs_of(discs, ids="loose").samples()


def test_spellings_of_one_label_are_one_class_with_a_note(tmp_path, discs):
    text = Path(discs).read_text().replace("0,1,severe", "0.0,1,Mild")
    dataset = discs_of(write_table(tmp_path, text))
    assert dataset.samples()["severity"].tolist() == ["mild", "none", "mild"]
    assert [target.classes for target in dataset.targets()] == [(0, 1), ("none", "mild"), (1, 2, 3)]
    assert dataset.table_notes() == (
        "table.csv: column 'bulging' is read with '0.0' as '0' (line 5).",
        "table.csv: column 'severity' is read with 'Mild' as 'mild' (line 5).",
    )


def test_an_error_of_a_spreadsheet_is_no_class_and_codes_are_noted(tmp_path):
    rows = [f"{i}.png,p{i},{y}" for i, y in enumerate(["0", "1", "2", "#N/A", "NULL", "-9", "0", "x"])]
    table = write_table(tmp_path, "image,patient,y\n" + "\n".join(rows[:-1]))
    dataset = ImageTable(table=table, labels=("y",))
    assert dataset.targets()[0].classes == (-9, 0, 1, 2)
    assert reasons(dataset) == [f"p{i}: no label can be used" for i in (3, 4)]
    assert "column 'y' is -9 in 1 row" in dataset.table_notes()[0]
    assert ImageTable(table=table, labels=("y",), missing={"Y": -9}).targets()[0].classes == (0, 1, 2)
    mixed = write_table(tmp_path, "image,patient,y\n" + "\n".join(rows), "mixed.csv")
    assert (
        "in column 'y', line 9 has 'x', and most other labels are whole"
        in ImageTable(table=mixed, labels=("y",)).table_notes()[0]
    )
    with pytest.raises(DataError, match="'y' is ordinal, so its labels must be whole numbers, but line 9 has 'x'"):
        ImageTable(table=mixed, ordinal=("y",)).samples()
    with pytest.raises(DataError, match="missing names 'z', which is no column of labels, ordinal or clinical"):
        ImageTable(table=mixed, labels=("y",), missing={"z": [1]}).samples()
    with pytest.raises(DataError, match="types: y is 'text': use number or words"):
        ImageTable(table=mixed, labels=("y",), types={"y": "text"}).samples()


@pytest.mark.parametrize("name", ["null", "None", "NA", "n/a", "nan", "NULL"])
def test_a_patient_may_have_a_name_that_reads_like_a_missing_value(tmp_path, name):
    table = write_table(tmp_path, f"image,patient,y\n0.png,{name},0\n1.png,b,1\n2.png,,1")
    dataset = ImageTable(table=table, labels=("y",))
    assert dataset.samples()["patient"].tolist() == [name, "b"]
    assert reasons(dataset) == [": line 4: no patient"]
    assert f"patient '{name}' (line 2) is taken as a name" in dataset.table_notes()[0]


def test_a_column_of_another_spelling_is_not_a_second_role(tmp_path):
    table = write_table(tmp_path, "image,patient,grade,Grade,Patient\n0.png,a,0,1,s0\n1.png,b,1,0,s1")
    dataset = ImageTable(table=table, labels=("grade",), clinical=("Grade",))
    samples = dataset.samples()
    assert samples["patient"].tolist() == ["a", "b"]
    assert (samples["grade"].tolist(), samples["Grade"].tolist()) == ([0, 1], [1, 0])
    with pytest.raises(DataError, match="column 'grade' is in `clinical` and in `labels`"):
        ImageTable(table=table, labels=("grade",), clinical=("grade",)).samples()
    with pytest.raises(DataError, match="column 'grade' is in `labels` and in `split`"):
        ImageTable(table=table, labels=("grade",), split="grade").samples()


def test_a_study_has_one_patient_whatever_the_patients_are_called(tmp_path):
    rows = ["0.png,a_b,x,0", "0.png,a_b,y,0", "1.png,a,b,1", "2.png,a,c,1", "3.png,0_1,3,0", "4.png,0,1_3,1"]
    table = write_table(tmp_path, "image,patient,place,y\n" + "\n".join(rows))
    samples = ImageTable(table=table, labels=("y",), locations=("place",)).samples()
    assert samples["patient"].tolist() == ["a_b", "a_b", "a", "a", "0_1", "0"]
    assert samples.index.tolist() == ["a_b_x", "a_b_y", "a_b", "a_c", "0%5F1_3", "0_1%5F3"]
    assert not samples.drop_duplicates(["study", "patient"])["study"].duplicated().any()
    for study, patient in zip(samples["study"], samples["patient"], strict=True):
        files = ImageTable(table=table, labels=("y",), locations=("place",)).absent(study)
        assert {path.name for path in files} <= {row.split(",")[0] for row in rows if row.split(",")[1] == patient}


def test_sequences_that_differ_in_a_clinical_column_are_noted(tmp_path, discs):
    text = Path(discs).read_text().replace("1.png,a,t2,L5/S1,1,3,mild,F,40", "1.png,a,t2,L5/S1,1,3,mild,F,41")
    notes = discs_of(write_table(tmp_path, text), clinical=("age",)).table_notes()
    assert notes == ("table.csv: the sequences of 1 sample differ in age, such as a_L5/S1: the first value is used.",)
