"""Text of a user never becomes a tag of a page or a formula of a spreadsheet."""

import csv
import io

import pandas as pd
import pytest

from results.run_folder import read
from results.tables.escaping import csv_cell, csv_frame, markdown_cell
from results.tables.main import table

SCRIPT, FORMULA = "<script>alert(1)</script>", '=HYPERLINK("http://x","y")'


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-cmd", "\t=1", "\r=1"])
def test_formulas_begin_with_an_apostrophe(text):
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-0.04 [-0.10, +0.01]", "+.5", "-3", "-inf", "a=b", "", 3, -0.5, None])
def test_numbers_and_plain_words_stay(text):
    assert csv_cell(text) == text


def test_a_frame_keeps_its_numbers():
    frame = pd.DataFrame({"=a": ["=1", "b"], "n": [-1.5, 2.0]})
    found = csv_frame(frame)
    assert list(found) == ["'=a", "n"] and list(found["'=a"]) == ["'=1", "b"] and found["n"].equals(frame["n"])


def test_only_tags_change_in_markdown():
    assert markdown_cell("p < .05 | <b>x</b>\n<!-- y") == "p < .05 \\| &lt;b>x&lt;/b> &lt;!-- y"


@pytest.mark.parametrize("ending", ["md", "html", "csv"])
def test_tables_show_such_names_as_text(new_run, ending):
    writer = new_run(dataset=SCRIPT)
    writer.add_floors()
    for name in (SCRIPT, FORMULA, "plain"):
        writer.add(writer.signal, encoders=name)
    shown = table(read(writer.finish()), format=ending)
    if ending == "csv":
        cells = [cell for row in csv.reader(io.StringIO(shown)) for cell in row]
        assert f"'{FORMULA}" in cells and FORMULA not in cells
    else:
        assert "<script" not in shown and "&lt;script" in shown
