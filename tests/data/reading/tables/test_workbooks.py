"""Excel files: which sheet is read, and cells that do not hold what a spreadsheet program shows."""

import datetime
import zipfile

import openpyxl
import pytest

from data.base import DataError
from data.image_table import ImageTable
from data.reading.tables import spreadsheets


def saved(tmp_path, sheets, change=None):
    """A workbook with a sheet for each list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    if change:
        change(book)
    book.save(tmp_path / "t.xlsx")
    return tmp_path / "t.xlsx"


def xml(tmp_path, cells):
    """A workbook that is written part by part, with one sheet of these rows of XML."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    rows = "".join(f'<row r="{n}">{row}</row>' for n, row in enumerate(cells, start=1))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>'
        '<sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{rel}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return tmp_path / "t.xlsx"


def cell(place, text):
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


TABLE = [["image", "patient", "y"], ["1.png", "a", 0], ["2.png", "b", 1]]


def test_other_sheets_are_noted_and_can_be_chosen(tmp_path):
    second = [["image", "patient", "y"], ["3.png", "c", 7]]
    path = saved(tmp_path, {"First": TABLE, "Empty": [], "Second reading": second})
    dataset = ImageTable(table=str(path), labels=("y",))
    assert dataset.samples()["patient"].tolist() == ["a", "b"]
    assert dataset.table_notes() == (
        "t.xlsx: of its sheets 'First' is read, and 'Second reading' not. If another one is meant, write it behind the "
        "file (t.xlsx#Second reading) or move it to the front.",
    )
    chosen = ImageTable(table=f"{path}#second reading", labels=("y",))
    assert chosen.samples()["y"].tolist() == [7] and chosen.table_notes() == ()
    with pytest.raises(DataError, match=r"t\.xlsx: has no sheet 'Secnd reading': did you mean 'Second reading'\?"):
        ImageTable(table=f"{path}#Secnd reading").samples()
    with pytest.raises(DataError, match="'First' is read, and 'Second reading' not"):
        spreadsheets.read(path)  # a caller without notes


def test_a_hidden_first_sheet_is_not_read(tmp_path):
    def hide(book):
        book["Lists"].sheet_state = "hidden"
        book.active = 1

    path = saved(tmp_path, {"Lists": [["left"], ["right"]], "Scans": TABLE}, hide)
    notes = []
    assert spreadsheets.read(path, notes)["patient"].tolist() == ["a", "b"]
    assert "'Scans' is read, and 'Lists' not" in notes[0]


def test_merged_cells_hold_what_they_show_and_hidden_rows_are_noted(tmp_path):
    rows = [
        ["image", "patient", "y"],
        *([f"{n}.png", "a" if n == 1 else None, n] for n in range(1, 5)),
        ["5.png", "b", 5],
    ]

    def change(book):
        book.active.merge_cells("B2:B5")
        book.active.row_dimensions[4].hidden = book.active.row_dimensions[6].hidden = True

    dataset = ImageTable(table=str(saved(tmp_path, {"A": rows}, change)), locations=("y",))
    assert dataset.samples()["patient"].tolist() == ["a", "a", "a", "a", "b"]
    assert dataset.table_notes() == (
        "t.xlsx: merged cells are read as if each of them held what they show: B2:B5 ('a').",
        "t.xlsx: 2 hidden rows (lines 4, 6) are read like all others: delete them if they are not meant.",
    )


def test_a_formula_without_its_value_is_refused(tmp_path):
    header, first = cell("A1", "image") + cell("B1", "age"), cell("A2", "1.png")
    computed = '<c r="B2"><f>20*2</f><v>40</v></c>'
    empty = '<c r="B3" t="str"><f>IF(TRUE,"","x")</f><v></v></c>'
    path = xml(tmp_path, [header, first + computed, cell("A3", "2.png") + empty])
    assert spreadsheets.read(path)["age"].fillna("").tolist() == ["40", ""]
    for formula in ("<f>20*2</f>", '<f t="shared" si="0">20*2</f>', '<f t="array" ref="B2">20*2</f>'):
        path = xml(tmp_path, [header, first + f'<c r="B2">{formula}</c>'])
        with pytest.raises(DataError, match=r"t\.xlsx: cell B2 in row 2 holds the formula .* without its value: open"):
            spreadsheets.read(path)
    path = saved(tmp_path, {"A": [["image", "age"], ["1.png", "=20*2"], [None, "=SUM(B2)"]]})
    with pytest.raises(DataError, match=r"cell B2 in row 2 holds the formula =20\*2 without its value"):
        spreadsheets.read(path)


def test_numbers_dates_and_errors_are_text(tmp_path):
    """An error is no id: a patient `#N/A` would stand for all who were not found."""
    rows = [["a", 1, 1.5, True, 2.0, datetime.date(2024, 5, 17)], ["#N/A", 1e-7, 10**15, False, -3, None]]
    read = spreadsheets.read(saved(tmp_path, {"A": [[f"c{i}" for i in range(6)], *rows]}))
    assert read.fillna("").to_numpy().tolist() == [
        ["a", "1", "1.5", "True", "2", "2024-05-17 00:00:00"],
        ["", "1e-07", "1.00000000000000E+15", "False", "-3", ""],
    ]


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([20000000000000000, 20000000000000001], r"patient '2\.00000000000000E\+16' in line 2 is a long number"),
        (
            [datetime.date(2020, 3, 1), "4-7"],
            r"patient '2020-03-01 00:00:00' in line 2 is a date, which a spreadsheet makes",
        ),
    ],
)
def test_what_a_spreadsheet_made_of_an_id_is_refused(tmp_path, ids, reason):
    rows = [["image", "patient", "y"], ["1.png", ids[0], 0], ["2.png", ids[1], 1]]
    path = saved(tmp_path, {"A": rows})
    with pytest.raises(DataError, match=rf"t\.xlsx: {reason}.*store the column as text"):
        ImageTable(table=str(path), labels=("y",)).samples()
    rows = [["image", "patient", "date", "y"], ["1.png", "a", datetime.date(2020, 3, 1), 0], ["2.png", "b", "x", 1]]
    saved(tmp_path, {"A": rows})
    assert len(ImageTable(table=str(path), labels=("y",), locations=("date",)).samples()) == 2


def test_an_empty_first_sheet_and_a_title_are_seen(tmp_path):
    path = saved(tmp_path, {"Empty": [], "Scans": TABLE, "More": [["a"]]})
    notes = []
    assert spreadsheets.read(path, notes)["patient"].tolist() == ["a", "b"]
    assert len(notes) == 1 and "'Scans' is read, and 'More' not" in notes[0]
    saved(tmp_path, {"A": [["Scans of 2024"], *TABLE]})
    with pytest.raises(DataError, match=r"t\.xlsx: row 1 has a single cell, and row 2 has 3: is it a title\?"):
        spreadsheets.read(path)
    saved(tmp_path, {"A": TABLE})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"t\.xlsx: can't be read as a table: it is damaged or cut short"):
        spreadsheets.read(path)


def test_content_decides_what_is_an_excel_file(tmp_path):
    saved(tmp_path, {"A": TABLE}).rename(tmp_path / "t.csv")
    assert spreadsheets.read(tmp_path / "t.csv")["y"].tolist() == ["0", "1"]
    (tmp_path / "t.xlsx").write_text("image,y\n1.png,3\n")
    assert spreadsheets.read(tmp_path / "t.xlsx")["y"].tolist() == ["3"]
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    with pytest.raises(DataError, match=r"old\.xls: is an old Excel file, or has a password: save the table as"):
        spreadsheets.read(tmp_path / "old.xls")
