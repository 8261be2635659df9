"""All files of a diagnosis agree, and findings lie on the right side and in the right pixel."""

import json
import os
import re
import shutil
from dataclasses import replace

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose

from data.oai import Oai
from data.rsna import Rsna
from results.diagnosis import Diagnosis, Finding, Mark, Slice, write_diagnosis
from results.diagnosis.overlays import COLOURS, spread

CLASSES = ("Normal/Mild", "Moderate", "Severe")
AXIAL = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0))  # rows to the back, columns to the patient's left
SAGITTAL = ((0.0, -0.2, -0.98), (0.0, 0.98, -0.2))
MISSING = "no sagittal T1 in this study"


def axial(pixels=None, **fields):
    pixels = np.arange(80 * 60, dtype=np.float32).reshape(80, 60) if pixels is None else pixels
    fields = {"sequence": "axial_t2", "index": 7, "spacing": (0.5, 1.0), "instance": 19} | fields
    return Slice(pixels=pixels, directions=AXIAL, **fields)


def place(condition, side, level):
    return {"condition": condition, "side": side, "level": level}


def finding(condition="subarticular_stenosis", side="left", level="L4/L5", grade=2, x=45.25, y=20.5, **fields):
    probabilities = tuple(0.625 if k == grade else 0.1875 for k in range(3))
    mark = Mark(
        sequence="axial_t2",
        index=7,
        x=x,
        y=y,
        position=(12.5, -30.25, 400.0),
        series="5",
        file="IM19",
        instance=19,
        file_x=y,
        file_y=x,
    )
    fields = {"probabilities": probabilities, "grade": CLASSES[grade], "mark": mark} | fields
    return Finding(place=place(condition, side, level), **fields)


def diagnosis(*findings, **fields):
    fields = {
        "classes": CLASSES,
        "study": "study_1",
        "slices": (axial(), axial(index=8)),
        "notes": ("series 5: description 'T2'",),
        "shown": Rsna.shown,
    } | fields
    return Diagnosis(findings=findings, model={"trained on": "150 patients"}, **fields)


@pytest.fixture
def example():
    absent = [
        Finding(place=place("neural_foraminal_narrowing", side, "L4/L5"), missing=MISSING) for side in ("left", "right")
    ]
    return diagnosis(
        finding(),
        finding(side="right", grade=0, x=14, y=21),
        finding(level="L5/S1", grade=1, mark=None),
        *absent,
    )


def test_json_has_the_values_that_were_given(example, tmp_path):
    write_diagnosis(example, tmp_path)
    written = json.loads((tmp_path / "diagnosis.json").read_text())
    assert written["warning"] == "Research software: not for clinical use"
    assert (written["study"], written["model"]) == ("study_1", {"trained on": "150 patients"})
    assert written["findings"][0] == {
        "condition": "subarticular_stenosis",
        "side": "left",
        "level": "L4/L5",
        "grade": "Severe",
        "probabilities": {"Normal/Mild": 0.1875, "Moderate": 0.1875, "Severe": 0.625},
        "sequence": "axial_t2",
        "slice": {"index": 7, "instance": 19, "series": "5", "file": "IM19"},
        "point": {"pixel": [45.25, 20.5], "mm": [12.5, -30.25, 400.0], "file_pixel": [20.5, 45.25]},
    }
    assert written["findings"][3] == {
        "condition": "neural_foraminal_narrowing",
        "side": "left",
        "level": "L4/L5",
        "missing": MISSING,
    }


def test_csv_json_and_page_agree(example, tmp_path):
    write_diagnosis(example, tmp_path)
    findings = json.loads((tmp_path / "diagnosis.json").read_text())["findings"]
    rows = pd.read_csv(tmp_path / "diagnosis.csv")
    page = (tmp_path / "diagnosis.html").read_text()
    grades = re.search(r'<table class="grades".*?</table>', page, re.DOTALL)[0]
    all_rows = re.search(r'<table class="findings">.*?</table>', page, re.DOTALL)[0].split("<tr>")[2:]
    assert len(findings) == len(rows) == len(all_rows) == 5
    shown = {"subarticular_stenosis": "Subarticular", "neural_foraminal_narrowing": "Foramen"}
    for one, (_, row), line in zip(findings, rows.iterrows(), all_rows, strict=True):
        assert (row["condition"], row["side"], row["level"]) == (one["condition"], one["side"], one["level"])
        where = f"{shown[one['condition']]} {one['side']}"
        assert where in line and one["level"] in line
        (level,) = [part for part in grades.split("<tr ") if f">{one['level']}</th>" in part]
        (cell,) = [part for part in level.split("<td ") if f'data-place="{where}"' in part]
        if "missing" in one:
            assert row["missing"] == MISSING and pd.isna(row["grade"]) and pd.isna(row["p_severe"])
            assert MISSING in line and ">missing<" in cell
            continue
        values = list(one["probabilities"].values())
        assert_allclose(row[["p_normal_mild", "p_moderate", "p_severe"]].astype(float), values)
        assert row["grade"] == one["grade"] and one["grade"] in cell and "62&nbsp;%" in cell
        assert [f"{p:.3f}" for p in values] == re.findall(r"<td>(0\.\d{3})</td>", line)
        if "point" in one:
            assert [row["x"], row["y"]] == one["point"]["pixel"]
            assert row[["x_mm", "y_mm", "z_mm"]].tolist() == one["point"]["mm"]
            assert [row["file_x"], row["file_y"]] == one["point"]["file_pixel"]
            assert (row["slice"], row["instance"]) == (7, 19) and "<td>7</td>" in line
        else:
            assert row[["sequence", "slice", "x", "x_mm"]].isna().all()


def test_only_slices_with_a_finding_are_drawn_and_old_pictures_are_removed(example, tmp_path):
    write_diagnosis(example, tmp_path)
    (tmp_path / "overlays" / "axial_t2_slice_003.png").write_bytes(b"of an earlier diagnosis")
    written = write_diagnosis(example, tmp_path)
    names = sorted(path.name for path in (tmp_path / "overlays").iterdir())
    assert names == [".scangrid", "axial_t2_slice_007.png"]
    assert written[-1].name == "diagnosis.html" and all(path.is_file() for path in written)
    assert written[-1].read_text().count("data:image/png") == 1


def test_pictures_of_others_stay(example, tmp_path):
    other = tmp_path / "overlays" / "axial_t2_slice_003.png"
    other.parent.mkdir()
    other.write_bytes(b"of somebody else")
    for _ in range(2):
        write_diagnosis(example, tmp_path)
    assert other.read_bytes() == b"of somebody else"


def test_words_are_escaped(tmp_path):
    evil = "<script>alert(1)</script>&\"'"
    hostile = diagnosis(finding(), Finding(place=place("a", "left", evil), missing=evil), study=evil, notes=(evil,))
    page = write_diagnosis(hostile, tmp_path)[-1].read_text()
    assert "<script" not in page and page.count("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#34;&#39;") >= 5


def test_letters_name_the_directions_of_the_edges():
    # top, right, bottom, left: the picture's left is the patient's right
    assert axial().letters == ("A", "L", "P", "R")
    one = Slice(sequence="sagittal_t1", index=0, pixels=np.eye(4), spacing=(1, 1), directions=SAGITTAL)
    assert one.letters == ("H", "P", "F", "A")


def where(picture, colour):
    """Rows and columns of the pixels that have about this colour."""
    return np.argwhere(np.abs(picture[..., :3] - to_rgb(colour)).max(axis=-1) < 0.02)


def test_the_overlay_has_the_patients_proportions_and_marks_the_pixel(tmp_path):
    """80 x 60 pixels of 0.5 x 1 mm are 40 x 60 mm; the left half has a gradient, which shows where pixels lie."""
    pixels = np.full((80, 60), 0.5)
    pixels[:, :30] += np.linspace(-0.2, 0.2, 80)[:, None]
    pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1] = 1, 1, 1, 1
    left, right = finding(grade=1, x=40, y=20), finding(side="right", grade=0, x=10, y=60)
    marked = diagnosis(left, right, slices=(axial(pixels),))
    write_diagnosis(marked, tmp_path)
    picture = matplotlib.image.imread(tmp_path / "overlays" / "axial_t2_slice_007.png")
    white = where(picture, "white")
    rows, counts = np.unique(white[:, 0], return_counts=True)
    top, bottom = rows[counts > 0.6 * counts.max()][[0, -1]]
    columns, counts = np.unique(white[:, 1], return_counts=True)
    start, end = columns[counts > 0.6 * counts.max()][[0, -1]]
    assert_allclose((bottom - top) / (end - start), 40 / 60, rtol=0.02)
    for grade, x, y, is_left in ((1, 40, 20, False), (0, 10, 60, True)):
        found = where(picture, COLOURS[grade])
        expected = top + (y + 0.5) / 80 * (bottom - top), start + (x + 0.5) / 60 * (end - start)
        inside = found[(found[:, 1] > start) & (found[:, 1] < end)]
        # The marker covers many rows; the line to its label is thin.
        marker = inside[np.abs(inside[:, 0] - expected[0]) > 3]
        assert_allclose([(marker[:, i].min() + marker[:, i].max()) / 2 for i in (0, 1)], expected, atol=3)
        beside = found[(found[:, 1] < start - 3) | (found[:, 1] > end + 3)]
        assert len(beside) and (beside[:, 1] < start).all() == is_left


def test_a_long_label_is_not_cut(tmp_path):
    long = "Moderate to severe narrowing with a long name"
    findings = [finding(grade=1, x=40, y=20), finding(side="right", grade=1, x=10, y=60)]
    named = [replace(one, grade=long) for one in findings]
    write_diagnosis(diagnosis(*named, classes=(CLASSES[0], long, CLASSES[2])), tmp_path)
    picture = matplotlib.image.imread(tmp_path / "overlays" / "axial_t2_slice_007.png")
    columns = np.unique(where(picture, COLOURS[1])[:, 1])
    assert 3 < columns[0] < columns[-1] < picture.shape[1] - 4
    assert picture.shape[1] > 2 * picture.shape[0]  # both labels are wider than the slice


def test_labels_are_spread():
    assert spread([0.1, 0.5], 0.1) == [0.1, 0.5]
    assert_allclose(spread([0.5, 0.5, 0.52], 0.1), [0.5, 0.6, 0.7])
    assert_allclose(spread([0.95, 0.97, 0.99], 0.1), [0.8, 0.9, 1])
    crowded = spread([0.9] * 30, 0.1)
    assert min(crowded) >= -1e-9 and max(crowded) <= 1 and (np.diff(crowded) > 0).all()
    assert spread([], 0.1) == []


def test_a_flat_slice_can_be_drawn(tmp_path):
    assert write_diagnosis(diagnosis(finding(), slices=(axial(np.zeros((80, 60))),)), tmp_path)[2].is_file()


def test_knees_are_shown_in_their_own_words(tmp_path):
    """One locating column gives the rows, by the same code as for spines."""
    mark = Mark(sequence="dess", index=7, x=20, y=30, position=(0.0, 0.0, 0.0))
    findings = (
        Finding(place={"side": "left"}, grade="2", probabilities=(0.25, 0.75), mark=mark),
        Finding(place={"side": "right"}, missing="no DESS in this study"),
    )
    knees = Diagnosis(
        study="study_1", classes=("1", "2"), findings=findings, slices=(axial(sequence="dess"),), shown=Oai.shown
    )
    page = write_diagnosis(knees, tmp_path)[-1].read_text()
    heads = re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", page)
    assert heads[:2] == ["Side", "Grade"] and "Condition" not in page and "Level" not in page
    assert "Left knee" in page and "Sagittal DESS, slice index 7" in page
    rows = pd.read_csv(tmp_path / "diagnosis.csv")
    assert rows.columns[:3].tolist() == ["study", "side", "grade"] and rows["side"].tolist() == ["left", "right"]
    assert json.loads((tmp_path / "diagnosis.json").read_text())["findings"][1] == {
        "side": "right",
        "missing": "no DESS in this study",
    }


def test_a_study_that_is_one_place_has_one_row(tmp_path):
    single = Diagnosis(
        study="s", classes=("no", "yes"), findings=(Finding(place={}, grade="no", probabilities=(1.0, 0.0)),)
    )
    assert "● no" in write_diagnosis(single, tmp_path)[-1].read_text()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"missing": "no axial T2"}, "must have a grade with probabilities, or the reason"),
        ({"probabilities": ()}, "must have a grade"),
        ({"probabilities": (0.5, 0.4, 0.2)}, r"must sum to 1, not 1\.1"),
        ({"probabilities": (float("nan"), 0.5, 0.5)}, "must sum to 1, not nan"),
        ({"probabilities": (1.2, -0.2, 0.0)}, "must sum to 1"),
    ],
)
def test_a_finding_is_checked(fields, message):
    with pytest.raises(ValueError, match=f"subarticular_stenosis, left, L4/L5: .*{message}"):
        finding(**fields)


def test_a_diagnosis_is_checked():
    with pytest.raises(ValueError, match="there are two findings"):
        diagnosis(finding(), finding())
    with pytest.raises(ValueError, match="slice 7 of axial_t2 is not given"):
        diagnosis(finding(), slices=(axial(index=6),))
    with pytest.raises(ValueError, match="x 20, y 80 is outside 60 x 80"):
        diagnosis(finding(x=20, y=80))
    with pytest.raises(ValueError, match="grade Worst of 3"):
        diagnosis(Finding(place=place("a", "left", "L1/L2"), grade="Worst", probabilities=(0.0, 0.0, 1.0)))


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_fits_and_makes_no_request(example, tmp_path, width):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no chromium on this machine: apt-get install chromium, or set CHROMIUM")
    from playwright.sync_api import sync_playwright

    path = write_diagnosis(example, tmp_path)[-1]
    printed, requested = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: printed.append(message.text))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.get_by_text("Research software: not for clinical use").is_visible()
        assert page.evaluate("document.images[0].naturalWidth") > 300
        cell = page.locator('.grades td[data-place="Subarticular left"]').first
        assert cell.is_visible() and "▲ Severe 62" in cell.inner_text()
        browser.close()
    assert printed == [] and requested and [url for url in requested if not url.startswith(("file:", "data:"))] == []
