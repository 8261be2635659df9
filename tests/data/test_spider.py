"""The SPIDER adapter on files of its layout with planted faults, and on the real tables and volumes."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_array_equal

from data.base import DataError
from data.spider import Spider

SHARED = Path(os.environ.get("SCANGRID_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared")) / "data"
HEADER = (
    "Patient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,"
    "Disc herniation,Disc narrowing,Disc bulging,Pfirrman grade"
)
OVERVIEW = "new_file_name,num_discs,sex,birth_date,subset,MagneticFieldStrength,Manufacturer,ManufacturerModelName"


def write_scan(folder, name, *, seed=0, images="images", masks="masks"):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 1500, (6, 5, 4)).astype(np.int16)
    labels = np.zeros((6, 5, 4), dtype=np.uint8)
    labels[1, 2, 1:3], labels[3, 2, 1:3] = 201, 202
    for place, array in ((images, pixels), (masks, labels)):
        (folder / place).mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / place / f"{name}.mha"))
    return pixels, labels


def write_tables(folder, rows, overview=()):
    (folder / "radiological_gradings.csv").write_text("\r\n".join([HEADER, *rows, ""]), newline="")
    (folder / "overview.csv").write_text("\r\n".join([OVERVIEW, *overview, ""]), newline="")


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("1_t1", "1_t2", "2_t2_SPACE")):
        write_scan(tmp_path, name, seed=number)
    write_tables(
        tmp_path,
        ["1,1,0,0,1,0,0,1,1,3", "1,2,3,0,0,0,0,0,1,2", "2,1,0,0,0,1,1,0,0,5"],
        [
            "1_t1,2,F ,,training,3.0,Philips Healthcare,Ingenia",
            "1_t2,2,F ,59.0,training,1.5,SIEMENS,Aera",
            "2_t2_SPACE,1,M,,validation,1.5,SIEMENS,Avanto",
        ],
    )
    return tmp_path


def reasons(dataset):
    return [f"{row['sample']}: {row['reason']}" for _, row in dataset.excluded().iterrows()]


def test_each_row_of_gradings_is_a_disc(folder):
    dataset = Spider(folder=str(folder))
    samples = dataset.samples()
    assert samples.index.tolist() == ["1_ivd1", "1_ivd2", "2_ivd1"]
    assert samples["level"].tolist() == ["L5/S1", "L4/L5", "L5/S1"]
    assert samples["mask_label"].tolist() == [201, 202, 201]
    assert samples["pfirrmann"].tolist() == [3, 2, 5]
    assert samples["narrowing"].tolist() == [1, 0, 0]
    assert samples["split"].tolist() == ["train", "train", "test"]
    assert dataset.excluded().empty


def test_clinical_columns_come_from_t2_first(folder):
    samples = Spider(folder=str(folder)).samples()
    clinical = samples.loc[["1_ivd1", "2_ivd1"], ["sex", "age", "manufacturer", "model", "field_strength"]]
    expected = pd.DataFrame(
        {
            "sex": ["F", "M"],
            "age": [59.0, np.nan],
            "manufacturer": ["SIEMENS", "SIEMENS"],
            "model": ["Aera", "Avanto"],
            "field_strength": [1.5, 1.5],
        },
        index=clinical.index,
    )
    pd.testing.assert_frame_equal(clinical, expected, check_dtype=False)


def test_loads_sagittal_slices_with_their_mask(folder):
    pixels, labels = write_scan(folder, "1_t1", seed=7)
    dataset = Spider(folder=str(folder))
    image = dataset.load("1", "t1")
    # The file is (inferior to superior, anterior to posterior, right to left).
    assert_array_equal(image.pixels, pixels.transpose(2, 0, 1)[:, ::-1])
    assert_array_equal(image.mask, labels.transpose(2, 0, 1)[:, ::-1])
    assert image.mask.dtype == np.int16
    assert dataset.load("2", "t1") is None
    assert dataset.load("none", "t2") is None
    assert {path.parent.name for path in dataset.files("1")} == {"images", "masks"}
    assert len(dataset.files("1")) == 4


def test_finds_nested_folders_and_tables_elsewhere(tmp_path, folder):
    nested = tmp_path / "nested"
    write_scan(nested, "1_t2", images="images/images", masks="masks/masks")
    dataset = Spider(folder=str(nested), tables=str(folder))
    assert dataset.samples()["patient"].tolist() == ["1", "1"]
    assert dataset.load("1", "t2").mask.max() == 202
    assert reasons(dataset) == [": 1 patients with 1 graded discs have no image"]


@pytest.mark.parametrize("name", ["radiological_gradings.xlsx", "annotations.xlsx"])
def test_a_spreadsheet_is_read_like_a_csv_file(folder, name):
    expected = Spider(folder=str(folder)).samples()
    table = pd.read_csv(folder / "radiological_gradings.csv")
    table.to_excel(folder / name, index=False)
    (folder / "radiological_gradings.csv").unlink()
    pd.testing.assert_frame_equal(Spider(folder=str(folder)).samples(), expected)


def test_annotations_of_the_disc_projects_are_read(tmp_path):
    for name in ("1_t2", "2_t2", "3_t2", "07_t2"):
        write_scan(tmp_path, name)
    header = ["Subject ID", "IVD number", "Level", "Pfirrmann", "Bulging", "Herniation", "Modic", "Listhesis"]
    rows = [
        [*header, "Sup endplate", "Inf endplate", "Narrowing", None],
        [1, 1, "L5-S1", 5, 1, 0, 1, 0, 0, 1, 0, None],
        ["scoliosis", 2, "L4-L5", 4, 0, 1, 2, 1, 1, 0, 1, "T11 not shown"],
        [None, 3, "L3-L4", 3, 0, 0, 3, 0, 0, 0, 0, None],
        [2, 2, "L4-L5", 2, 0, 0, 0, 0, 0, 0, 0, None],  # its lowest disc is not graded
        [None, 3, "L3-L4", 1, 0, 0, 0, 0, 0, 0, 0, None],
        [None, 1, "L5-S1", 1, 0, 0, 0, 0, 0, 0, 0, None],  # discs start again, and no id stands there
        [3, 2, "L5-S1", 1, 0, 0, 0, 0, 0, 0, 1, None],  # a sixth lumbar vertebra: the level is not the count
        [7, 3, "L3-L4", 2, 0, 0, 0, 0, 0, 0, 0, None],  # an id in the middle of the count
        [99, 1, "L5-S1", 2, 0, 0, 0, 0, 0, 0, 0, None],
    ]
    pd.DataFrame(rows).to_excel(tmp_path / "annotations.xlsx", index=False, header=False)
    dataset = Spider(folder=str(tmp_path))
    samples = dataset.samples()
    assert samples.index.tolist() == ["1_ivd1", "1_ivd2", "1_ivd3", "2_ivd2", "2_ivd3", "3_ivd2", "07_ivd3"]
    assert samples["level"].tolist() == ["L5/S1", "L4/L5", "L3/L4", "L4/L5", "L3/L4", "L5/S1", "L3/L4"]
    assert samples["mask_label"].tolist() == [201, 202, 203, 202, 203, 202, 203]
    assert samples["pfirrmann"].tolist() == [5, 4, 3, 2, 1, 1, 2]
    grades = ["bulging", "herniation", "modic", "spondylolisthesis", "upper_endplate", "lower_endplate", "narrowing"]
    assert samples.loc["1_ivd1", grades].tolist() == [1, 0, 1, 0, 0, 1, 0]
    assert samples.loc["1_ivd2", grades].tolist() == [0, 1, 2, 1, 1, 0, 1]
    assert reasons(dataset) == ["?_ivd1: line 7: has no patient", ": 1 patients with 1 graded discs have no image"]
    notes = " ".join(dataset.table_notes())
    assert "line 3: patient 1 has the remark 'scoliosis'." in notes
    assert "line 3: patient 1 has the remark 'T11 not shown'." in notes
    assert "patient '7' (line 9) is read as '07'" in notes
    assert "the level of 1 disc is not the one" in notes and "'L5/S1' in line 8" in notes


def test_patients_are_named_as_their_images_are(folder):
    write_tables(folder, ["1.0,1,0,0,1,0,0,1,1,3", "002,1,0,0,0,1,1,0,0,5"], ["1.0_t2,2,F,63 y,training,3.0,a,b"])
    dataset = Spider(folder=str(folder))
    assert dataset.samples()["patient"].tolist() == ["1", "2"]
    assert dataset.samples()["sex"].fillna("").tolist() == ["F", ""]
    assert "overview.csv: 1 patients with images have no row, such as 2" in " ".join(dataset.table_notes())
    assert reasons(dataset) == [": line 2: birth_date is '63 y', which is no number: read as missing"]
    write_scan(folder, "01_t2")
    with pytest.raises(DataError, match=r"patient is '01' in 01_t2\.mha and '1' in 1_t1\.mha"):
        Spider(folder=str(folder)).samples()


def test_other_sequences_can_be_named(folder):
    write_scan(folder, "1_stir")
    dataset = Spider(folder=str(folder), sequences=("t1", "stir"))
    assert dataset.samples()["patient"].unique().tolist() == ["1"]
    assert dataset.samples()["manufacturer"].unique().tolist() == ["SIEMENS"]
    assert dataset.load("1", "stir") is not None
    assert dataset.load("1", "t2") is None


def test_every_fault_of_the_gradings_is_named(folder):
    write_scan(folder, "3_t2")
    write_tables(
        folder,
        [
            "1,0,0,0,0,0,0,0,0,1",
            "1,1,0,0,0,0,7,1,1,6",
            "1,2,,0,0,0,0,0,x,2",
            "1,2,,0,0,0,0,0,x,2",
            "1,3,0,0,0,0,0,0,0,2",
            "1,3,0,0,0,0,0,1,0,2",
            "2,1,,,,,,,,9",
            "2,,0,0,0,0,0,0,0,1",
            ",4,0,0,0,0,0,0,0,1",
            "77,1,0,0,0,0,0,0,0,1",
            "78,1,0,0,0,0,0,0,0,1",
        ],
    )
    dataset = Spider(folder=str(folder))
    samples = dataset.samples()
    assert samples.index.tolist() == ["1_ivd1", "1_ivd2"]
    assert samples[["herniation", "pfirrmann"]].isna().to_numpy().tolist() == [[True, True], [False, False]]
    assert samples[["modic", "bulging"]].isna().to_numpy().tolist() == [[False, False], [True, True]]
    found = reasons(dataset)
    absent = [f"{grade} is absent, expected 0 to 1: left out of this target" for grade in ("upper_endplate", "bulging")]
    for expected in [
        "?_ivd4: line 10: has no patient",
        ": 2 patients with 2 graded discs have no image",
        ": patient 3 has images but no grading",
        "1_ivd0: line 2: IVD label is 0, discs count from 1 (L5/S1)",
        "2_ivd?: line 9: IVD label is absent, discs count from 1 (L5/S1)",
        "1_ivd2: line 5: the same as line 4, which is kept",
        "1_ivd3: line 6: another row contradicts it, so none is kept",
        "1_ivd3: line 7: another row contradicts it, so none is kept",
        "1_ivd1: line 3: herniation is 7, expected 0 to 1: left out of this target",
        "1_ivd1: line 3: pfirrmann is 6, expected 1 to 5: left out of this target",
        "1_ivd2: line 4: modic is absent, expected 0 to 3: left out of this target",
        "1_ivd2: line 4: bulging is x, expected 0 to 1: left out of this target",
        "2_ivd1: line 8: pfirrmann is 9, expected 1 to 5: left out of this target",
        *[f"2_ivd1: line 8: {reason}" for reason in absent],
        "2_ivd1: line 8: no grading can be used",
    ]:
        assert found.count(expected) == 1, (expected, found)
    assert set(dataset.excluded()["file"]) == {"radiological_gradings.csv"}


def test_works_without_an_overview(folder):
    (folder / "overview.csv").unlink()
    samples = Spider(folder=str(folder)).samples()
    assert "split" not in samples
    assert samples["age"].isna().all()


def test_missing_pieces_are_named(tmp_path, folder):
    with pytest.raises(DataError, match="set `folder`"):
        Spider().samples()
    with pytest.raises(DataError, match="no such folder"):
        Spider(folder=str(tmp_path / "images")).samples()
    with pytest.raises(DataError, match=r"no scan PATIENT_SEQUENCE\.mha with a sequence of flair"):
        Spider(folder=str(folder), sequences=("flair",)).samples()
    with pytest.raises(DataError, match="no table of gradings: expected radiological_gradings"):
        Spider(folder=str(folder), tables=str(folder / "masks")).samples()
    with pytest.raises(DataError, match=r"1_t1\.mha: no such file"):
        dataset = Spider(folder=str(folder))
        dataset.samples()
        (folder / "masks" / "1_t1.mha").unlink()
        dataset.load("1", "t1")
    gradings = (folder / "radiological_gradings.csv").read_text()
    (folder / "radiological_gradings.csv").write_text(gradings.replace("IVD label", "IVD labels"))
    with pytest.raises(DataError, match="no column 'IVD label': did you mean 'IVD labels'"):
        Spider(folder=str(folder)).samples()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1_t1,2,F,,holdout,3.0,a,b", "subset 'holdout' is none of training, validation, test"),
        ("1_t1,2,F,,validation,3.0,a,b", "patient 1 is in two subsets"),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(folder, row, reason):
    with (folder / "overview.csv").open("a") as file:
        file.write(row + "\n")
    with pytest.raises(DataError, match=reason):
        Spider(folder=str(folder)).samples()


def test_without_a_folder_of_masks_there_is_no_mask(folder):
    for path in (folder / "masks").iterdir():
        path.unlink()
    (folder / "masks").rmdir()
    assert Spider(folder=str(folder)).load("1", "t2").mask is None


@pytest.fixture(scope="module")
def real():
    if not (SHARED / "spider-t2space-volumes").is_dir():
        pytest.skip(f"no real SPIDER files in {SHARED}")
    return Spider(folder=str(SHARED / "spider-t2space-volumes"), tables=str(SHARED / "spider-tables"))


def test_real_discs_have_the_published_counts(real):
    samples = real.samples()
    assert (len(samples), samples["patient"].nunique()) == (255, 33)
    assert samples["pfirrmann"].value_counts().sort_index().tolist() == [37, 52, 63, 68, 35]
    assert samples.drop_duplicates("patient")["split"].value_counts().to_dict() == {"train": 25, "test": 8}
    assert reasons(real) == [": 185 patients with 1265 graded discs have no image"]


def test_real_masks_mark_every_graded_disc_from_the_bottom(real):
    samples = real.samples()
    for patient, discs in list(samples.groupby("patient"))[:6]:
        image = real.load(patient, "t2_SPACE")
        heights = [image.position(np.argwhere(image.mask == label)).mean(axis=0)[2] for label in discs["mask_label"]]
        assert np.all(np.diff(heights) > 0), f"{patient}: discs do not go up"
        canal = image.position(np.argwhere(image.mask == 100)).mean(axis=0)
        disc = image.position(np.argwhere(image.mask > 200)).mean(axis=0)
        assert canal[1] > disc[1], f"{patient}: the canal is not behind the discs"
