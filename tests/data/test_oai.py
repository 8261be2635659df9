"""The OAI adapter on the phantom's files and on files with oddities."""

import shutil

import numpy as np
import pandas as pd
import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.oai import Oai
from data.phantom.dicom import write_slice

TABLE = "kXR_SQ_BU00.txt"


@pytest.fixture
def truth(oai_phantom):
    table = pd.read_csv(oai_phantom / "truth.csv", dtype={"ID": str})
    return table.set_index(table["ID"] + "_" + table["SIDE"])


@pytest.fixture
def small(tmp_path):
    """Three participants that a test may damage, 9000001 to 9000003: one file per series, all of grade 2."""
    rows = ["ID|SIDE|READPRJ|V00XRKL"]
    for patient in (9000001, 9000002, 9000003):
        for code, side in ((1, "RIGHT"), (2, "LEFT")):
            add_series(tmp_path / f"00m/0.C.2/{patient}/20050101/1000000{code}", patient, f"SAG_3D_DESS_{side}")
            rows.append(f"{patient}|{code}: {side.title()}|15|2: Minimal")
    (tmp_path / TABLE).write_text("\n".join(rows))
    return tmp_path


def add_series(folder, patient, description, name="001"):
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.arange(36, dtype=np.uint16).reshape(6, 6)
    plane = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], dtype=float)
    write_slice(folder / name, pixels, plane, study=patient, series=1, instance=1, description=description)
    return folder


def edit(folder, change):
    lines = (folder / TABLE).read_text().split("\n")
    (folder / TABLE).write_text("\n".join(change(lines)))


def reasons(dataset):
    return dataset.excluded()[["file", "sample", "sequence", "reason"]].agg(" | ".join, axis=1).tolist()


def test_samples_are_the_graded_knees(oai_phantom, truth):
    dataset = Oai(folder=str(oai_phantom))
    samples = dataset.samples()
    assert_array_equal(samples.index, truth.index)
    assert_array_equal(samples["patient"], truth["ID"])
    assert_array_equal(samples["side"], truth["SIDE"])
    assert_array_equal(samples["kl"], truth["kl"])
    assert_array_equal(samples["oa"] == 1, truth["kl"].isin([2, 3, 4]))
    assert samples["study"].is_unique
    assert reasons(dataset) == [f"{TABLE} |  |  | 2 rows of READPRJ 37: only project 15 is used"]


def test_a_volume_has_the_geometry_of_its_files(oai_phantom, truth):
    dataset = Oai(folder=str(oai_phantom))
    for knee in truth.index[[0, 1, 5]]:
        image = dataset.load(knee, "dess")
        assert image.pixels.shape == (28, 70, 70) and image.faults == () and image.planes is None
        assert_allclose(image.spacing, (4, 2, 2), atol=1e-4)
        assert (np.diag(image.directions @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])) > 0.95).all()
        for path in dataset.files(knee)[::9]:
            file = pydicom.dcmread(path)
            right, down = np.reshape(np.array(file.ImageOrientationPatient, dtype=float), (2, 3))
            x, y = np.array([3, 40, 41]), np.array([5, 5, 60])
            place = np.array(file.ImagePositionPatient, dtype=float) + 2 * (np.outer(x, right) + np.outer(y, down))
            index = image.index(place)
            assert_allclose(index, np.rint(index), atol=1e-2)
            assert_array_equal(image.pixels[tuple(np.rint(index).astype(int).T)], file.pixel_array[y, x])


def test_sides_are_those_of_the_patient(oai_phantom, truth):
    """The narrowed compartment is the true one; the inner one lies to the left only in a right knee."""
    dataset = Oai(folder=str(oai_phantom))
    measured, expected = [], []
    for knee, row in truth.iterrows():
        image = dataset.load(knee, "dess")
        inwards = 22 if row["SIDE"] == "right" else -22
        assert abs(image.position((np.array(image.pixels.shape) - 1) / 2)[0] - row["x"]) < 10
        columns = []
        for away in (inwards, -inwards):
            d, h, w = np.rint(image.index(row[["x", "y", "z"]].to_numpy(float) + np.array([away, 4, 0]))).astype(int)
            columns.append(image.pixels[d, h - 8 : h + 6, w - 1 : w + 2].mean(axis=1))
        # The bright length between the bones, mm, if the brightest place of both columns is pure cartilage.
        bright = np.array(columns) - np.median(columns)
        measured.append(2 * np.clip(bright, 0, None).sum(axis=1) / bright.max())
        expected.append(row[["medial_gap", "lateral_gap"]].to_numpy(float))
    seen, apart = (np.subtract(*np.array(gaps).T) for gaps in (measured, expected))
    uneven = np.abs(apart) > 1.5
    assert {*truth.loc[uneven, "SIDE"]} == {"left", "right"} and {*np.sign(apart[uneven])} == {-1, 1}
    assert_array_equal(np.sign(seen[uneven]), np.sign(apart[uneven]))
    assert np.corrcoef(seen, apart)[0, 1] > 0.8


def test_folders_named_by_their_series_give_the_same(oai_phantom, truth, tmp_path):
    for _, row in truth.iterrows():
        there = tmp_path / row["ID"] / "baseline" / f"SAG_3D_DESS_{row['SIDE'].upper()}"
        shutil.copytree(oai_phantom / row["series"], there)
        for path in list(there.iterdir()):
            path.rename(path.with_suffix(".dcm"))
    given, named = Oai(folder=str(oai_phantom)), Oai(folder=str(tmp_path), table=str(oai_phantom / TABLE))
    pd.testing.assert_frame_equal(given.samples(), named.samples())
    knee = truth.index[3]
    assert_array_equal(given.load(knee, "dess").pixels, named.load(knee, "dess").pixels)


def test_grades_are_read_with_and_without_their_meaning(small):
    edit(small, lambda t: [t[0], t[1].replace("2: Minimal", "3"), t[2].replace("2: Minimal", "4.0"), *t[3:]])
    dataset = Oai(folder=str(small))
    assert dataset.samples()["kl"].tolist() == [3, 4, 2, 2, 2, 2] and dataset.excluded().empty


def test_rows_that_give_no_grade_are_named(small):
    def change(lines):
        lines[1] = "9000001|1: Right|15|.M: Missing"
        lines[2] = "9000001|2: Left|15|"
        lines[3] = "9000002|1: Right|15|5"
        lines.append("9000002|2: Left|15|2: Minimal")
        lines.append("9000003|1: Right|15|3: Moderate")
        lines += ["|1: Right|15|2: Minimal", "9000003|3|15|2: Minimal", "9000003|1: Right|42|0", "9000003|1: Right||0"]
        return lines

    edit(small, change)
    dataset = Oai(folder=str(small))
    assert dataset.samples().index.tolist() == ["9000002_left", "9000003_left"]
    series = f"{small}/00m/0.C.2/{{}}/20050101/1000000{{}}"
    assert reasons(dataset) == [
        f"{TABLE} |  |  | 1 rows of READPRJ 42: only project 15 is used",
        f"{TABLE} |  |  | 1 rows of READPRJ absent: only project 15 is used",
        f"{TABLE} |  |  | line 10: has no participant",
        f"{TABLE} |  |  | line 11: SIDE is 3, expected 1 or 2",
        f"{TABLE} | 9000001_right |  | line 2: V00XRKL is .M: Missing, expected 0 to 4",
        f"{TABLE} | 9000001_left |  | line 3: V00XRKL is absent, expected 0 to 4",
        f"{TABLE} | 9000002_right |  | line 4: V00XRKL is 5, expected 0 to 4",
        f"{TABLE} | 9000002_left |  | line 8: the same as line 5, which is kept",
        f"{TABLE} | 9000003_right |  | line 6: another row contradicts it, so none is kept",
        f"{TABLE} | 9000003_right |  | line 9: another row contradicts it, so none is kept",
        f"{series.format(9000001, 2)} | 9000001_left | dess | no usable grade in {TABLE}",
        f"{series.format(9000001, 1)} | 9000001_right | dess | no usable grade in {TABLE}",
        f"{series.format(9000002, 1)} | 9000002_right | dess | no usable grade in {TABLE}",
        f"{series.format(9000003, 1)} | 9000003_right | dess | no usable grade in {TABLE}",
    ]


def test_series_that_are_absent_or_ambiguous_are_named(small):
    release = small / "00m/0.C.2"
    shutil.rmtree(release / "9000001/20050101/10000002")
    shutil.rmtree(release / "9000002")
    (release / "9000003/20050101/10000001/001").write_bytes(b"no DICOM")
    (release / "9000003/SAG_3D_DESS_LEFT").mkdir()
    swapped = add_series(release / "9000003/SAG_3D_DESS_RIGHT", 9000003, "SAG_3D_DESS_LEFT")
    again = add_series(release / "9000001/20050101/10000003", 9000001, "SAG_3D_DESS_RIGHT")
    add_series(release / "9000001/20050101/10000004", 9000001, "COR_IW_TSE_RIGHT")
    add_series(small / "12m/1.C.2/9000001/20060101/10000001", 9000001, "SAG_3D_DESS_LEFT")
    nobody = add_series(small / "new/SAG_3D_DESS_LEFT", 1, "SAG_3D_DESS_LEFT")
    dataset = Oai(folder=str(small))
    assert dataset.samples().index.tolist() == ["9000001_right", "9000003_left"]
    assert dataset.files("9000001_right") == [release / "9000001/20050101/10000001/001"]
    unreadable = release / "9000003/20050101/10000001"
    found = sorted(line for line in reasons(dataset) if not line.startswith(f"{unreadable} |"))
    assert found == sorted(
        [
            f"{TABLE} | 9000001_left | dess | graded, but no series SAG_3D_DESS_LEFT",
            f"{TABLE} | 9000003_right | dess | graded, but no series SAG_3D_DESS_RIGHT",
            f"{TABLE} |  |  | 1 participants with 2 graded knees have no series",
            f"{release}/9000003/SAG_3D_DESS_LEFT | 9000003_left | dess | "
            "holds no .dcm file and no file named by a number",
            f"{swapped} |  | dess | its folder is named right, its files are described as left",
            f"{again} | 9000001_right | dess | "
            f"shows the same knee as {release}/9000001/20050101/10000001, which is kept",
            f"{small}/12m |  | dess | a later visit: only the baseline (00m) is graded",
            f"{nobody} |  | dess | is not below a participant's folder (seven digits)",
        ]
    )
    (why,) = (line for line in reasons(dataset) if line.startswith(f"{unreadable} |"))
    assert "no file names its series" in why


def test_of_two_series_the_earlier_is_kept_whatever_site_it_is_of(small):
    early = add_series(small / "00m/0.E.1/9000002/20041231/99999999", 9000002, "SAG_3D_DESS_LEFT")
    dataset = Oai(folder=str(small))
    assert dataset.files("9000002_left") == [early / "001"]
    assert len(reasons(dataset)) == 1


def test_a_broken_file_is_named_and_the_rest_is_read(oai_phantom, truth, tmp_path):
    row = truth.iloc[4]
    series = shutil.copytree(oai_phantom / row["series"], tmp_path / row["ID"] / "20050101" / "10000001")
    broken = series / "001"
    broken.write_bytes(broken.read_bytes()[:500])
    dataset = Oai(folder=str(tmp_path), table=str(oai_phantom / TABLE))
    image = dataset.load(truth.index[4], "dess")
    assert len(image.pixels) == 27 and [fault.partition(":")[0] for fault in image.faults] == [str(broken)]
    for path in series.iterdir():
        path.write_bytes(b"no DICOM")
    with pytest.raises(DataError, match=r"can't be read.*\(and 27 more\): no slice can be read"):
        dataset.load(truth.index[4], "dess")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "oai has no folder: set `folder`"),
        ({"folder": "absent"}, "absent: no such folder"),
        ({"folder": "."}, f"no {TABLE}: set `table`"),
        ({"folder": ".", "table": "other.txt"}, "no series SAG_3D_DESS_LEFT or _RIGHT below a folder with"),
    ],
)
def test_errors_name_what_is_missing(tmp_path, monkeypatch, fields, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.txt").write_text("ID|SIDE|READPRJ|V00XRKL\n9000001|1|15|2\n")
    with pytest.raises(DataError, match=message):
        Oai(**fields).samples()


def test_a_table_in_capitals_is_found(small):
    (small / TABLE).rename(small / TABLE.upper())
    assert len(Oai(folder=str(small)).samples()) == 6
