"""A grid file can't be a bomb."""

import os

import pytest

from bench.grid import yaml_text
from bench.grid.file import read_grid
from bench.grid.tree import GridError, read_fields, read_mapping

GRID = """
name: small
data: {image_table: {table: t.csv, labels: [y]}}
targets: [y]
sequences: [image]
encoders: [raw_pixels]
heads: [logistic]
protocol: {folds: 2, repeats: 1}
"""


def laughs(values, merge=False):
    """Ten levels of aliases, each of which names the one below nine times."""
    start, end = ("{<<: [", "]}") if merge else ("[", "]")
    rows = [f"a0: &a0 {values}"]
    rows += [f"a{i}: &a{i} {start}{', '.join([f'*a{i - 1}'] * 9)}{end}" for i in range(1, 10)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (laughs("[lol]"), "holds more than 20000 values"),
        (laughs("{lol: 1}", merge=True), "holds more than 20000 values"),
        ("a: &a [*a]\n", r"the alias \*a stands inside of what it names"),
        ("a: " + "[" * 5000 + "]" * 5000 + "\n", "nested deeper than 50 levels"),
        ("a: [" + "1," * 20_001 + "]\n", "holds more than 20000 values"),
    ],
    ids=["aliases", "merges", "circle", "deep", "long"],
)
def test_a_bomb_is_refused_in_one_line(tmp_path, text, why):
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    with pytest.raises(GridError, match=rf"bomb\.yaml: .*{why}") as error:
        read_grid(path)
    assert "\n" not in str(error.value)
    with pytest.raises(GridError, match=why):
        read_mapping(text, "--data")
    with pytest.raises(GridError, match=why) as error:
        read_fields([f"size={text}"])
    assert len(str(error.value)) < 300


def test_aliases_of_a_usual_grid_are_read():
    text = "a: &a {x: 1}\nb: *a\nc: [*a, {<<: *a, y: 2}]\n"
    assert yaml_text.load(text, typ="safe") == {"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}, {"x": 1, "y": 2}]}


SIZES = f"encoders=[raw_pixels: {{size: {[*range(4, 1004)]}}}]"
NEIGHBOURS = f"neighbours: {[*range(1, 201)]}"
WIDTHS = f"C: {[0.1 * i for i in range(1, 201)]}, gamma: {[0.1 * i for i in range(1, 101)]}"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (["protocol.repeats=1000000000"], r"'protocol\.repeats' input should be less than or equal to 1000"),
        (["panels=1000000000"], r"'panels' input should be less than or equal to 1000"),
        (["protocol.folds=["], r"--set protocol\.folds '\[': not YAML"),
        ([f"heads=[svc: {{{WIDTHS}}}]"], "lists 20000 combinations of values"),
        ([SIZES, f"heads=[knn: {{{NEIGHBOURS}}}]"], "has 200000 cells, more than 100000"),
    ],
)
def test_numbers_without_measure_are_refused(tmp_path, settings, why):
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    with pytest.raises(GridError, match=why):
        read_grid(path, settings)


def test_a_path_that_is_no_utf8_is_one_line_with_a_way_out(tmp_path, monkeypatch):
    folder = os.fsdecode(b"/scans/M\xfcller")
    text = "data: {{spider: {{folder: {}}}}}\ntargets: [narrowing]\n"
    (tmp_path / "grid.yaml").write_text(text.format("${SCANS}"))
    monkeypatch.setenv("SCANS", folder)
    way_out = "has a name of a file that is no UTF-8: rename it, or start in its folder and write the path from there$"
    with pytest.raises(GridError, match=rf"grid\.yaml: {way_out}"):
        read_grid(tmp_path / "grid.yaml", [])
    (tmp_path / "grid.yaml").write_text(text.format("x"))
    with pytest.raises(GridError, match=way_out):
        read_grid(tmp_path / "grid.yaml", [f"data.spider.folder={folder}"])
    with pytest.raises(GridError, match="names a folder below runs/"):
        read_grid(yaml_text.load(GRID, typ="safe") | {"name": folder[-6:]}, [])
