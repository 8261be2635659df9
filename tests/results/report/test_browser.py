"""The page in a real headless Chromium."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from results import run_folder
from results.report import write_report

WIDTHS = (400, 1600)
AXE = Path(os.environ.get("AXE_CORE", Path(__file__).parents[3] / "node_modules/axe-core/axe.min.js"))
RANKS = "[...document.querySelectorAll('table.leaderboard tbody tr')].map(row => row.cells[0].innerText)"


def column(page, name):
    """The shown values of a column of the leaderboard."""
    names = [text.strip() for text in page.locator("table.leaderboard .dt-column-title").all_inner_texts()]
    return page.evaluate(
        "i => [...document.querySelectorAll('table.leaderboard tbody tr')].map(row => row.cells[i].innerText.trim())",
        names.index(name),
    )


def header(page, name):
    """The header of a column of the leaderboard."""
    title = page.locator(".dt-column-title").get_by_text(name, exact=True)
    return page.locator("table.leaderboard th").filter(has=title)


def sort(page, name, direction):
    """Presses a header and waits until it is marked as sorted; the rows follow a moment later."""
    header(page, name).locator(".dt-column-title").click()
    page.locator(f"table.leaderboard th[aria-sort={direction}]", has_text=name).wait_for()


def eventually(page, read, *, reverse=False):
    """The values that are read from a table once it is in order, or after three seconds."""
    for _ in range(30):
        found = read()
        if found == sorted(found, reverse=reverse):
            break
        page.wait_for_timeout(100)
    return found


def numbers(page, name):
    """The scores of a column, without intervals and empty places."""
    return [float(text.split()[0]) for text in column(page, name) if text]


def test_opens_in_the_order_of_ranks(opened, grid_report):
    page = opened(grid_report)
    assert page.evaluate(RANKS) == [str(rank) for rank in range(1, 11)]
    assert "10 rows" in page.locator(".dt-info").inner_text()


def test_headers_sort_by_the_number_and_not_by_its_text(opened, grid_report):
    page = opened(grid_report)
    sort(page, "Gain over location", "descending")
    sort(page, "Gain over location", "ascending")
    gains = eventually(page, lambda: numbers(page, "Gain over location"))
    assert len(gains) == 9
    assert gains == sorted(gains)
    assert gains[0] < 0 < gains[-1]
    sort(page, "Heads", "ascending")
    heads = eventually(page, lambda: column(page, "Heads"))
    assert heads == ["location", *["logistic"] * 4, "prior", *["svc"] * 4]


def test_search_and_filter_hide_rows(opened, grid_report):
    page = opened(grid_report)
    page.get_by_label("Search:").fill("clahe")
    assert column(page, "Images") == ["clahe"] * 4
    assert page.locator(".dt-info").inner_text() == "4 rows of 10"
    page.get_by_label("Search:").fill("")
    header(page, "Encoders").get_by_role("button", name="Filter").click()
    page.locator(".dtcc-dropdown").get_by_text("raw_pixels", exact=True).click()
    assert column(page, "Encoders") == ["raw_pixels"] * 4


def test_floors_and_cells_that_are_not_done_are_marked(opened, report, grid_run):
    grid_run.add(status="failed", reason="ValueError: NaN in <features> & more", encoders="broken", heads="svc")
    grid_run.add(status="refused", reason="own needs a trained fusion", heads="own")
    page = opened(report(grid_run))
    assert sorted(page.locator("tr.floor").locator("td:nth-child(3)").all_inner_texts()) == ["floor", "floor"]
    undone = page.locator("tr.undone").locator("td:nth-child(3)").all_inner_texts()
    assert sorted(undone) == ["failed ValueError: NaN in <features> & more", "refused own needs a trained fusion"]
    assert column(page, "AUC")[-2:] == ["", ""]
    assert page.evaluate(RANKS) == [*(str(rank) for rank in range(1, 11)), "\u2013", "\u2013"]


def test_names_are_shown_as_they_are(opened, report, new_run):
    name = "β_net(δ=1, <b>x</b> & \"y\" 'z' </script> {{ 1 }})"
    run = new_run(dataset="a & b", n_excluded=1)
    run.about["name"] = "μ_<i>run</i>"
    run.add(run.signal, encoders=name, heads="logistic")
    run.add(-run.signal, encoders="other_net", heads="logistic")
    run.add_floors()
    reason = "unreadable: <not a file> & λ_1"
    (run.folder / "excluded.csv").write_text(f"file,sample,sequence,reason\n<1>.dcm,s_1,t2,{reason}\n")
    page = opened(report(run))
    assert page.locator("h1").inner_text() == "μ_<i>run</i>"
    assert page.title() == "μ_<i>run</i>: a & b"
    # The fields of a step are shown where two steps of one name differ; its whole label is on the page of the cell.
    page.locator("td a").first.click()
    page.locator("article").filter(visible=True).locator("dd").first.wait_for()  # filled in an event that follows
    facts = page.locator("article").filter(visible=True).locator("dd").all_inner_texts()
    assert name in facts
    page.locator("#excluded summary").click()
    assert reason in page.locator("#excluded summary").inner_text()
    assert page.locator("#excluded td").first.inner_text() == "<1>.dcm"


def test_a_rank_leads_to_its_cell_and_opens_it(opened, grid_report):
    page = opened(grid_report)
    assert page.locator("article").filter(visible=True).count() == 0
    page.locator("td a", has_text="3").click()
    article = page.locator("article").filter(visible=True)
    assert article.get_attribute("aria-label").startswith("3. ")
    article.locator("svg").wait_for()
    assert article.locator("pre").inner_text().count("\n") == 1


def test_keys_reach_search_sorting_filters_and_the_cells(opened, grid_report):
    page = opened(grid_report)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("(e => `${e.tagName} ${e.type ?? ''} ${e.ariaLabel ?? ''}`)(document.activeElement)")
        )
    assert any(name.startswith("INPUT search") for name in reached)
    assert any("AUC: Activate" in name for name in reached)
    assert any(name.startswith("BUTTON") and name.endswith("Filter") for name in reached)
    assert any(name.startswith("A") and "details of" in name for name in reached)
    header(page, "Macro F1").locator(".dt-column-order").focus()
    page.keyboard.press("Enter")
    scores = eventually(page, lambda: numbers(page, "Macro F1"), reverse=True)
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_never_scrolls_sideways(opened, report, grid_run, width):
    grid_run.add(status="failed", reason="x" * 300, heads="a_head_with_a_name_that_has_no_end_" * 4)
    (grid_run.folder / "provenance.json").write_text(
        json.dumps([{"finished": "n" * 200, "versions": {"p" * 90: "1"}}] * 9)
    )
    grid_run.about["compare"] = [{"family": {}, "against": "location", "metric": "auc", "margin": 0.05}]
    page = opened(report(grid_run), width)
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    page.wait_for_function("document.querySelectorAll('noscript').length === 0")
    page.locator("#comparisons table").scroll_into_view_if_needed()
    assert page.locator("#comparisons tbody tr").filter(visible=True).count() == 8
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.clientWidth") == width


def test_prints_every_row_of_the_leaderboard(opened, grid_report):
    page = opened(grid_report, 400)
    page.emulate_media(media="print")
    box = page.locator(".dt-layout-table")
    assert box.evaluate("e => e.scrollHeight - e.clientHeight") <= 1
    assert not page.get_by_label("Search:").is_visible()
    assert page.locator("table.leaderboard tbody tr").count() == 10


def test_can_be_read_without_scripts(browser, grid_report):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(grid_report.as_uri())
    assert page.locator("table.leaderboard tbody tr").filter(visible=True).count() == 10
    page.goto(f"{page.url}#cell-cell3")
    page.locator("#cell-cell3 dd").first.wait_for()
    context.close()


@pytest.mark.skipif(not AXE.exists(), reason=f"no axe-core at {AXE}: npm install --no-save axe-core, or set AXE_CORE")
def test_axe_finds_no_serious_violation(opened, report, grid_run):
    grid_run.add(status="failed", reason="no", heads="svc", images="none")
    (grid_run.folder / "provenance.json").write_text(json.dumps([{"finished": "now", "versions": {"numpy": "2.4"}}]))
    grid_run.about["compare"] = [{"family": {}, "against": "location", "metric": "auc", "margin": 0.05}]
    page = opened(report(grid_run))
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    page.wait_for_function("document.querySelectorAll('noscript').length === 0")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    grave = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert found["passes"]
    assert [(v["id"], [node["html"][:200] for node in v["nodes"][:3]]) for v in grave] == []


@pytest.fixture(scope="module")
def large_report(tmp_path_factory, grid_run_in):
    """The report of 126 cells and floors: more than a leaderboard shows at a time."""
    images = [f"images_{i}" for i in range(63)]
    folder = grid_run_in(tmp_path_factory.mktemp("large"), images, ["resnet50"], n_patients=20).finish()
    return write_report(run_folder.read(folder), folder)


def test_sorting_search_and_filters_reach_rows_that_are_not_shown(opened, large_report):
    page = opened(large_report)
    assert page.evaluate(RANKS) == [str(rank) for rank in range(1, 101)]
    page.get_by_role("link", name="2", exact=True).click()
    assert page.evaluate(RANKS) == [str(rank) for rank in range(101, 129)]
    lowest = min(numbers(page, "AUC"))
    sort(page, "AUC", "descending")
    sort(page, "AUC", "ascending")
    scores = eventually(page, lambda: numbers(page, "AUC"))
    assert scores[0] == lowest
    page.get_by_label("Search:").fill("location")
    assert column(page, "Heads") == ["location"]
    page.get_by_label("Search:").fill("")
    header(page, "Images").get_by_role("button", name="Filter").click()
    page.locator(".dtcc-dropdown").get_by_text("images_62", exact=True).click()
    assert column(page, "Images") == ["images_62"] * 2


def test_prints_rows_that_are_not_shown(opened, large_report):
    page = opened(large_report)
    page.evaluate("addEventListener('beforeprint', () => { window.printed = document.querySelectorAll('tr').length; })")
    everything = page.locator("tr").count() + 28
    assert page.pdf().startswith(b"%PDF")
    assert page.evaluate("window.printed") == everything
    assert page.locator("table.leaderboard tbody tr").count() == 100


def test_an_address_with_a_cell_opens_it(opened, grid_report):
    page = opened(grid_report)
    page.goto(grid_report.as_uri() + "#cell-cell3")
    page.reload()
    page.locator("#cell-cell3 dd").first.wait_for()
    assert page.locator("article").filter(visible=True).get_attribute("id") == "cell-cell3"


@pytest.mark.long
def test_a_thousand_cells_open_in_two_seconds(opened, report, new_run):
    run = new_run(n_patients=20, repeats=5)
    run.add_floors()
    names = {axis: [f"{axis}_{i}" for i in range(n)] for axis, n in (("encoders", 20), ("images", 10), ("heads", 5))}
    for encoder in names["encoders"]:
        for images in names["images"]:
            for head in names["heads"]:
                score = run.signal + run.random.normal(size=len(run.y))
                run.add(score, encoders=encoder, images=images, heads=head)
    path = report(run)
    assert path.stat().st_size < 10_000_000
    page = opened(path)
    assert page.locator(".dt-info").inner_text() == "1,002 rows"
    assert np.isfinite(numbers(page, "AUC")).all()
    if os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
        pytest.skip(f"the machine is too busy to time anything: load {os.getloadavg()[0]:.0f}")
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        opened(path)
        seconds.append(time.perf_counter() - started)
    # The fastest of three: other processes of the machine make an opening slower and never faster.
    assert min(seconds) < 2
