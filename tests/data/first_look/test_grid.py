"""A first look finds the roles of columns under odd names, and lists all that is wrong at once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bench import api
from data import ScangridError

ROOT = Path(__file__).resolve().parents[3]
HEADER = ["Pat. ID", "ImagePath", "Side", "Age", "KL Grade"]


def write(folder, rows, header=HEADER, there=True):
    """A table of knees, with empty files behind it: `init` opens none."""
    lines = [",".join(map(str, row)) for row in [header, *rows]]
    (folder / "t.csv").write_text("\n".join(lines))
    (folder / "knee").mkdir()
    for row in rows if there else ():
        (folder / row[1]).touch()
    return folder / "t.csv"


def knees(n=20, grades=3):
    return [(p, f"knee/{p}{side}.dcm", side, 50 + p, (p + i) % grades) for p in range(n) for i, side in enumerate("LR")]


def test_columns_get_their_roles_and_the_grid_can_be_planned(tmp_path):
    found = api.init(write(tmp_path, knees()), out=tmp_path / "mine.yaml")
    assert found.problems == ()
    grid = YAML(typ="safe").load(found.file)
    table = grid["data"]["image_table"]
    assert (table["image"], table["patient"]) == ("ImagePath", "Pat. ID")
    assert (table["locations"], table["ordinal"], table["clinical"]) == (["Side"], ["KL Grade"], ["Age"])
    assert grid["targets"] == ["KL Grade"] and grid["protocol"]["folds"] == 5
    assert "20 patients, 2.0 rows each" in found.file.read_text()
    planned = api.plan(found.file, store=tmp_path / "store")
    assert set(planned.cells["status"]) == {"to compute"}


@pytest.mark.parametrize(("written", "units"), [("{}y", True), ("{} kg", True), ("0.{} mm²", True), ("S{}", False)])
def test_numbers_with_units_are_called_text(tmp_path, written, units):
    rows = [(p, file, side, written.format(age), grade) for p, file, side, age, grade in knees()]
    found = api.init(write(tmp_path, rows, [*HEADER[:3], "Dose", HEADER[4]]), out=tmp_path / "g.yaml")
    why = f"'Dose' is text, since its numbers have units ({written.format(50)}): write the numbers alone"
    assert any(problem.startswith(why) for problem in found.problems) == units


def test_folds_fit_the_rarest_class(tmp_path):
    rows = [(p, file, side, age, int(p < 4)) for p, file, side, age, _ in knees()]
    grid = YAML(typ="safe").load(api.init(write(tmp_path, rows), out=tmp_path / "g.yaml").file)
    assert grid["protocol"]["folds"] == 4


def test_all_problems_are_listed_at_once(tmp_path):
    rows = [(f"v{p}", file, side, age, 1) for p, file, side, age, _ in knees()]
    table = write(tmp_path, rows, ["code", *HEADER[1:]], there=False)
    found = "\n".join(api.init(table, out=tmp_path / "g.yaml").problems)
    for words in (
        "40 of 40 files of 'ImagePath' are not below",
        "knee/0L.dcm (line 2)",
        "'code' is taken as the patient, since it holds ids that repeat (20 different, 2.0 rows each)",
        "label 'KL Grade' has a single class (1)",
        "no column looks like labels",
    ):
        assert words in found


def test_rows_that_nothing_tells_apart_are_named(tmp_path):
    rows = [(p, f"knee/{p}{i}.png", "L", 50, p % 2) for p in range(10) for i in range(2)]
    found = api.init(write(tmp_path, rows), out=tmp_path / "g.yaml")
    assert any("such as lines 2 and 3" in one for one in found.problems)


def test_a_grid_that_exists_stays(tmp_path):
    (tmp_path / "g.yaml").write_text("mine")
    with pytest.raises(ScangridError, match="exists: name another file"):
        api.init(write(tmp_path, knees()), out=tmp_path / "g.yaml")


def test_looks_without_torch(tmp_path):
    table = write(tmp_path, knees())
    probe = f"import sys\nfrom bench import api\nprint(api.init({str(table)!r}, out={str(tmp_path / 'g.yaml')!r}))\n"
    probe += "assert not {'torch', 'sklearn', 'scipy', 'SimpleITK'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "plan" in done.stdout


def test_names_of_columns_in_other_languages_and_labels_in_words(tmp_path):
    header = ["Patienten-ID", "Bilddatei", "Seite", "Alter", "Erguss"]
    rows = [(p, file, side, f"{age}.5", ("ja", "nein")[p % 2]) for p, file, side, age, _ in knees()]
    found = api.init(write(tmp_path, rows, header), out=tmp_path / "g.yaml")
    table = YAML(typ="safe").load(found.file)["data"]["image_table"]
    assert (table["patient"], table["image"], table["locations"]) == ("Patienten-ID", "Bilddatei", ["Seite"])
    assert (table["clinical"], table["labels"]) == (["Alter"], ["Erguss"])
    assert table["classes"] == {"Erguss": ["nein", "ja"]}


def test_without_patients_nothing_is_said_of_their_number(tmp_path):
    rows = [(i, file, side, age, grade % 2) for i, (_, file, side, age, grade) in enumerate(knees())]
    text = api.init(write(tmp_path, rows, ["code", *HEADER[1:3], "Shoe", "KL Grade"]), out=tmp_path / "g.yaml")
    grid = text.file.read_text()
    assert "Samples of each class" not in grid and "stratify" not in grid
    assert "    # - Shoe: 40 of 40 filled, 20 different" in grid
    assert "no column is named like one of patients, but it may be 'code' (40 different, 1.0 rows each)" in grid


def test_ids_that_repeat_are_patients_and_eyes_are_places(tmp_path):
    header = ["identifiant", "fichier", "oeil", "âge", "diagnostic"]
    names = ("sain", "modéré", "sévère")
    rows = [(f"P{p:03}", file, {"L": "OG", "R": "OD"}[side], age, names[g]) for p, file, side, age, g in knees()]
    found = api.init(write(tmp_path, rows, header), out=tmp_path / "g.yaml")
    grid = YAML(typ="safe").load(found.file)
    table = grid["data"]["image_table"]
    assert (table["patient"], table["locations"], table["labels"]) == ("identifiant", ["oeil"], ["diagnostic"])
    assert any("'identifiant' is taken as the patient, since it holds ids that repeat" in one for one in found.problems)
    assert set(api.plan(found.file, store=tmp_path / "store").cells["status"]) == {"to compute"}


@pytest.mark.parametrize("header", [("Case", "Auge"), ("X", "Ojo"), ("Nr", "knee side"), ("Kennung", "Z")])
def test_ids_and_sides_are_known_in_other_words_or_by_their_cells(tmp_path, header):
    rows = [(f"K-{p:03}", file, side, age, g) for p, file, side, age, g in knees()]
    header = [header[0], "image", header[1], "age", "grade"]
    table = YAML(typ="safe").load(api.init(write(tmp_path, rows, header), out=tmp_path / "g.yaml").file)["data"]
    assert (table["image_table"]["patient"], table["image_table"]["locations"]) == (header[0], [header[2]])


def test_classes_in_words_are_ordered_and_the_way_to_ordinal_is_named(tmp_path):
    rows = [(p, file, side, ("Sévère", "sain", "modéré")[g], "abc"[g]) for p, file, side, _, g in knees()]
    header = ["patient", "image", "side", "gravité", "grade"]
    found = api.init(write(tmp_path, rows, header), out=tmp_path / "g.yaml")
    grid = YAML(typ="safe").load(found.file)
    assert grid["data"]["image_table"]["classes"] == {"gravité": ["sain", "modéré", "Sévère"], "grade": ["a", "b", "c"]}
    words = "\n".join(found.problems)
    assert "'gravité' has 3 classes, in this order by their words: sain, modéré, Sévère. If" in words
    assert "'grade' has 3 classes, by alphabet, as yet: a, b, c. If their order means something, list them" in words
    assert words.count("from `labels` to `ordinal`: that adds quadratic kappa") == 2
    assert "# by alphabet, as yet; if the order means something, move grade to `ordinal`" in found.file.read_text()
    text = found.file.read_text().replace("    labels:\n", "    ordinal:\n")
    found.file.write_text(text)  # what the sentence tells to do gives a grid with ordered classes
    assert "sain" in str(api.plan(found.file, store=tmp_path / "store"))


def test_one_file_that_is_missing_is_named_without_another_folder(tmp_path):
    table = write(tmp_path, knees())
    (tmp_path / "knee" / "3L.dcm").unlink()
    (problem,) = api.init(table, out=tmp_path / "g.yaml").problems
    assert problem.startswith("1 of 40 files of 'ImagePath' is not there: knee/3L.dcm (line 8): mend its path")
    assert "root" not in problem


def test_a_copied_line_is_said_once_and_the_grid_is_that_of_the_mended_table(tmp_path):
    header = ["Pat. ID", "ImagePath", "Side", "Sequence", "KL Grade"]
    rows = [(p, f"{file}{s}", side, s, p % 3) for p, file, side, *_ in knees() for s in ("PD", "T2")]
    table = write(tmp_path, [*rows, rows[-1]], header)
    copied = api.init(table, out=tmp_path / "copied.yaml")
    (problem,) = copied.problems
    assert problem == "line 82 is a copy of line 81: delete one of the two, since a run refuses the table"
    last = str(copied).splitlines()[-2:]
    assert last[0].startswith("mend the table, then look again (delete ") and "--out" in last[0]
    assert last[1].endswith(f"init {table}")
    table.write_text("\n".join(table.read_text().splitlines()[:-1]))
    mended = api.init(table, out=tmp_path / "mended.yaml")
    assert mended.problems == ()
    first, second = (YAML(typ="safe").load(found.file) for found in (copied, mended))
    assert first | {"name": ""} == second | {"name": ""} and first["sequences"] == ["PD", "T2"]
    counts = "# 0: 14 samples of 7 patients, 1: 14 samples of 7 patients, 2: 12 samples of 6 patients"
    assert counts in copied.file.read_text() and counts in mended.file.read_text()
    assert [next(w for w in ("plan", "preview", "run") if f" {w} " in line) for line in str(mended).splitlines()[-3:]]


@pytest.mark.parametrize("several", [False, True])
def test_a_lesion_is_the_finding_unless_most_patients_have_several_and_a_site_is_a_hospital(tmp_path, several):
    lesions = ((("1", "2"), ("1", "2")) if several else (("torn",), ("intact",))) * 12
    rows = [
        (f"w{i}", f"knee/{i}_{lesion}.dcm", lesion, ("north", "south")[i % 2], "ab"[(i // 2 + k) % 2])
        for i, of_patient in enumerate(lesions)
        for k, lesion in enumerate(of_patient)
    ]
    found = api.init(write(tmp_path, rows, ["patient", "scan", "Lesion", "Site", "grade"]), out=tmp_path / "g.yaml")
    table = YAML(typ="safe").load(found.file)["data"]["image_table"]
    assert table["clinical"] == ["Site"]
    assert table.get("locations", []) == (["Lesion"] if several else [])
    assert table["labels"] == (["grade"] if several else ["Lesion", "grade"])


def test_a_patient_on_both_sides_of_the_test_set_is_a_problem(tmp_path):
    rows = [(*row, "test" if row[0] < 5 else "train") for row in knees()]
    rows[3] = (*rows[3][:-1], "train")  # line 5, the right knee of patient 1
    (problem,) = api.init(write(tmp_path, rows, [*HEADER, "Split"]), out=tmp_path / "mine.yaml").problems
    assert problem.startswith(
        "t.csv: 1 patient is on both sides of the test set in 'Split': 1 is in test in line 4, and "
    )
    assert "not in line 5: give all rows of a patient one split" in problem


def test_values_with_commas_are_parted_by_semicolons(tmp_path):
    rows = [(*row, f'"{row[3]},{row[0] % 3}"') for row in knees()]
    found = api.init(write(tmp_path, rows, [*HEADER, "Weight"]), out=tmp_path / "mine.yaml")
    (line,) = [line for line in found.columns if "Weight" in line]
    assert "different: 50,0; 51,1; 52,2; 53,0; 54,1 ..." in line


@pytest.mark.parametrize("grades", [(0, 1, 2), ("mild", "moderate", "k.A.")])
def test_what_is_said_of_a_rare_class_can_be_done_in_the_grid(tmp_path, grades):
    rows = [(p, file, side, age, grades[2] if p == 3 else grades[p % 2]) for p, file, side, age, _ in knees()]
    found = api.init(write(tmp_path, rows), out=tmp_path / "g.yaml")
    (problem,) = [one for one in found.problems if "is no target yet" in one]
    merge, missing = re.search(r"targets: (\[.*\]), or name .* such as missing: (\{.*\})$", problem).groups()
    yaml = YAML(typ="safe")
    (merged,) = yaml.load(merge)
    assert set(merged["KL Grade"]["merge"]) == {grades[2]}
    grid = yaml.load(found.file)
    for change in ({"targets": [merged]}, {"targets": ["KL Grade"], "missing": yaml.load(missing)}):
        table = grid["data"]["image_table"] | {key: change[key] for key in change if key == "missing"}
        yaml.dump(grid | {"targets": change["targets"], "data": {"image_table": table}}, found.file)
        planned = api.plan(found.file, store=tmp_path / "store")
        assert set(planned.cells["status"]) == {"to compute"}, change
        assert len(re.findall(r"^  (\w+) +\d+ \(\d+\)  \| ", str(planned), re.MULTILINE)) == 2, planned


@pytest.mark.parametrize("every", [1, 2])
def test_a_column_that_differs_between_the_images_of_a_sample_is_asked_about(tmp_path, every):
    header = ["Pat. ID", "ImagePath", "Side", "Sequence", "KL Grade", "Farbe"]
    rows = [
        (p, f"{file}{s}", side, s, grade, "ab"[p % 2] if s == "PD" or p % every else "ba"[p % 2])
        for p, file, side, _, grade in knees()
        for s in ("PD", "T2")
    ]
    found = api.init(write(tmp_path, rows, header), out=tmp_path / "g.yaml")
    n = 40 // every
    said = f"'Farbe' differs between the images of {n} samples, so that these have no such label: take it out"
    assert any(one.startswith(said) for one in found.problems)


def test_a_column_that_nothing_calls_a_finding_is_no_target_beside_one_that_is(tmp_path):
    rows = [(*row, ("no", "sì")[row[0] % 2], "ABC"[row[0] % 3], ("Rossi", "Verdi")[row[0] % 2]) for row in knees()]
    header = ["Codice paziente", "Percorso immagine", "Lato", "Età", "Grado", "Versamento", "Reparto", "Lettore"]
    found = api.init(write(tmp_path, rows, header), out=tmp_path / "g.yaml")
    grid = YAML(typ="safe").load(found.file)
    assert grid["targets"] == ["Grado", "Versamento"] or grid["targets"] == ["Versamento", "Grado"]
    assert "  # - Reparto   # A: " in found.file.read_text() and "Lettore" not in str(grid)
    assert any(one.startswith("'Reparto': no target as yet") for one in found.problems)
    alone = [(*row[:4], *row[6:]) for row in rows]
    (tmp_path / "alone").mkdir()
    found = api.init(write(tmp_path / "alone", alone, [*header[:4], *header[6:]]), out=tmp_path / "alone.yaml")
    assert YAML(typ="safe").load(found.file)["targets"] == ["Reparto"]


def test_grades_are_written_as_the_table_has_them_where_some_are_missing(tmp_path):
    rows = [(*row[:4], "" if row[0] == 3 else row[4]) for row in knees()]
    text = api.init(write(tmp_path, rows), out=tmp_path / "g.yaml").file.read_text()
    assert "# 0: 12 samples of 12 patients, 1: 13 samples of 13 patients, 2: 13 samples of 13 patients" in text
    with pytest.raises(ScangridError, match="knee: is a folder: name the table in it"):
        api.init(tmp_path / "knee", out=tmp_path / "none.yaml")


@pytest.mark.parametrize(("n", "said"), [(2, ", and line 43 of others"), (4, ", and lines 43, 44, 45 of others")])
def test_all_copied_lines_are_named(tmp_path, n, said):
    rows = knees()
    (problem,) = api.init(write(tmp_path, [*rows, *rows[:n]]), out=tmp_path / "g.yaml").problems
    assert problem == f"line 42 is a copy of line 2{said}: delete these {n} lines, since a run refuses the table"
