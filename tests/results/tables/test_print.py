"""Tables as a paper prints them: pages, rules, digits, means with intervals, one style of numbers."""

import re
import shutil
import subprocess

import numpy as np
import openpyxl
import pandas as pd
import pytest
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from matplotlib.text import Text
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from scipy.stats import t as student
from sklearn.metrics import f1_score

from results.figures import draw_one
from results.methods import methods
from results.report.page import write_report
from results.run_folder import read
from results.tables.flips import flip_sheets
from results.tables.formats import Row, Score, Sheet
from results.tables.latex import latex
from results.tables.main import FORMATS, draw, sheets, table, write
from tests.results.tables.test_table_one import complete


def sheet_of(n_rows, n_scores=1, label="svc"):
    score = Score(0.8, 0.7, 0.9)
    rows = tuple(Row((f"{label} {i}",), (score,) * n_scores, ()) for i in range(n_rows))
    floor = Row(("prior",), (Score(-0.05, -0.1, -0.004, signed=True, n=60),) * n_scores, ())
    return Sheet("narrowing", "narrowing", ("heads",), ("AUC",) * n_scores, (), rows, (floor,), frozenset({(0, 0)}))


def test_a_long_table_breaks_over_pages_and_a_wide_one_lies():
    assert r"\begin{table}" in latex(sheet_of(20)) and r"\begin{longtable}" not in latex(sheet_of(20))
    long = latex(sheet_of(39))  # with the floor 40 rows
    assert r"\begin{longtable}" in long and r"\endhead" in long and "landscape" not in long
    assert r"\begin{landscape}" in latex(sheet_of(5, 8)) and r"$-$0.05~[$-$0.10,~$-$0.00]" in latex(sheet_of(1))
    assert latex(sheet_of(5, 40)).count(r"\begin{longtable}") > 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_long_wide_and_odd_tables_compile_without_a_line_that_is_too_wide(tmp_path):
    drawn = "\n".join(latex(sheet_of(*size, label="[a, b] x_1 (c=-1)")) for size in ((45, 2), (5, 9), (3, 30)))
    document = r"\documentclass{article}\usepackage{booktabs,longtable,pdflscape}\begin{document}%s\end{document}"
    (tmp_path / "paper.tex").write_text(document % drawn)
    done = subprocess.run(["pdflatex", "-halt-on-error", "paper.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Overfull" not in done.stdout, done.stdout[-2000:]


def test_a_caption_has_four_lines_at_most_and_notes_hold_the_rest(grid_run):
    drawn = table(read(grid_run.finish()), format="latex", resamples=50)
    caption = re.search(r"\\caption\[.*?\]\{(.*)\}", drawn)[1]
    assert len(caption) < 310 and "40 patients" in caption
    words = "Nadeau and Bengio"
    assert words in drawn.partition(r"\footnotesize")[2] and words not in caption


def test_word_repeats_its_header_keeps_rows_whole_and_turns_wide_pages(tmp_path):
    document = Document(str(write([sheet_of(3), sheet_of(3, 9)], tmp_path / "t.docx")))
    assert [s.orientation for s in document.sections] == [WD_ORIENT.PORTRAIT, WD_ORIENT.LANDSCAPE]
    for found in document.tables:
        properties = [row._tr.trPr for row in found.rows]
        assert properties[0].find(qn("w:tblHeader")) is not None
        assert all(each.find(qn("w:cantSplit")) is not None for each in properties)
        top = found.rows[4].cells[0]._tc.tcPr.find(qn("w:tcBorders")).find(qn("w:top"))
        assert found.rows[4].cells[0].text == "prior" and top.get(qn("w:sz")) == "6"
    words = [cell.text for row in document.tables[0].rows[1:] for cell in row.cells[1:]]
    assert words[0] == "0.80\N{NO-BREAK SPACE}[0.70,\N{NO-BREAK SPACE}0.90]" and not any(
        "-" in w or " " in w for w in words
    )


def test_excel_holds_real_numbers_and_no_formula(tmp_path):
    row = Row(("12", "=1+1"), (Score(0.12345, -0.1, 0.3, signed=True), None), ("75", "< 0.001"))
    sheet = Sheet(
        "a/b*c", "=HYPERLINK()", ("#", "heads"), ("Gain", "F1"), ("Patients", "p"), (row,), (), notes=("@note",)
    )
    book = openpyxl.load_workbook(write([sheet, sheet], tmp_path / "t.xlsx"))
    assert len(set(book.sheetnames)) == 2
    page = book.worksheets[0]
    assert [cell.value for cell in page[3]] == ["#", "heads", "Gain", "Gain low", "Gain high", "F1", "Patients", "p"]
    assert [cell.value for cell in page[4]] == [12, "=1+1", 0.12345, -0.1, 0.3, None, 75, "< 0.001"]
    assert page["C4"].number_format == "+0.00;-0.00;0.00"
    assert {cell.data_type for line in page for cell in line} == {"s", "n"}
    assert page["A6"].value == "@note"


@pytest.mark.parametrize(("n", "text"), [(99, "0.84 [0.83, 0.84]"), (100, "0.837 [0.834, 0.840]")])
def test_few_samples_give_two_decimals(n, text):
    assert Score(0.83695, 0.8341, 0.8399, n=n).text() == text


def test_a_mean_has_the_interval_of_the_mean_over_patients_drawn_together(new_run):
    """Brute force: patients are drawn, each cell is scored on its own samples of them, and the two are averaged.

    The interval is Student's t with the SD of these draws, widened for training sets, on the logit scale.
    """
    writer = new_run()
    keys = {}
    for head, kept in (("svc", slice(None)), ("knn", slice(0, 90))):
        score = writer.signal + writer.random.normal(size=len(writer.y))
        keys[head] = writer.add(score, encoders="a", heads=head, rows=kept)
    writer.add_floors()
    run = read(writer.finish())
    (sheet,) = sheets(run, rows=["encoders"], metrics=["f1"], resamples=4000)
    (score,) = sheet.rows[0].scores
    stored = [pd.read_parquet(writer.folder / "cells" / f"{key}.parquet") for key in keys.values()]
    tables = [pd.crosstab(one.patient, [one.y, (one.p_1 > 0.5).astype(int)]) for one in stored]
    patients = sorted(set(stored[0].patient))
    counts = [
        each.reindex(index=patients, fill_value=0)[[(0, 0), (0, 1), (1, 0), (1, 1)]].to_numpy() for each in tables
    ]
    random = np.random.default_rng(7)
    draws = []
    for _ in range(4000):
        drawn = random.integers(0, len(patients), size=len(patients))
        of_cells = []
        for each in counts:
            tn, fp, fn, tp = each[drawn].sum(axis=0)
            of_cells.append((2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2)
        draws.append(np.mean(of_cells))
    assert score.value == pytest.approx(np.mean([f1_score(one.y, one.p_1 > 0.5, average="macro") for one in stored]))
    n, folds = min(one.patient.nunique() for one in stored), stored[0].fold.nunique()
    error = np.std(draws, ddof=1) * np.sqrt((1 + folds / (folds - 1)) * n / (n - 1))
    reach = student.ppf(0.975, n - 1) * error / (score.value * (1 - score.value))
    assert_allclose([score.low, score.high], expit(logit(score.value) + np.array([-reach, reach])), atol=0.012)


@pytest.mark.parametrize("kind", ["text", "md", "latex", "html"])
def test_a_pivot_says_in_its_title_what_it_averages_over(grid_run, kind):
    drawn = draw(sheets(read(grid_run.finish()), rows=["encoders"], metrics=["auc"], resamples=50), kind)
    assert "each number is the mean over images (2) and heads (2)" in " ".join(drawn.split())


def test_csv_of_a_pivot_names_what_it_averages_over_in_each_row(grid_run):
    lines = table(read(grid_run.finish()), rows=["encoders"], metrics=["auc"], resamples=50, format="csv").splitlines()
    assert lines[0] == "target,floor,mean over,encoders,AUC,AUC low,AUC high"
    assert all('"images, heads"' in line for line in lines[1:])


def test_numbers_have_one_style_in_all_that_a_run_makes(grid_run, tmp_path):
    """`0.78`, never `.78`, in tables of every format, the report, the methods, and figures with captions."""
    grid_run.add_null("cell0", [grid_run.random.normal(size=len(grid_run.y)) for _ in range(3)])
    run, _ = complete(grid_run)
    found = [
        *sheets(run, resamples=50),
        *sheets(run, rows=["encoders"], resamples=50),
        *flip_sheets(run, 0.05, times=5),
    ]
    texts = [draw(found, kind) for kind in FORMATS]
    document = Document(str(write(found, tmp_path / "t.docx")))
    texts += [cell.text for part in document.tables for row in part.rows for cell in row.cells]
    texts += [paragraph.text for paragraph in document.paragraphs]
    texts.append(write_report(run, tmp_path / "report.html").read_text(encoding="utf-8"))
    for name in ("heat_map", "forest", "roc", "null_distribution", "reliability"):
        figure = draw_one(run, name, "narrowing")
        figure.draw_without_rendering()
        texts += [figure.caption, *(part.get_text() for part in figure.findobj(Text))]
    texts.append(methods(run))
    texts = [re.sub(r"(?s)<(style|script|svg)\b.*?</\1>|<[^>]*>", " ", text) for text in texts]
    short = [
        text[max(0, m.start() - 30) : m.end() + 10] for text in texts for m in re.finditer(r"(?<![\w.)\]/])\.\d", text)
    ]
    assert not short, short
    assert sum(len(re.findall(r"\b0\.\d\d", text)) for text in texts) > 100
