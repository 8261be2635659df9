"""HTML and Word tables hold the same as text tables."""

import csv
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from docx import Document

from results.run_folder import ResultsError, read
from results.scores.scores import scores
from results.tables import presets
from results.tables.formats import Row, Score, Sheet
from results.tables.main import draw, sheets, write
from results.tables.presets.ablation import ablation
from results.tables.presets.cost import cost
from results.tables.presets.per_target import per_target


@pytest.fixture
def run(new_run):
    """Three encoders: two have nearly the same score, one guesses; names have Greek letters, markup and underscores."""
    writer = new_run()
    strong = 2 * writer.signal + writer.random.normal(size=len(writer.y))
    writer.add(strong, encoders="res<net>_λ & b", heads="svc")
    writer.add(strong + 0.1 * writer.random.normal(size=len(writer.y)), encoders="cae_2d", heads="svc")
    writer.add(writer.random.normal(size=len(writer.y)), encoders="raw_pixels", heads="svc")
    writer.add_floors()
    return read(writer.finish())


class Cells(HTMLParser):
    """The cells of every table row, and the texts that are bold or underlined."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.marked, self._open = [], {"b": [], "u": []}, ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        self._open = tag

    def handle_data(self, data):
        if self._open in self.marked:
            self.marked[self._open].append(data)
        if self.rows and self.rows[-1] and self._open in ("td", "th", "b", "u", "br"):
            self.rows[-1][-1] += data

    def handle_endtag(self, tag):
        self._open = ""


def test_the_page_has_every_row_with_names_as_they_are(run):
    page = draw(sheets(run, resamples=200), "html")
    found = Cells(page)
    names = [cell for row in found.rows for cell in row[:2]]
    assert {"res<net>_λ & b", "cae_2d", "raw_pixels"} <= set(names)
    assert "<net>" not in page and "http" not in page and "<script" not in page
    markdown = draw(sheets(run, resamples=200), "md")
    table = "\n".join(line for line in markdown.splitlines() if line.startswith("|"))
    bold = re.findall(r"\*\*([^*]+)\*\*", table)
    plain = {mark: sorted(text.replace("\N{NO-BREAK SPACE}", " ") for text in found.marked[mark]) for mark in "bu"}
    assert plain == {"b": sorted(bold), "u": sorted(re.findall(r"<u>(.*?)</u>", markdown))}


def test_cells_that_may_be_the_best_are_underlined(run):
    """A nearly equal copy of the best may be the best; one that guesses is shown to be worse."""
    found = scores(run, ["auc"], resamples=400).query("not floor").set_index("encoders")["auc_in_best_set"]
    assert found["res<net>_λ & b"] and found["cae_2d"] and not found["raw_pixels"]
    assert "underlined: on the same samples" in draw(sheets(run, resamples=400), "latex")


def test_a_word_file_holds_the_same_table(run, tmp_path):
    path = write(sheets(run, resamples=200), tmp_path / "table.docx")
    document = Document(str(path))
    rows = [[cell.text for cell in row.cells] for row in document.tables[0].rows]
    lines = [line for line in draw(sheets(run, resamples=200), "md").splitlines() if line.startswith("|")]
    expected = [re.sub(r"\*\*|</?u>", "", cell).strip() for cell in lines[2].split("|")[1:-1]]
    assert [re.sub(r"\s", " ", words) for words in rows[1]] == expected
    bold = [run.text for cell in document.tables[0].rows[1].cells for run in cell.paragraphs[0].runs if run.bold]
    assert len(bold) == lines[2].count("**") // 2 > 0
    assert document.paragraphs[0].text.startswith("narrowing: synthetic")


def test_a_table_wider_than_a_turned_page_is_set_as_two(tmp_path):
    score = Score(0.8123, 0.7012, 0.9034)
    names = [f"Metric number {i}" for i in range(16)]
    rows = tuple(
        Row((f"an encoder with a long name {i}", "logistic"), (score,) * 16, ("0: 26, 1: 37",)) for i in (1, 2)
    )
    corrected = Row(("", "best, corrected"), (score, *[None] * 15), ("",))
    sheet = Sheet(
        "x",
        "A wide table",
        ("encoders", "heads"),
        tuple(names),
        ("By class",),
        rows,
        (corrected,),
        metrics=tuple(names),
    )
    write([sheet], tmp_path / "wide.docx")
    document = Document(str(tmp_path / "wide.docx"))
    section = document.sections[-1]
    room = section.page_width - section.left_margin - section.right_margin
    assert len(document.tables) == 2
    for table in document.tables:
        assert sum(column.width for column in table.columns) <= room
    shown = [cell.text.replace("\n", " ") for table in document.tables for cell in table.rows[0].cells]
    assert [name for name in shown if name.startswith("Metric")] == names and shown.count("By class") == 1
    assert [len(table.rows) for table in document.tables] == [4, 3]  # the corrected score stands in one of the two


def test_an_ablation_is_the_mean_difference_over_pairs(new_run):
    writer = new_run()
    noise = [writer.random.normal(size=len(writer.y)) for _ in range(2)]
    keys = {
        (images, head): writer.add(strength * writer.signal + noise[i], images=images, heads=head)
        for images, strength in (("grayscale", 0.5), ("clahe", 1.5))
        for i, head in enumerate(("svc", "knn"))
    }
    writer.add(writer.signal, images="clahe", heads="mlp")  # has no partner
    run = read(writer.finish())
    values = scores(run, ["auc"], resamples=0).set_index("key")["auc"]
    expected = np.mean([values[keys["clahe", h]] - values[keys["grayscale", h]] for h in ("svc", "knn")])
    (sheet,) = ablation(run, "images", resamples=300)
    (row,) = sheet.rows
    assert row.labels == ("clahe",) and row.extras == ("2",)
    assert np.isclose(row.scores[2].value, expected)
    assert row.scores[2].low < expected < row.scores[2].high
    with pytest.raises(ResultsError, match="'encoders' has no two steps"):
        ablation(run, "encoders")


def test_an_ablation_compares_cells_with_other_samples_on_those_that_both_have(new_run):
    writer = new_run()
    n = len(writer.y)
    scores_of = {name: writer.signal + writer.random.normal(size=n) for name in ("pd", "t2", "pd + t2")}
    rows = {"pd": np.arange(n) != 5, "t2": ~np.isin(np.arange(n), (7, 8, 50)), "pd + t2": np.ones(n, dtype=bool)}
    for name, score in scores_of.items():
        writer.add(score, rows=rows[name], sequences=name, heads="svc")
    run = read(writer.finish())
    (sheet,) = ablation(run, "sequences", resamples=100)
    fold = writer.fold[0][writer.of_patient]

    def auc(name, kept):
        """The share of pairs of one fold in which the score of the finding is higher."""
        i, j = np.nonzero((writer.y[:, None] > writer.y) & (fold[:, None] == fold) & kept[:, None] & kept)
        p = 1 / (1 + np.exp(-4 * scores_of[name]))  # as the writer's two Gaussians give it
        return float(np.mean((p[i] > p[j]) + 0.5 * (p[i] == p[j])))

    found = {row.labels[0]: row for row in sheet.rows}
    for name in ("t2", "pd + t2"):
        both = rows["pd"] & rows[name]
        assert np.isclose(found[name].scores[0].value, auc(name, both), atol=1e-12)
        assert np.isclose(found[name].scores[1].value, auc("pd", both), atol=1e-12)
        assert np.isclose(found[name].scores[2].value, auc(name, both) - auc("pd", both), atol=1e-12)
        assert found[name].scores[2].low < found[name].scores[2].value < found[name].scores[2].high
    assert f"t2 on {n - 4} of {n - 3} and {n - 1} samples; pd + t2 on {n - 1} of {n} and {n - 1} samples" in " ".join(
        sheet.notes
    )


def test_an_ablation_without_common_samples_says_so_and_how_to_get_them(new_run):
    writer = new_run()
    first = writer.of_patient < 20
    writer.add(writer.signal, rows=first, sequences="pd", heads="svc")
    writer.add(writer.signal, rows=~first, sequences="t2", heads="svc")
    with pytest.raises(ResultsError, match=r"enough of the same samples of narrowing: .* protocol.complete: true"):
        ablation(read(writer.finish()), "sequences")


def test_a_mean_over_targets_is_empty_where_one_is_missing(new_run):
    writer = new_run()
    for target in ("narrowing", "bulging"):
        writer.add(writer.signal, heads="svc", target=target)
        writer.add(writer.signal, heads="knn", target=target, status="done" if target == "bulging" else "failed")
    (sheet,) = per_target(read(writer.finish()), resamples=0)
    by_head = {row.labels[-1]: row.scores for row in sheet.rows}
    assert sheet.headers == ("narrowing", "bulging", "Mean")
    assert by_head["svc"][2].value == pytest.approx((by_head["svc"][0].value + by_head["svc"][1].value) / 2)
    assert by_head["knn"][0] is None and by_head["knn"][1] is not None and by_head["knn"][2] is None


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("ablation", "needs AXIS after it, such as ablation:encoders"),
        ("cost:x", "takes nothing after it"),
        ("ablation:encoder", "did you mean 'encoders'"),
        ("costs", "did you mean 'cost'"),
    ],
)
def test_unknown_presets_are_named(run, preset, message):
    with pytest.raises(ResultsError, match=message):
        presets.of(run, preset)


def test_an_ending_without_a_format_is_named(run, tmp_path):
    with pytest.raises(ResultsError, match=r"'\.pdf' is no format: use one of \.docx, \.xlsx, \.html"):
        write(sheets(run, resamples=0), tmp_path / "t.pdf")


def test_means_of_a_pivot_carry_no_sentence_of_a_single_cell(new_run):
    writer = new_run()
    for head in ("svc", "knn"):
        for encoder in ("a", "b"):
            writer.add(writer.signal + writer.random.normal(size=len(writer.y)), encoders=encoder, heads=head)
    run = read(writer.finish())
    pivot = draw(sheets(run, rows=["encoders"], metrics=["auc"], resamples=50), "md")
    assert "Numbers are means over heads" in pivot and "The best of" not in pivot
    whole = draw(sheets(run, metrics=["auc"], resamples=50), "md")
    assert "The best of 4 cells" in whole and "Corrected for this choice (BBC-CV" in whole


def test_a_best_cell_that_is_the_only_one_on_its_samples_is_not_corrected(new_run):
    writer = new_run()
    writer.add(writer.signal, encoders="a", heads="svc", rows=slice(0, 60))
    for head in ("svc", "knn"):
        writer.add(0.3 * writer.signal + writer.random.normal(size=len(writer.y)), encoders="b", heads=head)
    assert "Corrected for" not in draw(sheets(read(writer.finish()), resamples=50), "md")


def test_an_ablation_names_what_is_not_done(new_run):
    writer = new_run()
    for images in ("grayscale", "clahe"):
        for heads in ("svc", "knn"):
            writer.add(writer.signal + writer.random.normal(size=len(writer.y)), images=images, heads=heads)
    for images in ("resample", "grayscale"):
        writer.add(writer.signal, images=images, heads="mlp")
    writer.add(writer.signal + writer.random.normal(size=len(writer.y)), images="resample", heads="svc")
    writer.add(status="failed", images="clahe", heads="mlp")
    (sheet,) = ablation(read(writer.finish()), "images", resamples=50)
    assert any(note == "FAILED, 1 cell [clahe, mlp]." for note in sheet.notes)
    # knn lacks resample and mlp lacks clahe: every row is over svc alone, so that rows can be compared.
    assert {row.extras for row in sheet.rows} == {("1",)} and len({row.scores[1].value for row in sheet.rows}) == 1
    assert "Means are over the 1 of 3 settings of the other axes in which every step is done." in sheet.notes


def test_presets_note_the_samples_the_method_and_what_is_missing(new_run):
    writer = new_run()
    for target in ("narrowing", "bulging"):
        for images in ("grayscale", "clahe"):
            score = writer.signal + writer.random.normal(size=len(writer.y))
            writer.add(score, images=images, heads="svc", target=target)
        writer.add(status="failed", reason="boom", images="clahe", heads="mlp", target=target)
    run = read(writer.finish())
    for preset, before in (("ablation:images", ""), ("cost", ""), ("per-target", "bulging: ")):
        notes = presets.of(run, preset)[-1].notes
        for words in (
            f"{before}40 patients, 120 samples (0: 60, 1: 60); none excluded.",
            "Folds: 4 by patient, stratified on narrowing, drawn once with seed 0.",
            f"{before}FAILED, 1 cell: boom [clahe, mlp].",
        ):
            assert words in notes, preset
        assert any(
            note.startswith("[ ]: 95 % interval that covers") and "patients (2000 resamples" in note for note in notes
        )


def test_a_folder_that_is_not_there_is_made(run, tmp_path):
    assert write(sheets(run, resamples=0), tmp_path / "a" / "b" / "t.md").exists()


def test_a_csv_of_several_tables_is_one_table_with_the_columns_of_all(run):
    first, second = sheets(run, metrics=["auc"], resamples=50), cost(run, resamples=50)
    header, *rows = csv.reader(draw([*first, *second], "csv").splitlines())
    assert header == ["target", "floor", "#", "encoders", "heads", "AUC", "AUC low", "AUC high", "Seconds"]
    assert {len(row) for row in rows} == {len(header)}
    lines = [sum(len(sheet.rows) + len(sheet.floors) for sheet in found) for found in (first, second)]
    assert len(rows) == sum(lines)
    # The first table has no seconds and the second no numbers of cells.
    assert {row[8] for row in rows[: lines[0]]} == {""} == {row[2] for row in rows[lines[0] :]}
    values = scores(run, ["auc"], resamples=50).query("not floor").set_index("encoders")
    row = next(row for row in rows if row[3] == "cae_2d")
    assert [float(x) for x in row[5:8]] == values.loc["cae_2d", ["auc", "auc_low", "auc_high"]].tolist()


def test_equal_best_scores_are_all_bold(new_run):
    writer = new_run()
    strong = 2 * writer.signal + writer.random.normal(size=len(writer.y))
    for encoder, score in (("a", strong), ("b", strong), ("c", writer.random.normal(size=len(writer.y)))):
        writer.add(score, encoders=encoder, heads="svc")
    lines = draw(sheets(read(writer.finish()), resamples=200), "md").splitlines()
    bold = {name: line.count("**") // 2 for name in "abc" for line in lines if f"| {name} " in line}
    assert bold["a"] == bold["b"] > 0 == bold["c"]
