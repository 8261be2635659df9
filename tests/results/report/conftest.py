"""A page in a real browser; skipped where there is none."""

import os
import shutil

import pytest

from results import run_folder
from results.report import write_report

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium of this machine: `$CHROMIUM`, or `chromium` on the path."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine: apt-get install chromium, or set CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser):
    """Opens a page, and checks afterwards that its console is empty and that it made no request."""
    pages, printed, requested = [], [], []

    def open_page(path, width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        page.on("console", lambda message: printed.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: printed.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function("tables => document.querySelectorAll('.dt-container').length === tables", arg=1)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert printed == []
    assert requested
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []


@pytest.fixture
def report():
    """Writes the report of a run writer."""
    return lambda run, to=None, **options: write_report(run_folder.read(run.finish()), to or run.folder, **options)


@pytest.fixture(scope="session")
def grid_report(tmp_path_factory, grid_run_in):
    """The report of `grid_run` as it is, written once for all tests that only read it."""
    folder = grid_run_in(tmp_path_factory.mktemp("report")).finish()
    return write_report(run_folder.read(folder), folder)
