"""Tables as text: which column a name means, which cells are missing, and tables that are none."""

import struct
import zipfile

import openpyxl
import pytest

from data.base import DataError
from data.reading.tables import spreadsheets


def table(tmp_path, data, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return spreadsheets.read(path), path


def test_an_exact_name_wins_over_other_capitals(tmp_path):
    read, path = table(tmp_path, "Grade,grade,AGE\n1,2,3\n")
    assert spreadsheets.column(read, "grade", path).tolist() == ["2"]
    assert spreadsheets.column(read, "Grade", path).tolist() == ["1"]
    assert spreadsheets.column(read, "age", path).tolist() == ["3"]
    with pytest.raises(DataError, match=r"'GRADE' may be 'Grade' and 'grade' \(columns 1 and 2\): write the name as"):
        spreadsheets.column(read, "GRADE", path)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_two_columns_of_one_name_are_refused(tmp_path, kind):
    if kind == "csv":
        read, path = table(tmp_path, "age,age\n40,50\n")
    else:
        path, book = tmp_path / "t.xlsx", openpyxl.Workbook()
        book.active.append(["age", "age"])
        book.active.append([40, 50])
        book.save(path)
        read = spreadsheets.read(path)
    with pytest.raises(DataError, match=r"'age' may be 'age' and 'age' \(columns 1 and 2\): rename one"):
        spreadsheets.column(read, "age", path)


def test_words_for_missing_values_are_missing_but_stay_ids(tmp_path):
    cells = ["NA", "n/a", "#N/A", "NULL", "None", "#DIV/0!", "", " \u00a0", "x"]
    read, path = table(tmp_path, "".join(f"{cell},1\n" for cell in ["a", *cells]).replace("a,1", "a,b", 1))
    assert spreadsheets.column(read, "a", path).dropna().tolist() == ["n/a", "None", "x"]
    assert spreadsheets.ids(read, "a", path).dropna().tolist() == ["NA", "n/a", "#N/A", "NULL", "None", "#DIV/0!", "x"]
    assert spreadsheets.ids(read, "a", path).index.tolist() == list(range(2, 11))


def test_blank_lines_are_left_out_and_lines_keep_their_numbers(tmp_path):
    read, path = table(tmp_path, "a,b\n1,2\n,\n  ,\t\n\n3,4\n")
    assert spreadsheets.column(read, "a", path).to_dict() == {2: "1", 6: "3"}


def test_a_cell_of_a_spreadsheet_keeps_its_row_and_an_error_is_missing(tmp_path):
    path, book = tmp_path / "t.xlsx", openpyxl.Workbook()
    for row in (["id", "age"], ["003", 40], ["4", 40.5], ["5", "#N/A"], [None, None], ["6", "x"]):
        book.active.append(row)
    book.save(path)
    read = spreadsheets.read(path)
    assert spreadsheets.ids(read, "id", path).to_dict() == {2: "003", 3: "4", 4: "5", 6: "6"}
    assert spreadsheets.column(read, "age", path).dropna().to_dict() == {2: "40", 3: "40.5", 6: "x"}


def test_a_table_with_a_tab_between_columns_is_read(tmp_path):
    read, path = table(tmp_path, "a\tb\n1\t2,5\n")
    assert spreadsheets.column(read, "b", path).tolist() == ["2,5"]


def test_a_table_of_too_many_columns_is_refused_before_it_is_read(tmp_path):
    wide = ",".join(f"c{i}" for i in range(100_000))
    with pytest.raises(DataError, match=r"t\.csv: has 100000 columns, more than the 16384"):
        table(tmp_path, f"{wide}\n")
    read, path = table(tmp_path, ",".join(f"c{i}" for i in range(5000)) + "\n" + "1," * 4999 + "2\n")
    assert spreadsheets.column(read, "c4999", path).tolist() == ["2"]
    with pytest.raises(DataError, match=r"no column 'x'.* and 4970 more$") as error:
        spreadsheets.column(read, "x", path)
    assert len(str(error.value)) < 500


def test_a_spreadsheet_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<a/>" * 1111)
    directory = path.read_bytes()
    assert directory.count(struct.pack("<LL", 4444, 4444)) == 2  # in the local header and in the directory
    path.write_bytes(directory.replace(struct.pack("<LL", 4444, 4444), struct.pack("<LL", 4444, 600 << 20)))
    with pytest.raises(DataError, match=r"bomb\.xlsx: unpacks to 0\.6 GiB"):
        spreadsheets.read(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_is_the_one_in_the_file_below_cells_with_line_breaks(tmp_path, end):
    text = 'a,b\n1,"two\n lines"\n\n"x\n\ny",3\n4,"5"\n6\n'.replace("\n", end)
    cut = text.removesuffix(f"6{end}")
    read, path = table(tmp_path, cut.encode())
    begins = {2: "1", 5: f"x{end}{end}y", 8: "4"}  # as an editor counts
    assert spreadsheets.column(read, "a", path).to_dict() == begins
    with pytest.raises(DataError, match=r"t\.csv: line 9 has 1 cells and the header 2: is the file cut short"):
        table(tmp_path, text.encode())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells and the header 2: put a cell that holds a ',' between double quotes"),
        ("a;b\n1;2;3\n", "line 2 has 3 cells and the header 2: put a cell that holds a ';' between double quotes"),
        ("a,b\n1,2,\n", "line 2 has 3 cells and the header 2: does it end with a ','"),
        ("# from a scanner\na,b\n1,2\n", "line 2 has 2 cells and the header 1: is its first line no header"),
        ("#1,2\na,b,c\n1,2,3\n", "line 2 has 3 cells and the header 2: is its first line no header"),
    ],
)
def test_rows_that_are_longer_than_the_header_are_named(tmp_path, text, reason):
    with pytest.raises(DataError, match=rf"t\.csv: {reason}"):
        table(tmp_path, text)


def test_quotes_with_two_meanings_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"t\.csv: a quote in the row that begins in line 2 has no end: close it, or"):
        table(tmp_path, 'a,b\n1,"2\n3,4\n')
