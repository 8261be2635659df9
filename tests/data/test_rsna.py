"""The RSNA adapter on the phantom's files and on files with RSNA's oddities."""

import shutil

import numpy as np
import pandas as pd
import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.rsna import Rsna


@pytest.fixture
def copy(rsna_phantom, tmp_path):
    """A phantom that a test may damage."""
    return shutil.copytree(rsna_phantom, tmp_path / "rsna")


@pytest.fixture
def truth(rsna_phantom):
    return pd.read_csv(rsna_phantom / "truth.csv", dtype={"study_id": str, "row_id": str}).set_index("row_id")


def edit(file, change):
    """Changes a table, all cells as text."""
    table = pd.read_csv(file, dtype=str)
    change(table).to_csv(file, index=False)


def reasons(dataset):
    return dataset.excluded()[["file", "sample", "sequence", "reason"]].agg(" | ".join, axis=1).tolist()


def test_samples_are_the_gradings(rsna_phantom, truth):
    samples = Rsna(folder=str(rsna_phantom)).samples()
    assert len(samples) == 4 * 25 and set(samples.index) == set(truth.index)
    there = truth.loc[samples.index]
    assert_array_equal(samples["severity"], there["severity"])
    assert_array_equal(samples["level"], there["level"])
    assert_array_equal(samples["patient"], there["study_id"])
    side = there["condition"].str.extract("^(left|right)_")[0].fillna("middle")
    assert_array_equal(samples["side"], side)
    assert_array_equal(samples["condition"], there["condition"].str.replace("^(left|right)_", "", regex=True))
    assert Rsna(folder=str(rsna_phantom)).excluded().empty


def test_targets_are_pooled_and_single_and_share_a_column(rsna_phantom):
    dataset = Rsna(folder=str(rsna_phantom))
    targets = {target.name: target for target in dataset.targets()}
    samples = dataset.samples()
    assert len(targets) == 1 + 3 + 4 + 25
    assert all(t.column == "severity" and t.ordinal and len(t.classes) == 3 for t in targets.values())
    columns = pd.read_csv(rsna_phantom / "train.csv").columns[1:]
    assert set(columns) <= set(targets)

    def chosen(name):
        rows = targets[name].rows
        return samples[np.all([samples[c] == v for c, v in rows.items()], axis=0)] if rows else samples

    assert len(chosen("severity")) == 100
    assert len(chosen("neural_foraminal_narrowing")) == 40
    assert len(chosen("left_subarticular_stenosis")) == 20
    for column in columns:
        assert all(sample.endswith(f"_{column}") for sample in chosen(column).index) and len(chosen(column)) == 4


def test_points_are_where_the_structures_are(rsna_phantom, truth):
    """They agree to half a slice distance, since a point is marked on the nearest slice; x, y have four decimals."""
    dataset = Rsna(folder=str(rsna_phantom))
    points = pd.concat([dataset.points(study) for study in dataset.samples()["study"].unique()])
    assert len(points) and (points["fault"] == "").all()
    away = points[["x", "y", "z"]].to_numpy() - truth.loc[points.index, ["x", "y", "z"]].to_numpy()
    sagittal = points["sequence"] != "axial_t2"
    assert np.linalg.norm(away[sagittal], axis=1).max() < 2.55
    assert np.median(np.linalg.norm(away, axis=1)) < 2


def test_points_follow_the_tags(rsna_phantom):
    dataset = Rsna(folder=str(rsna_phantom))
    study = dataset.samples()["study"].iloc[0]
    table = pd.read_csv(rsna_phantom / "train_label_coordinates.csv", dtype={"study_id": str})
    rows = table[table["study_id"] == study]
    names = rows["condition"] + " " + rows["level"]
    points = dataset.points(study).loc[study + "_" + names.str.lower().str.replace(r"[ /]", "_", regex=True)]
    for row, point in zip(rows.itertuples(), points.itertuples(), strict=True):
        tags = pydicom.dcmread(rsna_phantom / f"train_images/{study}/{row.series_id}/{row.instance_number}.dcm")
        right, down = np.reshape(np.array(tags.ImageOrientationPatient, dtype=float), (2, 3))
        place = np.array(tags.ImagePositionPatient, dtype=float)
        place += row.x * float(tags.PixelSpacing[1]) * right + row.y * float(tags.PixelSpacing[0]) * down
        assert_allclose([point.x, point.y, point.z], place)


@pytest.mark.parametrize("sequence", ["sagittal_t1", "sagittal_t2", "axial_t2"])
def test_every_pixel_of_a_sequence_is_where_its_file_says(rsna_phantom, sequence):
    dataset = Rsna(folder=str(rsna_phantom))
    series = pd.read_csv(rsna_phantom / "train_series_descriptions.csv", dtype=str)
    spelt = {"sagittal_t1": "Sagittal T1", "sagittal_t2": "Sagittal T2/STIR", "axial_t2": "Axial T2"}[sequence]
    for study, rows in series[series["series_description"] == spelt].groupby("study_id"):
        image = dataset.load(study, sequence)
        files = [p for s in rows["series_id"] for p in (rsna_phantom / "train_images" / study / s).iterdir()]
        assert len(image.pixels) == len(files) and image.faults == ()
        for path in files[::5]:
            file = pydicom.dcmread(path)
            right, down = np.reshape(np.array(file.ImageOrientationPatient, dtype=float), (2, 3))
            x, y = np.array([3, 40, 41]), np.array([5, 5, 60])
            place = np.array(file.ImagePositionPatient, dtype=float) + np.outer(x, right) * float(file.PixelSpacing[1])
            place += np.outer(y, down) * float(file.PixelSpacing[0])
            index = image.index(place)
            whole = np.rint(index).astype(int)
            assert_allclose(index, whole, atol=1e-3)
            assert_array_equal(image.pixels[tuple(whole.T)], file.pixel_array[y, x])


def test_an_absent_sequence_is_none(copy):
    study = Rsna(folder=str(copy)).samples()["study"].iloc[0]
    edit(
        copy / "train_series_descriptions.csv",
        lambda t: t[(t["study_id"] != study) | (t["series_description"] != "Axial T2")],
    )
    dataset = Rsna(folder=str(copy))
    assert dataset.load(study, "axial_t2") is None
    assert dataset.load(study, "sagittal_t1") is not None
    faults = dataset.points(study)["fault"]
    assert (faults[faults.index.str.contains("subarticular")].str.contains("the marked series .* has no row")).all()
    assert (faults[faults.index.str.contains("foraminal")] == "").all()


def test_empty_and_unknown_labels_drop_a_sample_from_its_targets(copy):
    def change(table):
        table.loc[0, "spinal_canal_stenosis_l1_l2"] = None
        table.loc[1, "left_subarticular_stenosis_l5_s1"] = "Grave"
        return table

    edit(copy / "train.csv", change)
    dataset = Rsna(folder=str(copy))
    samples = dataset.samples()
    assert len(samples) == 100 and samples["severity"].isna().sum() == 2
    first, second = pd.read_csv(copy / "train.csv", dtype=str)["study_id"][:2]
    left_out = "left out of its targets"
    assert reasons(dataset) == [
        f"train.csv | {first}_spinal_canal_stenosis_l1_l2 |  | line 2: severity is absent: {left_out}",
        f"train.csv | {second}_left_subarticular_stenosis_l5_s1 |  | line 3: severity is 'Grave', none of Normal/Mild, "
        f"Moderate, Severe: {left_out}",
    ]


def test_studies_that_can_not_be_used_are_named(copy):
    ids = pd.read_csv(copy / "train.csv", dtype=str)["study_id"].tolist()

    def change(table):
        other = table.iloc[[1]].assign(spinal_canal_stenosis_l1_l2="Severe", spinal_canal_stenosis_l2_l3=None)
        return pd.concat([table.iloc[:3], table.iloc[[0]], other, table.iloc[[0]].assign(study_id="99")])

    edit(copy / "train.csv", change)
    dataset = Rsna(folder=str(copy))
    assert dataset.samples()["study"].drop_duplicates().tolist() == [ids[0], ids[2]]
    assert reasons(dataset) == [
        f"train.csv |  |  | line 5: study {ids[0]} occurs twice: the first is kept",
        f"train.csv |  |  | line 6: study {ids[1]} occurs twice: the rows contradict each other, so none is kept",
        "train.csv |  |  | line 7: study 99 has no image of the sequences",
        f"train.csv |  |  | study {ids[3]} has images but no row",
    ]


def test_series_that_can_not_be_used_are_named(copy):
    table = pd.read_csv(copy / "train_series_descriptions.csv", dtype=str)
    study, gone = table.loc[table["series_description"] == "Sagittal T1", ["study_id", "series_id"]].iloc[0]
    shutil.rmtree(copy / "train_images" / study / gone)
    odd = pd.DataFrame(
        {"study_id": [study, study], "series_id": ["12", gone], "series_description": ["Coronal T2", "Axial T2"]}
    )
    edit(copy / "train_series_descriptions.csv", lambda t: pd.concat([t, odd]))
    dataset = Rsna(folder=str(copy))
    assert dataset.load(study, "sagittal_t1") is None
    file, line = "train_series_descriptions.csv", len(table) + 2
    assert reasons(dataset) == [
        f"{file} |  |  | line {line}: series 12 of study {study} is 'Coronal T2', none of "
        "sagittal t1, sagittal t2/stir, axial t2",
        f"{file} |  | axial_t2 | line {line + 1}: series {gone} of study {study} was listed before as sagittal_t1",
        f"train_images/{study}/{gone} |  | sagittal_t1 | listed in {file}, but there is no such folder",
    ]


def test_points_that_can_not_be_used_are_named(copy):
    file = copy / "train_label_coordinates.csv"
    table = pd.read_csv(file, dtype=str)
    study = table["study_id"].iloc[0]

    def change(table):
        table.loc[0, "x"] = "5000"
        table.loc[1, "instance_number"] = "77"
        table.loc[2, "series_id"] = "12"
        table.loc[3, "level"] = "L6/S1"
        table.loc[4, "y"] = None
        return pd.concat([table, table.iloc[[5]].assign(x="1")])

    edit(file, change)
    dataset = Rsna(folder=str(copy))
    points = dataset.points(study)
    found = points["fault"].tolist()
    images, series = copy / "train_images" / study, table["series_id"].iloc[0]
    assert found[0].startswith(f"{images / series / table['instance_number'].iloc[0]}.dcm: the point x 5000, y ")
    assert "lies outside its " in found[0]
    assert found[1] == f"{images / series / '77.dcm'}: no such file"
    assert found[2] == "train_series_descriptions.csv: the marked series 12 has no row"
    assert found[3:] == [""] * (len(found) - 3)
    assert points[["x", "y", "z"]].isna().all(axis=1).tolist() == [True] * 3 + [False] * (len(found) - 3)
    unusable = "has no graded place, series, instance, x or y"
    assert [reason.partition(" |  | ")[2] for reason in reasons(dataset)] == [
        f"line 5: {unusable}",
        f"line 6: {unusable}",
        f"line {len(table) + 2}: a second point of its sample; the first is kept",
    ]
    sequence = points["sequence"].iloc[1]
    assert dataset.load(study, sequence).faults == (f"{images / series / '77.dcm'}: marked, but it is missing",)


def test_two_studies_may_share_the_number_of_a_series(copy):
    """Series are looked up with their study."""
    table = pd.read_csv(copy / "train_series_descriptions.csv", dtype=str)
    (a, first), (b, second) = table[["study_id", "series_id"]].drop_duplicates("study_id").iloc[:2].to_numpy()
    (copy / "train_images" / b / second).rename(copy / "train_images" / b / first)
    for name in ("train_series_descriptions", "train_label_coordinates"):
        edit(
            copy / f"{name}.csv",
            lambda t: t.assign(series_id=t["series_id"].mask((t["study_id"] == b) & (t["series_id"] == second), first)),
        )
    dataset = Rsna(folder=str(copy))
    assert dataset.excluded().empty
    assert not np.array_equal(dataset.load(a, "sagittal_t1").pixels, dataset.load(b, "sagittal_t1").pixels)
    assert (dataset.points(b)["fault"] == "").all()


@pytest.mark.parametrize(
    ("name", "column", "value", "changes"),
    [
        ("train_label_coordinates", "x", "3.5", True),
        ("train_label_coordinates", "instance_number", "2", True),
        ("train_series_descriptions", "series_description", "Axial T2", True),
        ("train", "spinal_canal_stenosis_l1_l2", "Severe", False),
    ],
)
def test_the_digest_covers_what_is_read(copy, name, column, value, changes):
    study = pd.read_csv(copy / f"{name}.csv", dtype=str)["study_id"].iloc[0]
    before = Rsna(folder=str(copy)).digest(study, lambda path: path.name)
    edit(copy / f"{name}.csv", lambda t: t.assign(**{column: [value, *t[column][1:]]}))
    assert (Rsna(folder=str(copy)).digest(study, lambda path: path.name) != before) == changes


def test_the_digest_covers_the_slices_that_points_were_marked_on(rsna_phantom):
    """Points on a sequence that is not read decide where the others are cut."""
    dataset = Rsna(folder=str(rsna_phantom), sequences=("axial_t2",))
    study = str(dataset.samples()["study"].iloc[0])
    before = dataset.digest(study, lambda path: path.name)
    points = dataset.points(study).query("sequence == 'sagittal_t1' and fault == ''")
    t1 = set(pd.read_csv(rsna_phantom / "train_series_descriptions.csv", dtype=str).query(
        f"study_id == '{study}' and series_description == 'Sagittal T1'")["series_id"])  # fmt: skip
    read = [path for path in dataset.files(study) if path.parent.name in t1]
    marks = pd.read_csv(rsna_phantom / "train_label_coordinates.csv", dtype=str)
    marks = marks[(marks["study_id"] == study) & marks["series_id"].isin(t1)]
    assert len(points) == len(marks) > 0
    assert {path.stem for path in read} == set(marks["instance_number"])
    assert dataset.digest(study, lambda path: "!" if path == read[0] else path.name) != before


def test_scores_of_a_perfect_and_an_even_prediction(rsna_phantom):
    dataset = Rsna(folder=str(rsna_phantom))
    samples = dataset.samples().sample(frac=1, random_state=0)
    y = samples["severity"].map({name: k for k, name in enumerate(dataset.targets()[0].classes)}).to_numpy()
    even = pd.DataFrame(1 / 3, index=samples.index, columns=["p_0", "p_1", "p_2"]).assign(y=y)
    scores = dataset.scores(even, np.ones((2, len(y))))
    assert tuple(scores) == dataset.losses  # all are losses
    for name in ("rsna_spinal", "rsna_foraminal", "rsna_subarticular"):
        assert_allclose(scores[name], [np.log(3)] * 2)
    perfect = even.assign(**{f"p_{k}": (y == k).astype(float) for k in range(3)})
    assert dataset.scores(perfect)["rsna_log_loss"] == pytest.approx(0, abs=1e-12)
    assert dataset.scores(even[samples["condition"] != "spinal_canal_stenosis"]) == {}
    assert dataset.scores(even.drop(columns="p_2")) == {}
    with pytest.raises(ValueError, match="no sample 'x'"):
        dataset.scores(even.rename(index={samples.index[0]: "x"}))


def test_errors_name_what_is_wrong(copy):
    with pytest.raises(DataError, match="set `folder`"):
        Rsna().samples()
    with pytest.raises(DataError, match="train_images: no such folder"):
        Rsna(folder=str(copy / "train_images")).samples()
    with pytest.raises(DataError, match="no sequence 'sagittal_t3': use some of sagittal_t1"):
        Rsna(folder=str(copy), sequences=("sagittal_t3",)).samples()
    edit(copy / "train.csv", lambda t: t.rename(columns={"spinal_canal_stenosis_l1_l2": "spinal_canal_stenosis_l12"}))
    with pytest.raises(DataError, match="no column 'spinal_canal_stenosis_l1_l2': did you mean"):
        Rsna(folder=str(copy)).samples()
    (copy / "train_label_coordinates.csv").unlink()
    with pytest.raises(DataError, match=r"train.*\.csv: no "):
        Rsna(folder=str(copy)).samples()
