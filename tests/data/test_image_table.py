"""A table of one's own images, with planted faults, and the real disc crops."""

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_array_equal

from data.base import DataError, Target
from data.image_table import ImageTable
from tests.data.tables import discs_of, reasons, write_table

SHARED = Path(os.environ.get("SCANGRID_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared")) / "data"


def test_rows_of_one_patient_and_place_are_one_sample(discs):
    dataset = discs_of(discs, clinical=("sex", "age"))
    samples = dataset.samples()
    assert samples.index.tolist() == ["a_L5/S1", "a_L4/L5", "b_L5/S1"]
    assert dataset.sequences == ("t1", "t2")
    assert dataset.load("a_L5/S1", "t1").pixels[0, 0, 0] == 0
    assert dataset.load("a_L5/S1", "t2").pixels[0, 0, 0] == 1
    assert dataset.load("a_L4/L5", "t1") is None
    assert [path.name for path in dataset.files("a_L5/S1")] == ["0.png", "1.png"]
    assert samples["split"].tolist() == ["train", "train", "test"]
    assert samples["age"].tolist()[:2] == [40, 40]
    assert samples["age"].isna().tolist() == [False, False, True]
    assert dataset.excluded().empty
    assert dataset.patients_known


def test_classes_are_the_labels_that_occur(discs):
    assert discs_of(discs).targets() == [
        Target("bulging", "bulging", (0, 1)),
        Target("severity", "severity", ("mild", "none", "severe")),
        Target("grade", "grade", (1, 2, 3), ordinal=True),
    ]


def test_a_spreadsheet_may_have_its_own_column_names(tmp_path, discs):
    expected = discs_of(discs).samples()
    names = {"image": "File", "patient": "Case", "sequence": "Weighting"}
    (tmp_path / "tables").mkdir()
    path = tmp_path / "tables" / "own.xlsx"
    pd.read_csv(discs, keep_default_na=False).rename(columns=names).to_excel(path, index=False)
    dataset = discs_of(str(path), root=str(tmp_path), image="File", patient="Case", sequence="Weighting")
    pd.testing.assert_frame_equal(dataset.samples(), expected)
    assert dataset.load("b", "t2").pixels[0, 0, 0] == 3


def test_without_sequences_or_patients(tmp_path, discs):
    table = write_table(tmp_path, "image,label\n0.png,1\n1.png,0", "small.csv")
    dataset = ImageTable(table=table, patient="", labels=("label",))
    assert dataset.sequences == ("image",)
    assert dataset.samples()["patient"].is_unique
    assert not dataset.patients_known
    assert dataset.load(dataset.samples()["study"].iloc[1], "image").pixels[0, 0, 0] == 1


def test_levels_of_one_volume_share_a_study(tmp_path):
    pixels = np.random.default_rng(0).integers(-1000, 2000, (4, 5, 6)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "ct.nii.gz"))
    sitk.WriteImage(sitk.GetImageFromArray((pixels > 0).astype(np.uint8)), str(tmp_path / "mask.nii.gz"))
    table = write_table(
        tmp_path,
        """image,mask,patient,level,label
        ct.nii.gz,mask.nii.gz,a,L1,0
        ct.nii.gz,mask.nii.gz,a,L2,1""",
    )
    dataset = ImageTable(table=table, locations=("level",), labels=("label",), orientation="sagittal")
    assert dataset.samples()["study"].tolist() == ["a", "a"]
    image = dataset.load("a", "image")
    assert_array_equal(image.pixels, pixels.transpose(2, 0, 1)[:, ::-1])
    assert_array_equal(image.mask, image.pixels > 0)
    assert [path.name for path in dataset.files("a")] == ["ct.nii.gz", "mask.nii.gz"]


def test_two_rows_of_one_sample_and_sequence_are_refused(tmp_path, discs):
    with pytest.raises(DataError, match=r"lines 3 and 4 are both sample 'a' in sequence 't2'.*`locations`"):
        ImageTable(table=discs, labels=("bulging",)).samples()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("3.png,b", "3.png,A", r"patient is 'a' in line 2 and 'A' in line 5, which differ only in case.*ids: exact"),
        ("1.png,a,t2", "1.png,a,T2", r"sequence is 'T2' in line 3 and 't2' in line 4"),
        ("3.png,b,t2,L5/S1", "3.png,b,t2,l5/s1", r"level is 'L5/S1' in line 2 and 'l5/s1' in line 5"),
    ],
)
def test_two_spellings_of_one_name_are_refused(tmp_path, discs, before, after, message):
    text = Path(discs).read_text()
    assert before in text
    with pytest.raises(DataError, match=message):
        discs_of(write_table(tmp_path, text.replace(before, after))).samples()


def test_a_sample_whose_sequences_contradict_each_other_is_left_out_of_that_target_alone(tmp_path, discs):
    text = Path(discs).read_text().replace("1.png,a,t2,L5/S1,1,3", "1.png,a,t2,L5/S1,0,3")
    path = write_table(tmp_path, text)
    why = "its sequences contradict each other in bulging, so it is left out of this target: 1 (line 2) and 0 (line 3)"
    dataset = discs_of(path)
    samples = dataset.samples()
    assert samples.index.tolist() == ["a_L5/S1", "a_L4/L5", "b_L5/S1"]
    assert samples["bulging"].isna().tolist() == [True, False, False]
    assert samples[["severity", "grade"]].notna().all(axis=None)
    assert reasons(dataset) == [f"a_L5/S1: {why}"]
    assert dataset.load("a_L5/S1", "t1") is not None
    alone = ImageTable(table=path, locations=("level",), labels=("bulging",))
    assert alone.samples().index.tolist() == ["a_L4/L5", "b_L5/S1"]
    assert reasons(alone) == [f"a_L5/S1: {why}", "a_L5/S1: no label can be used"]
    assert alone.load("a_L5/S1", "t1") is None


def test_a_sample_in_two_parts_of_a_split_is_left_out(tmp_path):
    rows = "image,patient,sequence,y,split\n0.png,a,t1,1,train\n1.png,a,t2,1,test\n2.png,b,t1,0,test"
    dataset = ImageTable(table=write_table(tmp_path, rows), labels=("y",))
    assert dataset.samples().index.tolist() == ["b"]
    assert reasons(dataset) == ["a: its sequences contradict each other in split: train (line 2) and test (line 3)"]


def test_gaps_are_named(tmp_path):
    table = write_table(
        tmp_path,
        """image,patient,level,label,other
        ,a,L1,1,1
        0.png,,,1,1
        1.png,b,L1,,1
        2.png,c,L1,,
        3.png,d,L1,0,""",
    )
    dataset = ImageTable(table=table, locations=("level",), labels=("label", "other"))
    assert dataset.samples().index.tolist() == ["b_L1", "d_L1"]
    assert reasons(dataset) == [
        ": line 2: no image",
        ": line 3: no patient and no level",
        "b_L1: label is absent: left out of this target",
        "d_L1: other is absent: left out of this target",
        "c_L1: no label can be used",
    ]


def test_columns_that_tell_nothing_and_values_that_never_occur_are_noted(tmp_path):
    text = "image;patient;y;age;site;dose\n" + "\n".join(f"{k}.png;p{k};{k % 2};;A;1.{k}00" for k in range(4))
    asked = {"labels": ("y",), "clinical": ("age", "site", "dose"), "missing": {"site": ["A", "B"], "y": 7}}
    dataset = ImageTable(table=write_table(tmp_path, text), **asked)
    assert dataset.table_notes() == (
        "table.csv: missing: y names '7', which is in no cell of it.",
        "table.csv: column 'age' is empty, so it tells no patients apart.",
        "table.csv: missing: site names 'B', which is in no cell of it.",
        "table.csv: column 'site' is empty, so it tells no patients apart.",
        "table.csv: column 'dose' is read with decimal points: line 2 has '1.000' and 3 more, though semicolons part "
        "its columns, as where points part thousands: write such numbers without a point.",
    )
    dataset = ImageTable(table=write_table(tmp_path, text.replace("1.300", "0.3")), **asked | {"missing": {}})
    assert dataset.table_notes() == (
        "table.csv: column 'age' is empty, so it tells no patients apart.",
        "table.csv: column 'site' is 'A' wherever it is filled, so it tells no patients apart.",
    )
    with_commas = text.replace("1.", "10.").replace(";", ",")
    assert not any(
        "decimal points" in note for note in ImageTable(table=write_table(tmp_path, with_commas), **asked).table_notes()
    )


def test_a_name_that_no_file_can_have_costs_one_row(tmp_path):
    """The system refuses even to look for it."""
    deep = "/".join(["folder" * 20] * 50) + "/a.png"
    names = ["a.png", "n" * 252 + ".png", "ü" * 130 + ".png", deep, "b.png", "n" * 251 + ".png"]
    lines = [f"{name},{'m' * 300 if name == 'b.png' else ''},{k},1" for k, name in enumerate(names)]
    dataset = ImageTable(table=write_table(tmp_path, "\n".join(["image,mask,patient,y", *lines])), labels=("y",))
    assert dataset.samples()["patient"].tolist() == ["0", "5"]
    found = dataset.excluded()["reason"].tolist()
    assert [reason.partition(":")[0] for reason in found] == ["line 3", "line 4", "line 5", "line 6"]
    assert all(reason.endswith("...' is longer than a file's name can be") and len(reason) < 120 for reason in found)
    assert [dataset.absent(study) for study in dataset.samples()["study"]] == [
        [tmp_path / name] for name in (names[0], names[5])
    ]


def test_a_missing_image_is_named(discs):
    dataset = discs_of(discs)
    (Path(discs).parent / "3.png").unlink()
    assert len(dataset.samples()) == 3
    assert dataset.files("b") == []
    assert [path.name for path in dataset.absent("b")] == ["3.png"]
    assert dataset.absent("a_L5/S1") == []
    with pytest.raises(DataError, match=r"3\.png: no such file"):
        dataset.load("b", "t2")


def test_faults_of_a_table_are_named(tmp_path, discs):
    with pytest.raises(DataError, match="set `table`"):
        ImageTable().samples()
    with pytest.raises(DataError, match=r"gone\.csv: no such file"):
        ImageTable(table=str(tmp_path / "gone.csv")).samples()
    with pytest.raises(
        DataError, match=r"no column 'bulgin': did you mean 'bulging'.* It has image, patient, sequence"
    ):
        discs_of(discs, labels=("bulgin",)).samples()
    with pytest.raises(DataError, match="column 'bulging' is in `clinical` and in `labels`"):
        discs_of(discs, clinical=("Bulging",)).samples()
    with pytest.raises(DataError, match="column 'grade' is in `locations` and in `labels`"):
        discs_of(discs, locations=("level", "grade")).samples()
    with pytest.raises(DataError, match="no column 'picture' of image files; it has image, patient"):
        discs_of(discs, image="picture").samples()
    with pytest.raises(DataError, match="can't be named 'study': rename it"):
        text = Path(discs).read_text().replace("sex,", "study,", 1)
        discs_of(write_table(tmp_path, text, "named.csv"), clinical=("study",)).samples()
    with pytest.raises(DataError, match="no column 'weighting'"):
        discs_of(discs, sequence="weighting").samples()
    with pytest.raises(DataError, match="'severity' is ordinal, so its labels must be whole numbers"):
        discs_of(discs, ordinal=("severity",)).samples()
    with pytest.raises(DataError, match="split 'third' is none of train, val, test"):
        text = Path(discs).read_text().replace("test", "third")
        discs_of(write_table(tmp_path, text, "split.csv")).samples()
    (tmp_path / "latin.csv").write_bytes("image,patient\nä.png,Müller\n".encode("latin-1"))
    with pytest.raises(DataError, match="is not UTF-8"):
        ImageTable(table=str(tmp_path / "latin.csv")).samples()
    (tmp_path / "broken.xlsx").write_bytes(b"PK\3\4 no spreadsheet")
    with pytest.raises(DataError, match=r"broken\.xlsx: can't be read as a table"):
        ImageTable(table=str(tmp_path / "broken.xlsx")).samples()
    with pytest.raises(DataError, match=r"comma\.csv: line 2 has 3 cells and the header 2: does it end with a"):
        ImageTable(table=write_table(tmp_path, "image,patient\na.png,p1,\nb.png,p2,", "comma.csv")).samples()
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty\.csv: can't be read as a table"):
        ImageTable(table=str(tmp_path / "empty.csv")).samples()
    with pytest.raises(DataError, match="no row names image, patient"):
        ImageTable(table=write_table(tmp_path, "image,patient\n,", "bare.csv")).samples()


def test_real_crops_have_the_published_counts():
    folder = SHARED / "spider-ivd-crops-2d"
    if not folder.is_dir():
        pytest.skip(f"no real disc crops in {SHARED}")
    dataset = ImageTable(
        table=str(folder / "labels.csv"),
        image="file",
        locations=("ivd_label",),
        labels=("disc_bulging",),
        ordinal=("pfirrman_grade",),
        split="subset",
    )
    samples = dataset.samples()
    assert (len(samples), samples["patient"].nunique()) == (561, 83)
    have = {s: {q for q in dataset.sequences if (s, q) in dataset._read.scans} for s in samples["study"]}
    assert sum({"t1", "t2"} <= found for found in have.values()) == 248
    assert sum("t2" in found and "t1" not in found for found in have.values()) == 258
    assert sum(found == {"t1"} for found in have.values()) == 46
    assert sum("t2_SPACE" in found for found in have.values()) == 98
    t2 = samples[[("t2" in have[study]) for study in samples["study"]]]
    assert (len(t2), t2["patient"].nunique()) == (506, 75)
    assert dataset.excluded().empty
    assert dataset.load(t2["study"].iloc[0], "t2").pixels.shape == (1, 96, 96)


def test_the_digest_follows_which_file_is_which_sequence(tmp_path):
    import hashlib

    rng = np.random.default_rng(0)
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), rng.integers(0, 255, (8, 8), np.uint8))

    def digest(first, second):
        table = tmp_path / "t.csv"
        table.write_text(f"image,patient,sequence,y\n{first}.png,1,t1,0\n{second}.png,1,t2,0\n")
        dataset = ImageTable(table=str(table), labels=("y",))
        study = dataset.samples()["study"].iloc[0]
        return dataset.digest(study, lambda path: hashlib.sha256(path.read_bytes()).hexdigest())

    assert digest("a", "b") == digest("a", "b") != digest("b", "a")


def test_the_orientation_is_part_of_an_embeddings_key():
    assert "orientation" in ImageTable.reading_fields
