"""The pages show what the code gives, and old outputs and broken links are found."""

import re
from pathlib import Path

import pytest

from docs import drawings, gallery, links, reference

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ROOT / "docs" / "pages"


def test_the_generated_parts_are_those_of_the_code(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["reference", "--check"])
    assert reference.main() == 0, capsys.readouterr().out


def test_a_generated_part_that_is_old_is_named(tmp_path, monkeypatch, capsys):
    old = "# Commands\n\n<!-- generated: commands -->\nold\n<!-- end of commands -->\n\nafter\n"
    (tmp_path / "commands.md").write_text(old)
    monkeypatch.setattr(reference, "PAGES", tmp_path)
    monkeypatch.setattr("sys.argv", ["reference", "--check"])
    assert reference.main() == 1
    assert (tmp_path / "commands.md").read_text() == old
    monkeypatch.setattr("sys.argv", ["reference"])
    assert reference.main() == 0
    written = (tmp_path / "commands.md").read_text()
    assert "## run" in written
    assert "--null-within" in written
    assert written.endswith("<!-- end of commands -->\n\nafter\n")
    assert "commands.md: written" in capsys.readouterr().out


def test_the_pictures_are_those_that_the_script_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(drawings, "PICTURES", tmp_path)
    drawings.main()
    drawn = sorted(tmp_path.glob("*.svg"))
    assert drawn
    assert [path.name for path in drawn if path.read_text() != (PAGES / "pictures" / path.name).read_text()] == []


def test_every_picture_is_on_a_page():
    text = "".join(page.read_text() for page in (*PAGES.rglob("*.md"), ROOT / "README.md"))
    assert [path.name for path in (PAGES / "pictures").iterdir() if path.name not in text] == []


def test_every_grid_has_a_page_in_the_gallery_but_that_of_the_speed():
    pages = {page.stem for page in (PAGES / "gallery").glob("*.md")}
    assert {grid.stem for grid in (ROOT / "grids").glob("*.yaml")} - pages == {"speed"}


def test_every_page_of_the_gallery_has_a_question_a_result_and_limits():
    for page in (PAGES / "gallery").glob("*.md"):
        if page.stem not in ("index", "disc_pipeline"):
            text = page.read_text()
            missing = [
                w
                for w in ("**Question.**", "**Data.**", "## What it shows", "## What it does not show")
                if w not in text
            ]
            assert not missing, f"{page.name} lacks {missing}"
            assert gallery.BLOCK.search(text), f"{page.name} has no command"


class TestGallery:
    """Outputs are made by the commands above them, and go out of date with the code."""

    @pytest.fixture
    def page(self, tmp_path, monkeypatch):
        monkeypatch.setattr(gallery, "PAGES", tmp_path)
        monkeypatch.setattr(gallery, "PICTURES", tmp_path)
        return tmp_path / "page.md"

    def test_writes_what_a_command_prints(self, page):
        page.write_text(
            "before\n\n```sh\necho $((6 * 7))\n```\n\n<!-- output -->\n\nold\n\n<!-- not made -->\n\nafter\n"
        )
        assert gallery.main([]) == 0
        text = page.read_text()
        assert "```text\n42\n```" in text
        assert "old" not in text
        assert text.startswith("before\n")
        assert text.endswith("\n\nafter\n")

    def test_what_was_made_is_new_until_its_command_changes(self, page, capsys):
        page.write_text("```sh\necho one\n```\n\n<!-- output markdown -->\n\n<!-- not made -->\n")
        gallery.main(["--check"])
        assert "page.md: 1 outputs are older" in capsys.readouterr().out
        gallery.main([])
        capsys.readouterr()
        gallery.main(["--check"])
        assert capsys.readouterr().out == ""
        page.write_text(page.read_text().replace("echo one", "echo two"))
        gallery.main(["--check"])
        assert "1 outputs are older" in capsys.readouterr().out

    def test_the_code_of_an_output_holds_its_grid_and_results_but_no_docstring(self, page, tmp_path, monkeypatch):
        (tmp_path / "results").mkdir()
        (tmp_path / "grids").mkdir()
        monkeypatch.setattr(gallery, "ROOT", tmp_path)
        source, grid = tmp_path / "results" / "table.py", tmp_path / "grids" / "one.yaml"
        source.write_text('"""One."""\nx = 1\n')
        grid.write_text("a: 1\n")
        page.write_text("`grids/one.yaml`\n\n```sh\ntrue\n```\n\n<!-- output -->\n\n<!-- not made -->\n")
        block = next(gallery.BLOCK.finditer(page.read_text()))
        before = gallery.code(page, block)
        source.write_text('"""Sets x."""\nx = 1  # one\n')
        assert gallery.code(page, block) == before
        source.write_text('"""One."""\nx = 2\n')
        changed = gallery.code(page, block)
        assert changed != before
        grid.write_text("a: 2\n")
        assert gallery.code(page, block) not in (before, changed)

    def test_the_code_of_a_study_is_what_it_imports(self, page, tmp_path, monkeypatch):
        for folder in ("results", "tests", "data"):
            (tmp_path / folder).mkdir()
        monkeypatch.setattr(gallery, "ROOT", tmp_path)
        places = {name: tmp_path / f"{name}.py" for name in ("tests/study", "data/deep", "data/near", "results/table")}
        for place in places.values():
            place.write_text("x = 1\n")
        places["tests/study"].write_text("from data.near import x\n")
        places["data/near"].write_text("def f():\n    from data import deep\n")
        page.write_text("```sh\npython -m tests.study\n```\n\n<!-- output -->\n\n<!-- not made -->\n")
        block = next(gallery.BLOCK.finditer(page.read_text()))
        codes = [gallery.code(page, block)]
        for name in ("results/table", "data/deep", "data/near", "tests/study"):
            places[name].write_text(places[name].read_text() + "y = 2\n")
            codes.append(gallery.code(page, block))
        assert codes[0] == codes[1] and len(set(codes)) == 4

    def test_outputs_that_take_long_or_lack_their_run_stay(self, page, capsys):
        text = (
            "```sh\necho runs/no_such_run\n```\n\n<!-- output -->\n\nkept\n\n<!-- not made -->\n\n"
            "```sh\necho long\n```\n\n<!-- output long -->\n\nkept too\n\n<!-- not made -->\n"
        )
        page.write_text(text)
        assert gallery.main([]) == 0
        assert page.read_text() == text
        assert "there is no runs/no_such_run" in capsys.readouterr().out

    def test_a_command_that_fails_keeps_the_output_and_is_an_error(self, page, capsys):
        text = "```sh\necho broken >&2; false\n```\n\n<!-- output -->\n\nkept\n\n<!-- not made -->\n"
        page.write_text(text)
        assert gallery.main([]) == 1
        assert page.read_text() == text
        assert "broken" in capsys.readouterr().err


class TestLinks:
    """Faults of a built site are found."""

    @pytest.fixture
    def site(self, tmp_path, monkeypatch):
        monkeypatch.setattr(links, "ROOT", tmp_path)
        monkeypatch.setattr(links, "SITE", tmp_path)
        monkeypatch.setattr(links, "PAGES", tmp_path / "pages")
        (tmp_path / "index.html").write_text('<a href="other.html#here">o</a><img src="a.svg">')
        (tmp_path / "other.html").write_text('<h2 id="here">h</h2><a href="index.html">i</a>')
        (tmp_path / "a.svg").write_text("<svg/>")
        (tmp_path / "README.md").touch()
        return tmp_path

    def test_a_whole_site_has_none(self, site):
        assert list(links.faults()) == []

    @pytest.mark.parametrize(
        ("html", "fault"),
        [
            ('<a href="gone.html">', "gone.html leads nowhere"),
            ('<img src="gone.png">', "gone.png leads nowhere"),
            ('<a href="other.html#gone">', "names no place"),
            ('<script src="https://example.org/a.js"></script>', "from another host"),
        ],
    )
    def test_names_links_that_lead_nowhere(self, site, html, fault):
        (site / "index.html").write_text('<a href="other.html">o</a>' + html)
        assert [line for line in links.faults() if fault in line]

    def test_names_a_page_that_no_page_leads_to(self, site):
        (site / "alone.html").write_text("")
        assert list(links.faults()) == ["alone.html: no page leads to it"]

    def test_names_a_path_of_the_project_that_is_not_there(self, site):
        (site / "bench").mkdir()
        (site / "bench" / "plugins.py").touch()
        (site / "pages").mkdir()
        (site / "pages" / "one.md").write_text("`bench/plugins.py` and `bench/gone.py`")
        assert list(links.faults()) == ["pages/one.md: names `bench/gone.py`, which is not there"]


def test_prose_writes_numbers_with_their_zero():
    """`0.78` and never `.78`, as tables do; code and what commands printed stay as they are."""
    apart = r"<!-- output.*?<!-- (?:made [^>]*|not made) -->|^```.*?^```|^ {4}.*?$|`[^`\n]+`|\]\([^)]*\)"
    found = {}
    for page in PAGES.rglob("*.md"):
        prose = re.sub(apart, " ", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        found[page.name] = re.findall(r"(?<![\w.)\]])\.\d+\b.{0,30}", prose)
    assert {name: numbers for name, numbers in found.items() if numbers and name != "changelog.md"} == {}
